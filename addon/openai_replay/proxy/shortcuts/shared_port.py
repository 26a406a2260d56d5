"""Let several workers listen on one port: mitmproxy's servers share theirs, and open no UDP port in reverse mode.

No gain in speed but a need: without it the second worker cannot listen.
"""

from __future__ import annotations

import asyncio
from functools import partial

from mitmproxy.proxy import mode_specs

from .guarded import Shortcut, Undo

REVERSE_WITHOUT_UDP = Shortcut(
    "reverse mode without UDP",
    "none; several workers by base URL need it",
    {"mitmproxy.proxy.mode_specs:ReverseMode.__post_init__": "(self)"},
    is_needed=True,
)

_METHOD = "__post_init__"


def listen_with_others() -> Undo:
    """Let servers of the running event loop share their ports with other processes (SO_REUSEPORT, socket(7))."""
    loop = asyncio.get_running_loop()
    original = loop.create_server
    setattr(loop, "create_server", partial(original, reuse_port=True))  # noqa: B010  # mypy forbids the other
    return lambda: delattr(loop, "create_server")


def listen_without_udp() -> Undo:
    """Leave out the UDP port that mitmproxy opens for HTTP/3 in reverse mode: workers cannot share it."""
    original = getattr(mode_specs.ReverseMode, _METHOD)

    def prepare_for_tcp(mode: mode_specs.ReverseMode) -> None:
        original(mode)
        if mode.transport_protocol == mode_specs.BOTH:
            mode.transport_protocol = mode_specs.TCP

    setattr(mode_specs.ReverseMode, _METHOD, prepare_for_tcp)
    return lambda: setattr(mode_specs.ReverseMode, _METHOD, original)
