"""mitmproxy script in the proxy of `openai-replay run`: announces the port, and ends the proxy with its parent process.

It announces the port once the proxy listens, or else why it does not, ends the proxy when the parent is gone, and
writes the addon's warnings, all errors and, if `run` wants it, a line per request to standard error.

mitmproxy puts its folder first on sys.path, so only scripts like this one are in it.
"""

import asyncio
import logging
import os
import signal
import sys
import time

from mitmproxy import ctx

from openai_replay.proxy.start_errors import start_has_failed, stops_start

# The file descriptor that the listening port is written to, or the reason why the proxy does not start.
ANNOUNCE_FD = "OPENAI_REPLAY_ANNOUNCE_FD"

# The logger with a line per request, which `run --log` shows.
REQUEST_LOG = "openai_replay.requests"


class Announcement:
    """The pipe to the parent process, for one text."""

    def __init__(self) -> None:
        self._is_open = True

    def make(self, text: str) -> bool:
        """Write the text and close the pipe; return whether it was the first."""
        is_first, self._is_open = self._is_open, False
        if is_first:
            with os.fdopen(int(os.environ[ANNOUNCE_FD]), "w", errors="backslashreplace") as pipe:
                pipe.write(text)
        return is_first


class StandardError(logging.Handler):
    """Writes the addon's warnings, and errors of all loggers, to standard error, where the command writes, too.

    The parent process is told, in place of that, of a mistake in the options that ends the start.
    """

    def __init__(self, announcement: Announcement) -> None:
        super().__init__()
        self._announcement = announcement

    def filter(self, record: logging.LogRecord) -> bool:
        """Leave out mitmproxy's warnings: the addon itself warns of everything that matters to a person."""
        if record.name == REQUEST_LOG:
            return True
        least = logging.WARNING if record.name.startswith("openai_replay") else logging.ERROR
        return record.levelno >= least

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, under the name of the program that the person has called, in one piece."""
        if stops_start(record) and self._announcement.make(record.getMessage()):
            return
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
        self._announcement = Announcement()
        self._log = StandardError(self._announcement)
        logging.getLogger().addHandler(self._log)
        # The process that started this one holds back the signals for its command, and this one has inherited that.
        signal.pthread_sigmask(signal.SIG_SETMASK, ())

    def running(self) -> None:
        """Say where the proxy listens, and begin to watch standard input, which ends with its other end."""
        loop = asyncio.get_running_loop()
        loop.add_reader(sys.stdin.fileno(), self._end)
        loop.call_soon(self._announce_port)  # when the other scripts have checked their options, too

    def _announce_port(self) -> None:
        """Tell the parent process the port, unless an error has been logged that ends the start."""
        if not start_has_failed():
            ((_, port, *_), *_) = ctx.master.addons.get("proxyserver").listen_addrs()
            self._announcement.make(str(port))

    def _end(self) -> None:
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        ctx.master.shutdown()

    def done(self) -> None:
        """Let go of the log."""
        logging.getLogger().removeHandler(self._log)


addons = [Companion()]
