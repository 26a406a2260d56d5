"""Keep the line ends of an event stream: note LF, CRLF and CR while recording, and write them again in replay.

A recording has them as `response.wire.line_ends`, in the order of the lines: `crlf`, or `crlf*4 lf` for four lines that
end in CRLF and LF for all others. Without it, all lines end in LF.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain, repeat

from ..format.recording import JSON

_ENDS = {"lf": b"\n", "crlf": b"\r\n", "cr": b"\r"}
_NAMES = {end: name for name, end in _ENDS.items()}
_END = re.compile(rb"\r\n|\r|\n")
_RUN = re.compile(r"(?P<name>lf|crlf|cr)(?:\*(?P<count>[1-9][0-9]{0,8}))?")


class LineEndNotes:
    """Counts line ends, as runs of equal ones."""

    def __init__(self) -> None:
        self._runs: list[tuple[str, int]] = []

    def add(self, name: str, count: int = 1) -> None:
        """Take so many line ends: `lf`, `crlf` or `cr`."""
        if count and self._runs and self._runs[-1][0] == name:
            self._runs[-1] = (name, self._runs[-1][1] + count)
        elif count:
            self._runs.append((name, count))

    def add_all_of(self, piece: bytes) -> None:
        """Take the line ends of the next bytes."""
        for end in _END.findall(piece):
            self.add(_NAMES[end])

    def complete_crlf(self) -> None:
        """Take a LF that belongs to the CR before it."""
        name, count = self._runs.pop()
        self.add(name, count - 1)
        self.add("crlf")

    def note(self) -> str:
        """Return the note for a recording, "" where all lines end in LF."""
        if all(name == "lf" for name, _ in self._runs):
            return ""
        *runs, (last, _) = self._runs
        return " ".join([*(f"{name}*{count}" for name, count in runs), last])


def with_line_ends(pieces: Iterable[bytes], note: JSON) -> tuple[bytes, ...]:
    """Return the pieces of a stream, whose lines end in LF, with the line ends of a note; None notes nothing.

    Raises:
        ValueError: the note is not of its form; the message says where.
    """
    if note is None:
        return tuple(pieces)
    ends = _ends(note)
    return tuple(b"".join(_lines_with(ends, piece)) for piece in pieces)


def _lines_with(ends: Iterator[bytes], piece: bytes) -> Iterator[bytes]:
    *lines, rest = piece.split(b"\n")
    for line in lines:
        yield line
        yield next(ends)
    yield rest


def _ends(note: JSON) -> Iterator[bytes]:
    """Return the line ends that a note names; the last one is repeated for ever."""
    matches = [_RUN.fullmatch(run) for run in note.split()] if isinstance(note, str) else []
    runs = [match for match in matches if match is not None]
    if not runs or len(runs) < len(matches):
        raise ValueError(f'expected line ends such as "crlf*4 lf", got {note!r} @ $.response.wire.line_ends')
    counted = (repeat(_ENDS[run["name"]], int(run["count"] or 1)) for run in runs)
    return chain(chain.from_iterable(counted), repeat(_ENDS[runs[-1]["name"]]))
