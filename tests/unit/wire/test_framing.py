"""`framing`: the lines around the chunks follow from them, or are noted."""

from __future__ import annotations

import pytest
from hypothesis import given

from openai_replay.format.recording import JSON
from openai_replay.wire.framing import (
    FrameNotes,
    Frames,
    implied_end,
    implied_lines,
    is_assistant_event,
    notes_of_bytes,
    with_bytes,
)
from openai_replay.wire.sse import NEWLINE, Event, Parser
from support.requests import CHAT_PATH
from unit.exchanges import OBJECTS

CHUNK = "openai.types.chat.chat_completion_chunk.ChatCompletionChunk"
DELTA = "openai.types.responses.response_text_delta_event.ResponseTextDeltaEvent"
IMAGE = "openai.types.image_gen_partial_image_event.ImageGenPartialImageEvent"
THREAD = "openai.types.beta.assistant_stream_event.ThreadCreated"


@pytest.mark.parametrize(
    ("class_name", "data", "lines"),
    [
        (CHUNK, {"type": "x"}, ()),
        (None, {"type": "x"}, ()),
        (DELTA, {"type": "response.output_text.delta"}, ("event: response.output_text.delta",)),
        (IMAGE, {"type": "image_generation.partial_image"}, ("event: image_generation.partial_image",)),
        (DELTA, {"type": None}, ()),
        (DELTA, "x", ()),
        (THREAD, {"event": "thread.created", "data": {}}, ("event: thread.created",)),
    ],
)
def test_the_name_of_an_event_follows_from_its_chunk(
    class_name: str | None, data: JSON, lines: tuple[str, ...]
) -> None:
    assert implied_lines(class_name, data) == lines


def test_only_assistants_events_hold_their_name_beside_their_data() -> None:
    assert is_assistant_event(THREAD)
    assert not is_assistant_event(DELTA)
    assert not is_assistant_event(None)


@pytest.mark.parametrize(
    ("endpoint", "lines"),
    [
        (CHAT_PATH, ("data: [DONE]",)),
        ("/v1/completions", ("data: [DONE]",)),
        ("/v1/threads/t/runs", ("event: done", "data: [DONE]")),
        ("/v1/responses", ()),
        ("/v1/images/generations", ()),
    ],
)
def test_the_end_of_a_stream_follows_from_its_operation(endpoint: str, lines: tuple[str, ...]) -> None:
    assert implied_end(endpoint) == lines


# --- notes --------------------------------------------------------------------------------------------------------


def test_what_follows_from_the_chunks_is_not_noted() -> None:
    notes = FrameNotes()
    notes.chunk(0, Event("{}"), ())
    notes.chunk(1, Event("{}", ("event: x",)), ("event: x",))
    notes.done(Event("[DONE]"))

    assert notes.result(CHAT_PATH, is_end_unknown=False) == {}


def test_everything_else_is() -> None:
    notes = FrameNotes()
    notes.block(0, Event(None, (": hello",)))
    notes.chunk(0, Event("{}", ("id: 1",)), ())
    notes.chunk(1, Event("{}", ("id: 1",)), ())
    notes.chunk(2, Event("{}"), ("event: x",))
    notes.block(3, Event(None, (": bye", "retry: 1")))
    notes.done(Event("[DONE]", ("event: end",), ending=NEWLINE))

    assert notes.result(CHAT_PATH, is_end_unknown=False) == {
        "lines": [{"chunks": "0-1", "lines": ["id: 1"]}, {"chunks": "2", "lines": []}],
        "between": [{"before": 0, "lines": [": hello"]}, {"before": 3, "lines": [": bye", "retry: 1"]}],
        "end": ["event: end", "data: [DONE]"],
        "unterminated": True,
    }


def test_that_nothing_ends_a_stream_is_noted_where_something_should() -> None:
    notes = FrameNotes()
    notes.chunk(0, Event("{}"), ())

    assert notes.result(CHAT_PATH, is_end_unknown=False) == {"end": []}
    assert notes.result(CHAT_PATH, is_end_unknown=True) == {}
    assert notes.result("/v1/responses", is_end_unknown=False) == {}


