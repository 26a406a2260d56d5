"""`sse`: the events of a stream do not depend on how its bytes were cut, and nothing of them is lost."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.wire.line_ends import with_line_ends
from openai_replay.wire.sse import (
    NEWLINE,
    NOTHING,
    Event,
    Parser,
    event_name,
    field_and_value,
    lines_of,
    readable,
    serialize,
)

LINE_ENDS = st.sampled_from(["\n", "\r\n", "\r"])
LINE_TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=6)
FIELDS = st.sampled_from(["data: ", "data:", "data", "event: ", "id: ", "retry:", ":", ": ", "x", ""])
LINES = st.builds("{}{}".format, FIELDS, LINE_TEXTS)


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Streams in all line ends, mixed, with or without a byte order mark and an end of the last line."""
    lines = draw(st.lists(LINES | st.just(""), max_size=8))
    ends = draw(st.lists(LINE_ENDS, min_size=len(lines), max_size=len(lines)))
    text = "".join(line + end for line, end in zip(lines, ends, strict=True))
    return draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + (text + draw(LINES | st.just(""))).encode()


def parsed(pieces: list[bytes]) -> list[Event]:
    parser = Parser()
    events = [event for piece in pieces for event in parser.feed(piece)]
    return events + parser.close()


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    bounds = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    return [stream[first:last] for first, last in itertools.pairwise(bounds)]


# --- one by one ---------------------------------------------------------------------------------------------------

BLANK = Event(None)
CASES = {
    "one event": (b"data: a\n\n", [Event("a")]),
    "two events": (b"data: a\n\ndata: b\n\n", [Event("a"), Event("b")]),
    "several data lines": (b"data: a\ndata: b\n\n", [Event("a\nb")]),
    "carriage returns": (b"data: a\r\rdata: b\r\r", [Event("a"), Event("b")]),
    "both line ends": (b"data: a\r\n\r\ndata: b\r\n\r\n", [Event("a"), Event("b")]),
    "mixed line ends": (b"data: a\r\ndata: b\rdata: c\n\r\n", [Event("a\nb\nc")]),
    "blank lines between": (b"data: a\n\n\n\ndata: b\n\n", [Event("a"), BLANK, BLANK, Event("b")]),
    "a byte order mark": (b"\xef\xbb\xbfdata: a\n\n", [Event("a")]),
    "a byte order mark later on": (
        b"data: a\n\n\xef\xbb\xbfdata: b\n\n",
        [Event("a"), Event(None, ("\ufeffdata: b",))],
    ),
    "a comment alone": (
        b": OPENROUTER PROCESSING\n\ndata: a\n\n",
        [Event(None, (": OPENROUTER PROCESSING",)), Event("a")],
    ),
    "a comment inside": (b": x\ndata: a\n\n", [Event("a", (": x",))]),
    "data before a name": (b"data: a\nevent: e\n\n", [Event("a", ("data", "event: e"))]),
    "data around a name": (b"data: a\nevent: e\ndata: b\n\n", [Event("a\nb", ("data", "event: e"))]),
    "a name between names": (
        b"id: 1\ndata: a\nevent: e\ndata: b\nid: 2\n\n",
        [Event("a\nb", ("id: 1", "data", "event: e", "data", "id: 2"))],
    ),
    "bytes that are no text": (b"data: \xff\n: \xe2\x82\n\n", [Event("\udcff", ("data", ": \udce2\udc82"))]),
    "a name, an id, a pause": (
        b"event: e\nid: 7\nretry: 10\ndata: a\n\n",
        [Event("a", ("event: e", "id: 7", "retry: 10"))],
    ),
    "no space after the colon": (b"data:a\n\n", [Event("a", ("data:",))]),
    "a space after some colons": (
        b"data: a\ndata:b\ndata: c\nid: 1\n\n",
        [Event("a\nb\nc", ("data", "data:", "data", "id: 1"))],
    ),
    "two spaces after the colon": (b"data:  a\n\n", [Event(" a")]),
    "a data line without a colon": (b"data\ndata\n\n", [Event("\n", ("data:", "data:"))]),
    "empty data": (b"data:\n\n", [Event("", ("data:",))]),
    "a field that begins like data": (b"database: a\n\n", [Event(None, ("database: a",))]),
    "blank lines before": (b"\n\r\n\rdata: a\n\n", [BLANK, BLANK, BLANK, Event("a")]),
    "no blank line at the end": (b"data: a\n", [Event("a", ending=NEWLINE)]),
    "no line end at the end": (b"data: a", [Event("a", ending=NOTHING)]),
    "nothing": (b"", []),
    "characters of four bytes": ("data: 🗼東京\n\n".encode(), [Event("🗼東京")]),
}


