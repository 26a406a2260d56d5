"""mitmproxy script in the proxy of `openai-replay run`: announces the port, and ends the proxy with its parent process.

It announces the port once the proxy listens, ends the proxy when the parent is gone, and writes the addon's warnings,
all errors and, if `run` wants it, a line per request to standard error.

mitmproxy puts its folder first on sys.path, so only scripts like this one are in it.
"""

import asyncio
import logging
import os
import signal
import sys
import time

from mitmproxy import ctx

# The file descriptor that the listening port is written to.
ANNOUNCE_FD = "OPENAI_REPLAY_ANNOUNCE_FD"


# The logger with a line per request, which `run --log` shows.
REQUEST_LOG = "openai_replay.requests"


class StandardError(logging.Handler):
    """Writes the addon's warnings, and errors of all loggers, to standard error, where the command writes, too."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Leave out mitmproxy's warnings: the addon itself warns of everything that matters to a person."""
        if record.name == REQUEST_LOG:
            return True
        least = logging.WARNING if record.name.startswith("openai_replay") else logging.ERROR
        return record.levelno >= least

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, under the name of the program that the person has called, in one piece."""
        at = f"{time.strftime('%H:%M:%S')} " if record.name == REQUEST_LOG else ""
        text = f"openai-replay: {at}{record.getMessage().rstrip()}\n"
        if record.exc_info:
            text += f"{logging.Formatter().formatException(record.exc_info)}\n"
        try:
            os.write(sys.stderr.fileno(), text.encode("utf-8", "backslashreplace"))
        except OSError:
            pass  # the reader is gone


class Companion:
    """Announces, and ends with, the process that started the proxy."""

    def __init__(self) -> None:
        # Here and not in `load`, so that errors while the scripts load are shown, too.
        self._log = StandardError()
        logging.getLogger().addHandler(self._log)
        # The process that started this one holds back the signals for its command, and this one has inherited that.
        signal.pthread_sigmask(signal.SIG_SETMASK, ())

    def running(self) -> None:
        """Say where the proxy listens, and begin to watch standard input, which ends with its other end."""
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self._end)
        ((_, port, *_), *_) = ctx.master.addons.get("proxyserver").listen_addrs()
        with os.fdopen(int(os.environ[ANNOUNCE_FD]), "w") as announcement:
            announcement.write(str(port))

    def _end(self) -> None:
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        ctx.master.shutdown()

    def done(self) -> None:
        """Let go of the log."""
        logging.getLogger().removeHandler(self._log)


addons = [Companion()]
