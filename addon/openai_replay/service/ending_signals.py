"""The signals that end a server: SIGTERM, SIGINT, and SIGHUP unless `nohup` started it."""

from __future__ import annotations

import signal
from collections.abc import Iterator


def ending_signals() -> Iterator[signal.Signals]:
    """Yield the signals for which a server installs its handler.

    `nohup` has SIGHUP ignored so that a program outlives its terminal (POSIX, nohup); a handler would undo that.
    """
    yield signal.SIGTERM
    yield signal.SIGINT
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        yield signal.SIGHUP
