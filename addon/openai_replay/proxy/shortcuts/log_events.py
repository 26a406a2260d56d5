"""Drop mitmproxy's deprecated hook `add_log`, for which it formats each line of the log a second time."""

from __future__ import annotations

from mitmproxy.master import Master

from .guarded import Shortcut

LOG_EVENTS = Shortcut(
    "deprecated log events",
    "serve: one formatting for each line of the log",
    {"mitmproxy.log:LegacyLogEvents.uninstall": "(self)"},
)


def format_log_lines_once(master: Master) -> None:
    """Detach a master's handler for `add_log`; mitmproxy does that itself when it ends, for the second time then."""
    handler = getattr(master, "_legacy_log_events", None)
    if handler is not None:
        handler.uninstall()