@pytest.mark.parametrize(("stream", "events"), CASES.values(), ids=CASES)
def test_a_stream_is_read_whole(stream: bytes, events: list[Event]) -> None:
    assert parsed([stream]) == events


@pytest.mark.parametrize(("stream", "events"), CASES.values(), ids=CASES)
def test_a_stream_is_read_byte_by_byte(stream: bytes, events: list[Event]) -> None:
    assert parsed([bytes([byte]) for byte in stream]) == events


@pytest.mark.parametrize(("stream", "events"), CASES.values(), ids=CASES)
def test_empty_pieces_change_nothing(stream: bytes, events: list[Event]) -> None:
    assert parsed([b"", *(part for byte in stream for part in (bytes([byte]), b""))]) == events


def test_an_event_is_there_as_soon_as_its_blank_line_is() -> None:
    parser = Parser()

    assert parser.feed(b"data: a\r\n\r") == [Event("a")]
    assert parser.feed(b"\ndata: b\n\nda") == [Event("b")]
    assert parser.close() == [Event(None, ("da",), ending=NOTHING)]


def test_the_name_of_an_event_is_its_last_one() -> None:
    assert event_name(("event: a", "id: 1", "event:b")) == "b"
    assert event_name((": event: a",)) is None


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [("a: b", "a", "b"), ("a:b:c", "a", "b:c"), ("a", "a", ""), (": b", "", "b"), ("a:  b", "a", " b")],
)
def test_a_line_is_a_field_and_a_value(line: str, field: str, value: str) -> None:
    assert field_and_value(line) == (field, value)


def test_bytes_that_are_no_text_are_read_as_clients_read_them() -> None:
    assert readable("a\udcffé") == "a\ufffdé"
    assert readable("a\udce2\udc82") == "a\ufffd"


@given(st.text(st.characters(codec="utf-8")))
def test_all_other_text_is_read_as_it_is(text: str) -> None:
    assert readable(text) is text


# --- properties ---------------------------------------------------------------------------------------------------


@given(streams(), st.lists(st.integers(0, 2**16), max_size=6))
def test_events_do_not_depend_on_where_the_bytes_are_cut(stream: bytes, places: list[int]) -> None:
    assert parsed(cut(stream, places)) == parsed([stream])


@given(streams(), st.lists(st.integers(0, 2**16), max_size=6))
def test_every_byte_comes_back_with_the_line_ends_and_the_byte_order_mark(
    stream: bytes, places: list[int]
) -> None:
    parser = Parser()
    events = [event for piece in cut(stream, places) for event in parser.feed(piece)] + parser.close()
    lines = with_line_ends(map(serialize, events), parser.line_ends.note() or None)
    mark = b"\xef\xbb\xbf" if parser.has_byte_order_mark else b""

    # A `data` line without a colon is empty data, and comes back with one.
    bare = re.compile(rb"(^|[\r\n])data(?=[\r\n]|$)")
    assert mark + b"".join(lines) == mark + bare.sub(rb"\1data:", stream.removeprefix(mark))


@given(streams())
def test_events_read_again_from_what_they_are_written_as_are_the_same(stream: bytes) -> None:
    events = parsed([stream])
    assert parsed([b"".join(map(serialize, events))]) == events


@given(streams())
def test_every_line_that_is_not_blank_is_in_an_event(stream: bytes) -> None:
    text = stream.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    lines = [line for line in text.split("\n") if line]
    assert sum(len(lines_of(event)) for event in parsed([stream])) == len(lines)


@given(st.binary(max_size=60), st.lists(st.integers(0, 2**16), max_size=4))
def test_any_bytes_are_events_whatever_the_cut(stream: bytes, places: list[int]) -> None:
    assert parsed(cut(stream, places)) == parsed([stream])


@given(
    st.lists(
        st.sampled_from([b"data: a", b"data: ", b": x", b"event: e", b"id: \xff"]), min_size=1, max_size=6
    )
)
def test_lines_come_back_in_their_order(lines: list[bytes]) -> None:
    stream = b"\n".join(lines) + b"\n\n"

    assert b"".join(map(serialize, parsed([stream]))) == stream
