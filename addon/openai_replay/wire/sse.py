"""bytes → events → bytes: `text/event-stream` as the WHATWG HTML standard (9.2.5, 9.2.6) defines it, without I/O.

Two decisions of our own. Comments, `id`, `retry` and unknown fields are kept (a recording has to give them back),
where the standard lets a browser drop them. Bytes that are not UTF-8 are an error, where the standard puts U+FFFD:
what was replaced could never be replayed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..errors import BadStream

DONE = "[DONE]"


@dataclass(frozen=True, slots=True)
class Event:
    """One block of a stream: the lines up to a blank line.

    `data` is the text of its `data` lines joined by newlines, or None where it has none (a comment, say; the
    standard dispatches no event for it). `lines` are all its other lines as they were. `terminated` is False for
    a last block that the stream ended without a blank line after.
    """

    data: str | None
    lines: tuple[str, ...] = ()
    terminated: bool = True


def event_name(lines: Iterable[str]) -> str | None:
    """Return the value of the `event` field among the lines of an event, the last one of several, or None."""
    names = [value for field, value in map(field_and_value, lines) if field == "event"]
    return names[-1] if names else None


def field_and_value(line: str) -> tuple[str, str]:
    """Split a line at its first colon, less one space after it; a comment's field is ""."""
    field, _, value = line.partition(":")
    return field, value.removeprefix(" ")


class Parser:
    """Turns bytes into events, whatever the pieces they arrive in.

    Feed it in order; `close` returns what an unterminated end holds.
    """

    def __init__(self) -> None:
        self._lines = _LineSplitter()
        self._data: list[str] = []
        self._others: list[str] = []

    def feed(self, piece: bytes) -> list[Event]:
        """Return the events that `piece` completes.

        Raises:
            BadStream: a line is not valid UTF-8.
        """
        return list(self._events(self._lines.feed(piece)))

    def close(self) -> list[Event]:
        """Return the last events at the end of the stream, the unterminated one among them.

        Raises:
            BadStream: the last line is not valid UTF-8.
        """
        events = list(self._events(self._lines.close()))
        if self._data or self._others:
            events.append(self._block(terminated=False))
        return events

    def _events(self, lines: list[bytes]) -> Iterator[Event]:
        for raw in lines:
            if raw:
                self._take(_decoded(raw))
            elif self._data or self._others:
                yield self._block(terminated=True)

    def _take(self, line: str) -> None:
        if line.startswith("data:"):
            self._data.append(line[6:] if line.startswith("data: ") else line[5:])
        elif line == "data":
            self._data.append("")
        else:
            self._others.append(line)

    def _block(self, *, terminated: bool) -> Event:
        data = "\n".join(self._data) if self._data else None
        event = Event(data, tuple(self._others), terminated)
        self._data = []
        self._others = []
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
            piece = piece.removeprefix(b"\n")
        if b"\r" in piece:
            self._after_cr = piece.endswith(b"\r")
            piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *complete, rest = piece.split(b"\n")
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
        """Hold back while what has come so far may still become a byte order mark."""
        start = b"".join([*self._pieces, piece])
        self._pieces = []
        if len(start) < len(self._BOM) and self._BOM.startswith(start):
            self._pieces.append(start)
            return b""
        self._at_start = False
        return start.removeprefix(self._BOM)


def _decoded(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as exc:
        raise BadStream(
            f"not valid UTF-8: {exc.reason} at byte {exc.start} of the line {line[:80]!r}"
        ) from exc


def serialize(event: Event) -> bytes:
    """Return the bytes of an event: its other lines, its data, and the blank line that ends it (lines end in LF)."""
    lines = list(event.lines)
    if event.data is not None:
        lines += [f"data: {line}" for line in event.data.split("\n")]
    text = "\n".join(lines) + "\n"
    return (text + "\n" if event.terminated else text).encode()
