"""The `text/event-stream` around the chunks: which lines an event has besides its data, and how a stream ends.

The API's usual framing follows from the chunks: chat and legacy completions have `data` alone and end with `[DONE]`;
the events of the Responses API and of images are named by their `type`; the events of assistants carry their name
beside their data, and end with `event: done`. Differences are noted in the recording's `response.wire`:

    lines         [{"chunks": "3-5", "lines": ["id: 7"]}]       all lines of these events but their data, which
                                                                follows them, or stands where one of them is "data",
                                                                or "data:" for a data line without the space
    between       [{"before": 0, "lines": [": keep-alive"]}]    blocks without data, or with empty data; no lines are a
                                                                blank line more
    end           ["data: [DONE]"]                              all after the last chunk; "" parts blocks
    unterminated  true                                          no blank line after the very last block
                  "line"                                        not even a newline after its last line
    line_ends     "crlf"                                        lines that do not all end in LF, see `line_ends`
    byte_order_mark  true                                       the stream begins with one
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ..format.ranges import numbers_in, ranges_of
from ..format.recording import JSON
from ..sdk import classes
from . import sse
from .line_ends import with_line_ends
from .sse import DONE, Event

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_NAMED_BY_TYPE = ("openai.types.responses.", "openai.types.image_")


def is_assistant_event(class_name: str | None) -> bool:
    """Tell whether a class holds the name and the data of an assistants' event, {"event", "data"}."""
    return class_name is not None and classes.is_named_by_event(class_name)


def implied_lines(class_name: str | None, data: JSON) -> tuple[str, ...]:
    """Return the lines that an event has besides its data, as far as they follow from the chunk."""
    if class_name is None or not isinstance(data, dict):
        return ()
    if is_assistant_event(class_name):
        name = data.get("event")
    elif class_name.startswith(_NAMED_BY_TYPE):
        name = data.get("type")
    else:
        return ()
    return (f"event: {name}",) if isinstance(name, str) else ()


def implied_end(endpoint: str) -> tuple[str, ...]:
    """Return the lines that end the stream of an operation."""
    if endpoint.endswith("/completions"):
        return (f"data: {DONE}",)
    if "/threads" in endpoint:
        return ("event: done", f"data: {DONE}")
    return ()


# `unterminated`, by how the last block ends.
_UNTERMINATED: dict[str, JSON] = {sse.NEWLINE: True, sse.NOTHING: "line"}


class FrameNotes:
    """Notes the parts of a stream's framing that do not follow from its chunks, while it is recorded."""

    def __init__(self) -> None:
        self._lines: dict[int, tuple[str, ...]] = {}
        self._between: list[JSON] = []
        self._end: tuple[str, ...] = ()
        self._ending = sse.BLANK_LINE

    def chunk(self, number: int, event: Event, implied: tuple[str, ...]) -> None:
        """Note the lines of the event that carries a chunk."""
        if event.lines != implied:
            self._lines[number] = event.lines
        self._ending = event.ending

    def block(self, before: int, event: Event) -> None:
        """Note a block that came before a chunk and has no data, or empty data."""
        self._between.append({"before": before, "lines": [*sse.lines_of(event)]})
        self._ending = event.ending

    def done(self, event: Event) -> None:
        """Note the event that said `[DONE]`."""
        self._end = tuple(sse.lines_of(event))
        self._ending = event.ending

    def after_done(self, event: Event) -> None:
        """Note a block that came after `[DONE]` and has no data, or empty data."""
        self._end = (*self._end, "", *sse.lines_of(event))
        self._ending = event.ending

    def result(self, endpoint: str, *, is_end_unknown: bool) -> dict[str, JSON]:
        """Return the members to put into `response.wire`, {} where all follows from the chunks.

        `is_end_unknown`: the stream broke off, or the client left after the last chunk and the end is the usual one.
        """
        notes: dict[str, JSON] = {}
        if self._lines:
            notes["lines"] = [
                {"chunks": chunks, "lines": list(lines)} for chunks, lines in ranges_of(self._lines.items())
            ]
        if self._between:
            notes["between"] = self._between
        if self._end != (() if is_end_unknown else implied_end(endpoint)):
            notes["end"] = list(self._end)
        return notes if is_end_unknown else notes | unterminated(self._ending)


