"""Write the chunks of a paced stream straight to its client, past mitmproxy's relay.

The head, the first chunk and the end of a stream go through mitmproxy, which keeps its state right, and the chunks in
between are written where mitmproxy would write them. Only for HTTP/1.1 without TLS, as base URLs have it: elsewhere the
bytes depend on the state of TLS and of HTTP/2. Where mitmproxy has another shape than is expected here, everything is
relayed.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from mitmproxy import http
from mitmproxy.proxy.server import ConnectionHandler

from .guarded import Shortcut

DIRECT_WRITING = Shortcut(
    "direct writing",
    "paced streams by base URL: 10 µs for a chunk, where mitmproxy's relay takes 120",
    {
        "mitmproxy.proxy.server:ConnectionHandler.__init__": "(self, context)",
        "mitmproxy.proxy.server:ConnectionIO": "(handler=None, reader=None, writer=None)",
        "mitmproxy.proxy.server:TimeoutWatchdog.register_activity": "(self)",
    },
)

# A client that reads more slowly than this fills up gets the rest through mitmproxy, which waits for it.
_MOST_UNSENT_BYTES = 64 * 1024


class ChunkWriter(Protocol):
    """A shorter way for chunks than through the relay."""

    def write(self, chunks: bytes, relayed_bytes: int) -> bool:
        """Send chunks in their framing (RFC 9112, 7.1), if all earlier bytes have been relayed.

        Args:
            chunks: the framed chunks.
            relayed_bytes: how many bytes of the body were handed to the relay so far.

        Returns:
            False if nothing was sent, and the relay has to take the chunks.
        """


class DirectWriter:
    """Writes to the client of one flow. As mitmproxy's stream callable it sees the bytes that the relay passes on."""

    def __init__(self, handler: ConnectionHandler, transport: asyncio.Transport) -> None:
        self._handler = handler
        self._transport = transport
        self._passed_bytes = 0

    def __call__(self, data: bytes) -> bytes:
        """Take note of bytes that mitmproxy passes on; it writes them before anything else can run."""
        self._passed_bytes += len(data)
        return data

    def write(self, chunks: bytes, relayed_bytes: int) -> bool:
        """Send chunks; see `ChunkWriter`."""
        transport = self._transport
        if not 0 < relayed_bytes == self._passed_bytes or transport.is_closing():
            return False
        if transport.get_write_buffer_size() > _MOST_UNSENT_BYTES:
            return False
        self._handler.timeout_watchdog.register_activity()
        transport.write(chunks)
        return True


def direct_writer(flow: http.HTTPFlow, handler: ConnectionHandler | None) -> DirectWriter | None:
    """Return a writer for the client of a flow, None where only mitmproxy knows how to reach it."""
    if handler is None or flow.client_conn.tls or flow.request.http_version != "HTTP/1.1":
        return None
    io = handler.transports.get(flow.client_conn)
    if io is None or not isinstance(io.writer, asyncio.StreamWriter):
        return None
    transport = io.writer.transport
    return DirectWriter(handler, transport) if isinstance(transport, asyncio.Transport) else None
