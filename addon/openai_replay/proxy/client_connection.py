"""Find mitmproxy's handler of a client connection, for the few actions that hooks do not offer."""

from __future__ import annotations

import asyncio
import sys

from mitmproxy import connection, ctx
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.proxy.server import ConnectionHandler

from .own_origin import reset_on_close


def reset_client(client: connection.Client) -> None:
    """Make mitmproxy's next close of a client's connection a TCP reset.

    Over HTTP/2 nothing is done: there mitmproxy resets the stream (RST_STREAM), and other streams go on.
    """
    handler = handler_of(client)
    io = None if handler is None else handler.transports.get(client)
    if io is not None and client.alpn != b"h2" and isinstance(io.writer, asyncio.StreamWriter):
        reset_on_close(io.writer.get_extra_info("socket"))


def lift_connection_limit(client: connection.Client, address: tuple[str, int]) -> None:
    """Let all streams of a client's HTTP/2 connection reach an address at once; mitmproxy's limit is five."""
    handler = handler_of(client)
    if handler is not None and address not in handler.max_conns:
        handler.max_conns[address] = asyncio.Semaphore(sys.maxsize)


def handler_of(client: connection.Client) -> ConnectionHandler | None:
    """Return mitmproxy's handler of a client connection, None where it keeps none or keeps it elsewhere."""
    proxyserver = ctx.master.addons.get("proxyserver")
    return proxyserver.connections.get(client.id) if isinstance(proxyserver, Proxyserver) else None
