"""Show a recording's progress in the title of the terminal, where it does not disturb the command's output."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self, TextIO

_SECONDS_BETWEEN = 2.0

# Sets the title of the window (xterm control sequences, OSC 2); other terminals ignore it.
_TITLE = "\x1b]2;{}\x07"

type Totals = Callable[[], Mapping[str, int] | None]


class TitleCounter:
    """Shows the number of recordings from `with` to the end of the block; on a terminal alone."""

    def __init__(self, totals: Totals, stream: TextIO | None, seconds: float = _SECONDS_BETWEEN) -> None:
        """Prepare; `totals` gives the counts of the run, None when the proxy does not say."""
        self._totals = totals
        self._stream = stream if stream is not None and stream.isatty() else None
        self._seconds = seconds
        self._shown = ""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._count, name="openai-replay-title", daemon=True)

    def __enter__(self) -> Self:
        if self._stream is not None:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._stream is not None:
            self._thread.join()
        if self._shown:
            self._show("")

    def _count(self) -> None:
        while not self._over.wait(self._seconds):
            totals = self._totals()
            if totals is not None and totals["recorded"]:
                self._show(f"openai-replay: {totals['recorded']} recorded")

    def _show(self, text: str) -> None:
        if text == self._shown or self._stream is None:
            return
        self._shown = text
        try:
            self._stream.write(_TITLE.format(text))
            self._stream.flush()
        except OSError:  # the terminal is gone
            self._over.set()
