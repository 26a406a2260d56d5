"""`stream`: the recording of a stream, and when it is whole."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.format.recording import JSON, opened
from openai_replay.record.exchange import End, Exchange, Recorded
from openai_replay.record.record import record
from openai_replay.request.identity import describe
from openai_replay.wire.socket_notes import Close, SocketNotes
from support.requests import API
from unit.exchanges import NO_RULES, STREAM_HEADERS, chat, chunk, streamed
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


# --- which streams are whole though the client left --------------------------------------------------------------


def event(kind: str) -> JSON:
    return {"type": kind}


def finished(index: int = 0, **members: JSON) -> JSON:
    return {**chunk(""), "choices": [{"index": index, "delta": {}, "finish_reason": "stop"}], **members}


USAGE: JSON = {**chunk(""), "choices": [], "usage": {"total_tokens": 1}}
ASKED: dict[str, JSON] = {"stream_options": {"include_usage": True}}
IMAGE = "image_generation.completed"

WHOLE: dict[str, tuple[str, dict[str, JSON], list[JSON]]] = {
    "a finish reason": ("/chat/completions", {}, [chunk("a"), finished()]),
    "and the requested usage": ("/chat/completions", ASKED, [finished(), USAGE]),
    "usage beside the finish reason": ("/chat/completions", ASKED, [finished(usage={"total_tokens": 1})]),
    "two choices": ("/chat/completions", {"n": 2}, [finished(1), finished(0)]),
    "two prompts": ("/completions", {"prompt": ["a", "b"]}, [finished(0), finished(1)]),
    "a completed response": ("/responses", {}, [event("response.completed")]),
    "a failed response": ("/responses", {}, [event("response.failed")]),
    "an incomplete response": ("/responses", {}, [event("response.incomplete")]),
    "an error": ("/responses", {}, [event("error")]),
    "an image": ("/images/generations", {}, [event(IMAGE)]),
    "an edited image": ("/images/edits", {}, [event("image_edit.completed")]),
    "speech": ("/audio/speech", {}, [event("speech.audio.done")]),
    "a transcript": ("/audio/transcriptions", {}, [event("transcript.text.done")]),
}

CUT: dict[str, tuple[str, dict[str, JSON], list[JSON]]] = {
    "no finish reason": ("/chat/completions", {}, [chunk("a")]),
    "no usage": ("/chat/completions", ASKED, [finished()]),
    "one of two choices": ("/chat/completions", {"n": 2}, [finished(1)]),
    "one of two images": ("/images/generations", {"n": 2}, [event(IMAGE)]),
    "a part of a response": ("/responses", {}, [event("response.output_item.done")]),
    "a part of an image": ("/images/generations", {}, [event("image_generation.partial_image")]),
}


def left(path: str, body: dict[str, JSON], events: list[JSON]) -> Recorded:
    request = describe("POST", f"{API}/v1{path}", {"stream": True, **body}, None, NO_RULES)
    return record(streamed(request, events, end=End.LEFT_BY_CLIENT, done=False))


@pytest.mark.parametrize(("path", "body", "events"), WHOLE.values(), ids=WHOLE)
def test_a_client_that_left_after_the_last_event_missed_nothing(
    path: str, body: dict[str, JSON], events: list[JSON]
) -> None:
    assert left(path, body, events).is_success()
    assert "end" not in left(path, body, events).recording.response.wire


@pytest.mark.parametrize(("path", "body", "events"), CUT.values(), ids=CUT)
def test_a_client_that_left_before_the_last_event_cut_the_stream(
    path: str, body: dict[str, JSON], events: list[JSON]
) -> None:
    assert left(path, body, events).recording.response.is_broken()


# --- streams that clients read though they are odd ----------------------------------------------------------------

HELLO = b'data: {"id":"rec-0","choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'


@pytest.mark.parametrize(
    "beginning",
    [b"data: \n\n", b"event: ping\ndata: \n\n", b": x\n\ndata: \n\n"],
    ids=["data", "event", "comment"],
)
def test_a_heartbeat_does_not_make_the_stream_raw_lines(beginning: bytes) -> None:
    recorded = record(
        Exchange(chat(stream=True), 200, STREAM_HEADERS, [beginning + HELLO + b"data: [DONE]\n\n"])
    )

    assert [opened(item)[0] for item in body_of(recorded)] == [CHUNK]


def test_bytes_that_are_no_text_are_in_the_recording_as_clients_read_them() -> None:
    recorded = record(Exchange(chat(stream=True), 200, STREAM_HEADERS, [HELLO.replace(b"Hi", b"\xe2\x82")]))
    [item] = body_of(recorded)

    assert item["__data__"]["choices"][0]["delta"]["content"] == "\ufffd"


def test_no_secret_is_in_the_notes_of_a_socket() -> None:
    key = "sk-proj-aB3dEfGh1jKlMnOpQrStUvWxYz0123456789"
    notes = SocketNotes(((0, {"type": "response.steer", "text": key}),), Close(1011, key))
    made = record(replace(streamed(chat("Hi"), [chunk("a")], end=End.CUT_BY_UPSTREAM), socket=notes))

    assert made.recording.response.wire["client"] == [
        {"before": 0, "data": {"type": "response.steer", "text": "REDACTED"}}
    ]
    assert made.recording.response.wire["close"] == {"code": 1011, "reason": "REDACTED"}


@pytest.mark.parametrize(("done", "is_broken"), [(True, False), (False, True)])
def test_a_stream_that_ended_with_its_connection_is_whole_if_its_last_event_came(
    done: bool, is_broken: bool
) -> None:
    exchange = streamed(chat(stream=True), [chunk("a")], end=End.CONNECTION_ENDED, done=done)
    assert record(exchange).recording.response.is_broken() is is_broken
    cut = replace(exchange, body=[*exchange.body, b'data: {"id": "chatc'])
    assert record(cut).recording.response.is_broken() is is_broken
