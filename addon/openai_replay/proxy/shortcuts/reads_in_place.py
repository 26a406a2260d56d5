"""Hand the bytes of a client to mitmproxy's layers where the event loop has read them.

mitmproxy reads a connection in a task, so each read costs a future and a turn of the event loop. Here the task goes on
waiting, for the end of the connection, while bytes that come go to the layers at once. The task takes them as before
where mitmproxy has to hold a client back: while bytes to it are unsent, or where an upstream connection is open.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from mitmproxy.proxy import events
from mitmproxy.proxy.server import ConnectionHandler

from .guarded import Shortcut, Undo

READS_IN_PLACE = Shortcut(
    "reads in place",
    "serve: 10 % of the CPU time of a new TLS connection with its request",
    {
        "asyncio:StreamReader.feed_data": "(self, data)",
        "asyncio:StreamReader.read": "(self, n=-1)",
        "mitmproxy.proxy.events:DataReceived": "(connection, data)",
        "mitmproxy.proxy.server:ConnectionHandler.drain_writers": "(self)",
        "mitmproxy.proxy.server:ConnectionHandler.handle_client": "(self)",
        "mitmproxy.proxy.server:ConnectionHandler.handle_connection": "(self, connection)",
        "mitmproxy.proxy.server:ConnectionHandler.server_event": "(self, event)",
        "mitmproxy.proxy.server:ConnectionIO": "(handler=None, reader=None, writer=None)",
    },
)

_METHOD = "handle_client"


def read_in_place() -> Undo:
    """Let the connections of this process take the bytes of their clients without a turn of the event loop."""
    original = getattr(ConnectionHandler, _METHOD)

    async def handle_client(self: ConnectionHandler) -> None:
        io = self.transports[self.client]
        if isinstance(io.reader, asyncio.StreamReader) and isinstance(io.writer, asyncio.StreamWriter):
            vars(io)["reader"] = _ClientReader(self, io.reader, io.writer)
        await original(self)

    setattr(ConnectionHandler, _METHOD, handle_client)
    return lambda: setattr(ConnectionHandler, _METHOD, original)


class _ClientReader:
    """Stands before the reader of a client's connection: knows whether mitmproxy waits for bytes."""

    def __init__(
        self, handler: ConnectionHandler, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._handler = handler
        self._reader = reader
        self._transport = writer.transport
        self._is_awaited = False
        self._feed: Callable[[bytes], None] = reader.feed_data
        vars(reader)["feed_data"] = self._take

    async def read(self, n: int) -> bytes:
        """Return up to `n` bytes that the layers have not got yet, b"" at the end."""
        self._is_awaited = True
        try:
            return await self._reader.read(n)
        finally:
            self._is_awaited = False

    def _take(self, data: bytes) -> None:
        """Take bytes from the event loop."""
        if self._is_awaited and self._may_write():
            self._hand_on(data)
        else:
            self._is_awaited = False  # until the task has taken these bytes
            self._feed(data)

    def _may_write(self) -> bool:
        """Tell whether mitmproxy would read on without waiting for a client or an upstream to read."""
        transport = self._transport
        is_sent = not transport.is_closing() and not transport.get_write_buffer_size()
        return is_sent and len(self._handler.transports) == 1

    def _hand_on(self, data: bytes) -> None:
        event = events.DataReceived(self._handler.client, data)
        # Done when this returns, unless the connection is busy: then its lock holds the task.
        asyncio.eager_task_factory(asyncio.get_running_loop(), self._handler.server_event(event))
