"""Parse and serialize server-sent events (SSE), by the WHATWG HTML standard (9.2.5, 9.2.6), without I/O.

Three decisions beyond the standard, because a recording has to give back each byte. Comments, `id`, `retry`, unknown
fields and blank lines are kept, where a browser drops them. Bytes that are not UTF-8 become lone surrogates (PEP 383),
which are written as the same bytes again, where a browser reads U+FFFD; `readable` gives a text as a browser reads it.
The parser tells of the line ends and the byte order mark, which are no part of its events.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .line_ends import LineEndNotes

DONE = "[DONE]"

# Stand among the other lines of an event for its next data line: `data: x`, and `data:x` without the space. A data line
# itself is never one of them.
DATA_HERE = "data"
DATA_HERE_WITHOUT_SPACE = "data:"

_PREFIXES = {DATA_HERE: "data: ", DATA_HERE_WITHOUT_SPACE: "data:"}

# How a block may end at the end of a stream: a blank line, the newline of its last line, not even that.
BLANK_LINE, NEWLINE, NOTHING = "\n\n", "\n", ""


@dataclass(frozen=True, slots=True)
class Event:
    """One block of a stream: the lines up to a blank line. Without data and lines it is a blank line alone.

    `data` is the text of its `data` lines joined by newlines, or None where it has none (a comment, say; the
    standard dispatches no event for it). `lines` are all its other lines as they were; data stands behind them, or
    where one of them is `DATA_HERE` or `DATA_HERE_WITHOUT_SPACE`. `ending` is another than a blank line only for the
    last block of a stream.
    """

    data: str | None
    lines: tuple[str, ...] = ()
    ending: str = BLANK_LINE


def event_name(lines: Iterable[str]) -> str | None:
    """Return the value of the `event` field among the lines of an event, the last one of several, or None."""
    names = [value for field, value in map(field_and_value, lines) if field == "event"]
    return names[-1] if names else None


def field_and_value(line: str) -> tuple[str, str]:
    """Split a line at its first colon, less one space after it; a comment's field is ""."""
    field, _, value = line.partition(":")
    return field, value.removeprefix(" ")


class Parser:
    """Turns bytes, cut anywhere, into events.

    Feed it in order; `close` returns the events of an unterminated end.
    """

    def __init__(self) -> None:
        self._lines = _LineSplitter()
        self._data: list[str] = []
        self._others: list[str] = []
        self._placed = 0

    @property
    def line_ends(self) -> LineEndNotes:
        """The ends of the lines so far."""
        return self._lines.ends

    @property
    def has_byte_order_mark(self) -> bool:
        """Whether the stream begins with the byte order mark of UTF-8."""
        return self._lines.has_byte_order_mark

    def feed(self, piece: bytes) -> list[Event]:
        """Return the events that `piece` completes."""
        return list(self._events(self._lines.feed(piece)))

    def close(self) -> list[Event]:
        """Return the event at the end of the stream that no blank line ended, if there is one."""
        rest = self._lines.close()
        events = list(self._events(rest))
        if self._data or self._others:
            events.append(self._block(NOTHING if rest else NEWLINE))
        return events

    def _events(self, lines: list[bytes]) -> Iterator[Event]:
        for raw in lines:
            if raw:
                self._take(raw.decode("utf-8", "surrogateescape"))
            else:
                yield self._block(BLANK_LINE)

    def _take(self, line: str) -> None:
        if line.startswith("data: "):
            self._data.append(line[6:])
        elif line.startswith("data:") or line == "data":
            self._place_data()
            self._data.append(line[5:])
            self._placed += 1
            self._others.append(DATA_HERE_WITHOUT_SPACE)
        else:
            self._place_data()
            self._others.append(line)

    def _place_data(self) -> None:
        """Note the place of the data that came before another line, and has no place yet."""
        self._others += [DATA_HERE] * (len(self._data) - self._placed)
        self._placed = len(self._data)

    def _block(self, ending: str) -> Event:
        data = "\n".join(self._data) if self._data else None
        event = Event(data, tuple(self._others), ending)
        self._data = []
        self._others = []
        self._placed = 0
        return event


class _LineSplitter:
    """Lines ended by CR, LF or CRLF, less a byte order mark at the very beginning.

    An unfinished line is kept in pieces and joined once, so that a long line in small pieces costs linear time.
    """

    _BOM = b"\xef\xbb\xbf"

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._at_start = True
        self._after_cr = False
        self.ends = LineEndNotes()
        self.has_byte_order_mark = False

    def feed(self, piece: bytes) -> list[bytes]:
        if not piece:
            return []
        if self._at_start:
            maybe_piece = self._without_bom(piece)
            if not maybe_piece:
                return []
            piece = maybe_piece
        if self._after_cr:
            self._after_cr = False
            if piece.startswith(b"\n"):
                self.ends.complete_crlf()
                piece = piece[1:]
        if b"\r" in piece:
            self._after_cr = piece.endswith(b"\r")
            self.ends.add_all_of(piece)
            piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            *complete, rest = piece.split(b"\n")
        else:
            *complete, rest = piece.split(b"\n")
            self.ends.add("lf", len(complete))
        if complete and self._pieces:
            complete[0] = b"".join([*self._pieces, complete[0]])
            self._pieces = []
        if rest:
            self._pieces.append(rest)
        return complete

    def close(self) -> list[bytes]:
        rest = b"".join(self._pieces)
        self._pieces = []
        return [rest] if rest else []

    def _without_bom(self, piece: bytes) -> bytes:
        """Hold back the first bytes while they may still become a byte order mark."""
        start = b"".join([*self._pieces, piece])
        self._pieces = []
        if len(start) < len(self._BOM) and self._BOM.startswith(start):
            self._pieces.append(start)
            return b""
        self._at_start = False
        self.has_byte_order_mark = start.startswith(self._BOM)
        return start.removeprefix(self._BOM)


def readable(text: str) -> str:
    """Return a text with U+FFFD for bytes that are not UTF-8, as clients read it; the same object if it has none."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return text


def lines_of(event: Event) -> list[str]:
    """Return the lines of an event, in their order, without the event's ending."""
    if event.data is None:
        return list(event.lines)
    data = event.data.split("\n")
    if _PREFIXES.keys().isdisjoint(event.lines):
        return [*event.lines, *(f"data: {line}" for line in data)]
    rest = iter(data)
    placed = [_line_at(place, rest) if place in _PREFIXES else place for place in event.lines]
    return [*placed, *(f"data: {line}" for line in rest)]


def _line_at(place: str, data: Iterator[str]) -> str:
    """Return the data line at a place; the place itself where an edit left no data for it."""
    text = next(data, None)
    return place if text is None else f"{_PREFIXES[place]}{text}"


def serialize(event: Event) -> bytes:
    """Return the bytes of an event with its ending (lines end in LF)."""
    if event.data is None and not event.lines:
        return b"\n"
    return ("\n".join(lines_of(event)) + event.ending).encode("utf-8", "surrogateescape")
