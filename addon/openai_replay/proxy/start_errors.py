"""Keep mitmproxy from ending in its first moment because one request failed.

mitmproxy's `errorcheck` ends the process when any error was logged before it runs. It listens before that, so that a
client which polls the port can get its first request in, and an error of this request would end the proxy for all.
"""

from __future__ import annotations

import logging
from typing import Any

from mitmproxy import ctx

# For `extra` of a log call: an error that must end the start, such as an option that makes no sense.
STOPS_START: dict[str, Any] = {"stops_start": True}

_OF_REQUESTS = ("openai_replay.", "mitmproxy.proxy.")


class _StartErrors(logging.Filter):
    """Passes the errors that must end the start."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether an error is not one of a request."""
        return hasattr(record, "stops_start") or not record.name.startswith(_OF_REQUESTS)


def start_has_failed() -> bool:
    """Tell whether an error was logged that ends mitmproxy in a moment."""
    handler = getattr(ctx.master.addons.get("errorcheck"), "logger", None)
    return bool(getattr(handler, "has_errored", ()))


def count_only_errors_of_the_start() -> None:
    """Let `errorcheck` count no errors of single requests; nothing happens where it is not there or is another one."""
    handler = getattr(ctx.master.addons.get("errorcheck"), "logger", None)
    if isinstance(handler, logging.Handler):
        handler.addFilter(_StartErrors())
