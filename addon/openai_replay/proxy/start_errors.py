"""End mitmproxy in its first moment for an error of the start, and not because one request failed.

mitmproxy's `errorcheck` ends the process when any error was logged before it runs. It listens before that, so that a
client which polls the port can get its first request in, and an error of this request would end the proxy for all.
"""

from __future__ import annotations

import asyncio
import logging

from mitmproxy import ctx
from mitmproxy.utils.asyncio_utils import create_task

log = logging.getLogger(__name__)

# The attribute of an error's record in the log that must end the start, such as an option that makes no sense.
_STOPS_START = "stops_start"

# The name of a task that waits for the end of the event loop.
AT_THE_END = "let threads finish"

# For a thread that waits for the interpreter's lock to be done: it needs microseconds, and its turn on a core.
_THREADS_FINISH_S = 0.05

_OF_REQUESTS = ("openai_replay.", "mitmproxy.proxy.")


class _StartErrors(logging.Filter):
    """Passes the errors that must end the start."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether an error is not one of a request."""
        return stops_start(record) or not record.name.startswith(_OF_REQUESTS)


def stops_start(record: logging.LogRecord) -> bool:
    """Tell whether a record of the log is of an error that `fail_start` has logged."""
    return hasattr(record, _STOPS_START)


def fail_start(message: str) -> None:
    """Log an error that ends mitmproxy, if it still starts."""
    log.error("%s", message, extra={_STOPS_START: True})
    create_task(_let_threads_finish(), name=AT_THE_END, keep_ref=True)


async def _let_threads_finish() -> None:
    """At the end of the event loop, give up the interpreter's lock for a moment.

    A thread of mitmproxy_rs has just opened the port. If it still waits for the lock when the interpreter ends, Python
    before 3.14 ends the thread in the middle of Rust's frames, and the process dies of SIGSEGV in place of its exit
    status (https://github.com/python/cpython/issues/87135).
    """
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        await asyncio.sleep(_THREADS_FINISH_S)


def start_has_failed() -> bool:
    """Tell whether an error was logged that ends mitmproxy in a moment."""
    handler = getattr(ctx.master.addons.get("errorcheck"), "logger", None)
    return bool(getattr(handler, "has_errored", ()))


def count_only_errors_of_the_start() -> None:
    """Let `errorcheck` count no errors of single requests; nothing happens where it is not there or is another one."""
    handler = getattr(ctx.master.addons.get("errorcheck"), "logger", None)
    if isinstance(handler, logging.Handler):
        handler.addFilter(_StartErrors())