def test_an_end_that_came_before_the_break_is_noted() -> None:
    notes = FrameNotes()
    notes.chunk(0, Event("{}"), ())
    notes.done(Event("[DONE]"))

    assert notes.result(CHAT_PATH, is_end_unknown=True) == {"end": ["data: [DONE]"]}


# --- replay -------------------------------------------------------------------------------------------------------


def test_notes_give_a_stream_its_framing_back() -> None:
    frames = Frames(
        {
            "lines": [{"chunks": "0-1", "lines": ["id: 1"]}],
            "between": [
                {"before": 0, "lines": [": a"]},
                {"before": 0, "lines": [": b"]},
                {"before": 2, "lines": [": c"]},
            ],
            "end": ["event: end"],
        }
    )

    assert list(frames.before(0)) == [b": a\n\n", b": b\n\n"]
    assert list(frames.before(1)) == []
    assert frames.event(1, None, {}, "{}") == b"id: 1\ndata: {}\n\n"
    assert frames.event(2, None, {}, "{}") == b"data: {}\n\n"
    assert list(frames.end(CHAT_PATH, 2, is_broken=False)) == [b": c\n\n", b"event: end\n\n"]


def test_without_notes_the_framing_follows_from_the_chunks() -> None:
    frames = Frames({})

    assert frames.event(0, DELTA, {"type": "x"}, "{}") == b"event: x\ndata: {}\n\n"
    assert list(frames.end(CHAT_PATH, 1, is_broken=False)) == [b"data: [DONE]\n\n"]
    assert list(frames.end("/v1/responses", 1, is_broken=False)) == []
    assert list(frames.end(CHAT_PATH, 1, is_broken=True)) == []


def test_an_end_that_came_before_the_break_is_sent() -> None:
    assert list(Frames({"end": ["data: [DONE]"]}).end(CHAT_PATH, 1, is_broken=True)) == [b"data: [DONE]\n\n"]


def test_an_end_without_lines_is_none() -> None:
    assert list(Frames({"end": []}).end(CHAT_PATH, 1, is_broken=False)) == []


def test_a_last_block_that_was_not_terminated_is_not() -> None:
    pieces = (b"data: 1\n\n", b"data: 2\n\n")

    assert with_bytes(pieces, {"unterminated": True}) == (b"data: 1\n\n", b"data: 2\n")
    assert with_bytes((), {"unterminated": True}) == ()
    assert with_bytes(pieces, {}) == pieces


def test_line_ends_and_a_byte_order_mark_are_given_back() -> None:
    pieces = (b"data: 1\n\n", b"data: 2\n\n")

    assert with_bytes(pieces, {"line_ends": "crlf*3 lf"}) == (b"data: 1\r\n\r\n", b"data: 2\r\n\n")
    assert with_bytes(pieces, {"byte_order_mark": True}) == (b"\xef\xbb\xbfdata: 1\n\n", pieces[1])
    assert with_bytes((), {"byte_order_mark": True}) == (b"\xef\xbb\xbf",)


def test_only_unusual_bytes_are_noted() -> None:
    usual, unusual = Parser(), Parser()
    usual.feed(b"data: 1\n\n")
    unusual.feed(b"\xef\xbb\xbfdata: 1\r\r")

    assert notes_of_bytes(usual) == {}
    assert notes_of_bytes(unusual) == {"line_ends": "cr", "byte_order_mark": True}


@given(OBJECTS, OBJECTS)
def test_notes_of_another_form_are_as_if_they_were_not_there(
    notes: dict[str, JSON], inner: dict[str, JSON]
) -> None:
    forms: list[dict[str, JSON]] = [
        notes,
        {"lines": [inner], "between": [inner]},
        {"lines": notes, "between": 1, "unterminated": 1},
    ]
    for members in forms:
        frames = Frames(members)
        assert frames.event(0, None, {}, "{}").endswith(b"data: {}\n\n")
        assert list(frames.end("/v1/responses", 0, is_broken=False)) == []
