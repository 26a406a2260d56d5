"""`stream`: what is recorded of a stream, and when it is whole."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.errors import NotRecordable
from openai_replay.format.recording import JSON
from openai_replay.record.exchange import End, Exchange
from openai_replay.record.record import record
from openai_replay.request.identity import describe
from unit.exchanges import (
    API,
    NO_RULES,
    STREAM_HEADERS,
    chat,
    chunk,
    streamed,
)
from unit.recorded import body_of, dumped_by_package
from unit.wire_objects import CHUNK


def test_a_stream_is_its_chunks_in_envelopes() -> None:
    request = chat(stream=True)
    recorded = record(streamed(request, [chunk("Hel"), chunk("lo")]))
    short = request.name()[:12]

    assert recorded.recording.response.is_streaming
    assert json.dumps(body_of(recorded)) == json.dumps(
        [
            {
                "__type__": CHUNK,
                "__data__": dumped_by_package(CHUNK, chunk(text)) | {"id": f"rec-{short}", "created": 0},
            }
            for text in ("Hel", "lo")
        ]
    )
    assert recorded.recording.response.wire == {}
    assert recorded.recording.response.failure is None


@given(st.lists(st.integers(0, 2000), max_size=6))
def test_a_stream_does_not_depend_on_where_its_bytes_are_cut(places: list[int]) -> None:
    exchange = streamed(chat(stream=True), [chunk("Zürich 🗼"), chunk("東京")])
    whole = b"".join(exchange.body)
    bounds = [0, *sorted(place % len(whole) for place in places), len(whole)]
    pieces = [whole[first:last] for first, last in zip(bounds, bounds[1:], strict=False)]  # noqa: RUF007

    assert record(replace(exchange, body=pieces)) == record(exchange)


RAW: dict[str, tuple[list[JSON | str], list[str]]] = {
    "a text": (["hello"], ["data: hello", "", "data: [DONE]", ""]),
    "a list": (["[1]"], ["data: [1]", "", "data: [DONE]", ""]),
    "nothing": ([""], ["data: ", "", "data: [DONE]", ""]),
    "something after the end": (["[DONE]", {}], ["data: [DONE]", "", "data: {}", "", "data: [DONE]", ""]),
    "a chunk before": (['{"a":1}', "x"], ['data: {"a":1}', "", "data: x", "", "data: [DONE]", ""]),
}


@pytest.mark.parametrize(("events", "lines"), RAW.values(), ids=RAW)
def test_a_stream_of_anything_but_objects_is_its_lines(
    events: Sequence[JSON | str], lines: list[str]
) -> None:
    assert body_of(record(streamed(chat(stream=True), events))) == lines


def test_a_stream_that_broke_keeps_the_chunks_that_came_and_says_who_broke_it() -> None:
    exchange = streamed(chat(stream=True), [chunk("a"), chunk("b")], end=End.CUT_BY_UPSTREAM, done=False)
    cut = replace(exchange, body=[*exchange.body, b'data: {"id": "chatc'])
    recorded = record(cut)

    message = "The stream broke off after 2 chunks: the connection to the API broke."
    assert len(body_of(recorded)) == 2
    assert recorded.recording.response.failure is not None
    assert recorded.recording.response.failure.message == message
    assert recorded.recording.response.failure.data == {
        "category": "stream",
        "provider": "openai",
        "type": "IncompleteStream",
        "message": message,
        "ended_by": "upstream",
    }
    assert not recorded.is_success()
    assert not recorded.is_retryable_failure()


@pytest.mark.parametrize("events", [[chunk("a")], ["raw"]], ids=["chunks", "lines"])
def test_a_client_that_left_after_the_end_missed_nothing(events: Sequence[JSON | str]) -> None:
    recorded = record(streamed(chat(stream=True), events, end=End.LEFT_BY_CLIENT))
    assert recorded.recording.response.failure is None


@pytest.mark.parametrize("events", [[chunk("a")], ["raw"]], ids=["chunks", "lines"])
def test_a_client_that_left_before_the_end_is_told_of(events: Sequence[JSON | str]) -> None:
    failure = record(
        streamed(chat(stream=True), events, end=End.LEFT_BY_CLIENT, done=False)
    ).recording.response.failure

    assert failure is not None
    assert failure.message == "The stream broke off after 1 chunks: the client left."


def test_a_response_that_was_completed_was_heard_to_its_end() -> None:
    request = describe("POST", f"{API}/v1/responses", {"stream": True}, None, NO_RULES)
    events: list[JSON | str] = [{"type": "response.completed", "sequence_number": 1, "response": {}}]

    assert record(streamed(request, events, end=End.LEFT_BY_CLIENT, done=False)).is_success()


def test_a_stream_of_bytes_that_are_no_text_is_not_recordable() -> None:
    with pytest.raises(NotRecordable, match=r"^the stream is not valid UTF-8: invalid start byte at byte 6 "):
        record(Exchange(chat(), 200, STREAM_HEADERS, [b"data: \xff\n\n"]))