class Frames:
    """Gives a stream its framing back."""

    def __init__(self, notes: Mapping[str, JSON]) -> None:
        """Read the members of `response.wire`; malformed members are ignored."""
        self._lines: dict[int, tuple[str, ...]] = {}
        self._between: dict[int, list[tuple[str, ...]]] = {}
        for note in _objects(notes.get("lines")):
            for number in numbers_in(note.get("chunks")):
                self._lines[number] = _texts(note.get("lines"))
        for note in _objects(notes.get("between")):
            if isinstance(before := note.get("before"), int):
                self._between.setdefault(before, []).append(_texts(note.get("lines")))
        self._end = _texts(notes["end"]) if "end" in notes else None

    def before(self, number: int) -> Iterator[bytes]:
        """Yield the blocks that came before a chunk."""
        return (sse.serialize(Event(None, lines)) for lines in self._between.get(number, ()))

    def event(self, number: int, class_name: str | None, data: JSON, text: str) -> bytes:
        """Return the event that carries a chunk; `text` is its JSON."""
        lines = self._lines.get(number)
        return sse.serialize(Event(text, implied_lines(class_name, data) if lines is None else lines))

    def end(self, endpoint: str, chunks: int, *, is_broken: bool) -> Iterator[bytes]:
        """Yield the bytes after the last of so many chunks; a stream that broke off has no implied end."""
        yield from self.before(chunks)
        implied = () if is_broken else implied_end(endpoint)
        lines = implied if self._end is None else self._end
        if lines:
            yield sse.serialize(Event(None, lines))


def notes_of_bytes(parser: sse.Parser) -> dict[str, JSON]:
    """Return the members of `response.wire` about the bytes of a stream beside its events, {} for the usual ones."""
    notes: dict[str, JSON] = {}
    if note := parser.line_ends.note():
        notes["line_ends"] = note
    if parser.has_byte_order_mark:
        notes["byte_order_mark"] = True
    return notes


def with_bytes(pieces: tuple[bytes, ...], notes: Mapping[str, JSON]) -> tuple[bytes, ...]:
    """Return the blocks of a stream as they were sent, by the members of `response.wire`.

    Raises:
        ValueError: the note of the line ends is not of its form; the message says where.
    """
    pieces = with_line_ends(_with_ending(pieces, _ending_of(notes)), notes.get("line_ends"))
    if notes.get("byte_order_mark") is True:
        first, *others = pieces or (b"",)
        return (_BYTE_ORDER_MARK + first, *others)
    return pieces


def _ending_of(notes: Mapping[str, JSON]) -> str:
    """Return how the last block of a stream ends, from the members of `response.wire`."""
    said = notes.get("unterminated")
    return next((ending for ending, note in _UNTERMINATED.items() if note == said), sse.BLANK_LINE)


def unterminated(ending: str) -> dict[str, JSON]:
    """Return the member of `response.wire` that says how the last block ends, {} for a blank line."""
    return {"unterminated": _UNTERMINATED[ending]} if ending in _UNTERMINATED else {}


def _with_ending(pieces: tuple[bytes, ...], ending: str) -> tuple[bytes, ...]:
    """Return the blocks of a stream, the last one with another ending than a blank line."""
    if ending == sse.BLANK_LINE or not pieces:
        return pieces
    return (*pieces[:-1], pieces[-1].rstrip(b"\n") + ending.encode())


def _objects(value: JSON) -> Iterable[dict[str, JSON]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _texts(value: JSON) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()
