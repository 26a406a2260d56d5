"""A recorded answer as the messages of a WebSocket."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from openai_replay.format.recording import JSON
from openai_replay.replay.answer import Answer
from openai_replay.replay.delivery import Ending, at_once, cut
from openai_replay.replay.responses_socket import (
    AwaitClient,
    AwaitTime,
    BreakOff,
    ClientMessages,
    Stall,
    Step,
    miss_event,
    needs_no_answer,
    steps,
)
from openai_replay.request.redaction import redactor
from openai_replay.request.rules import Rules
from openai_replay.wire.socket_notes import Close, SocketNotes

CREATED, COMPLETED = '{"type":"response.created"}', '{"type":"response.completed"}'


def streamed(*texts: str, is_broken: bool = False, socket: SocketNotes | None = None) -> Answer:
    pieces = tuple(f"event: x\ndata: {text}\n\n".encode() for text in texts)
    return Answer(Path("a.json"), 200, (), pieces, is_broken, socket=socket or SocketNotes())


def said(answer: Answer, lane: str | None) -> list[Step]:
    """Return the steps of an answer, except for times."""
    return [step for step in steps(answer, lane) if not isinstance(step, AwaitTime)]


def test_times_are_those_of_the_schedule() -> None:
    schedule = replace(at_once(streamed(CREATED, COMPLETED)), head_at_ms=5.0, end_at_ms=30.0)
    schedule = replace(schedule, times_ms=(10, 20))

    assert [step.at_ms for step in steps(schedule, None) if isinstance(step, AwaitTime)] == [5, 10, 20, 30]


def test_a_fault_that_stalls_keeps_the_connection() -> None:
    schedule = cut(at_once(streamed(CREATED)), (), Ending.STALL)

    assert list(steps(schedule, None))[-1] == Stall()


def test_each_event_is_a_message() -> None:
    assert list(said(streamed(CREATED, COMPLETED), None)) == [CREATED, COMPLETED]


def test_done_is_no_message() -> None:
    assert list(said(streamed(CREATED, "[DONE]"), None)) == [CREATED]


def test_the_lane_stands_behind_all_else() -> None:
    assert list(said(streamed(CREATED), "a")) == ['{"type":"response.created","stream_id":"a"}']


def test_an_error_is_an_event_with_its_status() -> None:
    answer = Answer(Path("a.json"), 429, (), (b'{"error":{"code":"rate"}}',))

    assert list(said(answer, "a")) == [
        '{"type":"error","status":429,"error":{"code":"rate"},"stream_id":"a"}'
    ]


def test_an_error_that_is_text_is_its_message() -> None:
    (event,) = said(Answer(Path("a.json"), 502, (), (b"Bad gateway",)), None)

    assert isinstance(event, str)
    assert json.loads(event)["error"]["message"] == "Bad gateway"


@pytest.mark.parametrize("close", [None, Close(1011, "overloaded")])
def test_a_broken_stream_ends_with_the_recorded_close(close: Close | None) -> None:
    answer = streamed(CREATED, is_broken=True, socket=SocketNotes((), close))

    assert list(said(answer, None)) == [CREATED, BreakOff(close)]


def test_messages_of_the_client_are_awaited_in_their_place() -> None:
    notes = SocketNotes(((1, "steer"), (2, "last")))

    assert list(said(streamed(CREATED, COMPLETED, socket=notes), None)) == [
        CREATED,
        AwaitClient("steer"),
        COMPLETED,
        AwaitClient("last"),
    ]


def test_a_miss_names_its_lane() -> None:
    event = json.loads(miss_event("No recording.", "recording_not_found", "a"))

    assert (event["type"], event["status"], event["stream_id"]) == ("error", 400, "a")
    assert event["error"]["type"] == "recording_error"


def test_an_acknowledgement_needs_no_answer() -> None:
    assert needs_no_answer({"type": "response.processed"})
    assert not needs_no_answer({"type": "response.steer"})


def messages() -> ClientMessages:
    return ClientMessages(Rules((), redactor(())))


async def arrives_after(wanted: JSON, *sent: JSON) -> list[bool]:
    """Return the messages that were sent while one was awaited, which has come in the end."""
    client = messages()
    waiting = asyncio.create_task(client.await_equal(wanted))
    await asyncio.sleep(0)
    taken = [client.take(message, is_busy=True) for message in sent]
    await waiting
    return taken


def test_a_message_goes_to_the_answer_that_waits_for_an_equal_one() -> None:
    assert asyncio.run(arrives_after({"a": 1}, {"a": 2}, {"a": 1.0})) == [False, True]


def test_a_message_that_came_early_is_kept_for_its_answer() -> None:
    client = messages()

    assert client.take({"a": 1}, is_busy=True)
    asyncio.run(client.await_equal({"a": 1}))
    assert client.unclaimed() == []


def test_a_message_that_no_answer_can_await_is_refused() -> None:
    client = messages()

    assert not client.take({"a": 1}, is_busy=False)
    assert client.take({"a": 1}, is_busy=True)
    assert client.unclaimed() == [{"a": 1}]
    assert client.unclaimed() == []
