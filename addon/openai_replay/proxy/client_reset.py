"""Let a client's connection end with a TCP reset, which mitmproxy has no command for."""

from __future__ import annotations

import asyncio

from mitmproxy import ctx, http
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.proxy.server import ConnectionHandler

from .own_origin import reset_on_close


def reset_client(flow: http.HTTPFlow) -> None:
    """Make mitmproxy's next close of a client's connection a reset.

    Over HTTP/2 nothing is done: there mitmproxy resets the stream (RST_STREAM), and other streams go on.
    """
    handler = _handler_of(flow)
    if handler is not None and flow.client_conn.alpn != b"h2":
        writer = handler.transports[flow.client_conn].writer
        if isinstance(writer, asyncio.StreamWriter):
            reset_on_close(writer.get_extra_info("socket"))


def _handler_of(flow: http.HTTPFlow) -> ConnectionHandler | None:
    proxyserver = ctx.master.addons.get("proxyserver")
    connections = proxyserver.connections.values() if isinstance(proxyserver, Proxyserver) else ()
    return next((handler for handler in connections if flow.client_conn in handler.transports), None)
