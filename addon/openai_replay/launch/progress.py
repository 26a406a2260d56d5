"""Shows on a terminal how far long work is, in one line of standard error; in a pipe or a file, nothing."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self, TextIO

_SECONDS_BETWEEN = 0.1

# Moves to the line's beginning and clears it (ECMA-48: CR, EL).
_CLEAR = "\r\x1b[K"


class Progress:
    """One line that says how many things are done, of how many; cleared at the end of a `with` block."""

    def __init__(self, what: str, total: int | None = None, stream: TextIO | None = None) -> None:
        """Prepare; `what` is the name of the things, `stream` standard error by default."""
        self._what = what
        self._total = total
        self._stream = sys.stderr if stream is None else stream
        self._is_shown = self._stream is not None and self._stream.isatty()
        self._done = 0
        self.next_at = time.monotonic() + _SECONDS_BETWEEN

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()

    def step(self) -> None:
        """Count one thing as done."""
        self._done += 1
        if self._is_shown and time.monotonic() >= self.next_at:
            self.next_at = time.monotonic() + _SECONDS_BETWEEN
            of = "" if self._total is None else f" of {self._total:,}"
            self._stream.write(f"{_CLEAR}{self._done:,}{of} {self._what}")
            self._stream.flush()

    def clear(self) -> None:
        """Clear the line, before something else is written there."""
        if self._is_shown:
            self._stream.write(_CLEAR)
            self._stream.flush()


def counted[T](things: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """Yield the things, and show how many have been dealt with."""
    with Progress(what, total) as progress:
        for thing in things:
            yield thing
            progress.step()
