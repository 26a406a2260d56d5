"""HTTP/2, by Granian (https://github.com/emmett-framework/granian), behind a socket file of this process.

Granian begins with the first connection of HTTP/2. The engine keeps the client's connection, TLS included, and passes
the bytes on, both ways. Granian runs by its ASGI interface, because its RSGI interface decodes the path (`%2F` becomes
a slash) and drops headers that are not ASCII.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import override

from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server

from .application import Application

# The first line of a client that speaks HTTP/2 without TLS (RFC 9113, section 3.4).
PREFACE = b"PRI * HTTP/2.0\r\n"

# Granian accepts no more connections than this at once: idle streams must not keep others out.
_MOST_CONNECTIONS = 1_000_000
_BACKLOG = 2048

# How often it is tried whether Granian listens.
_LISTENING_INTERVAL_S = 0.005


class Relay(asyncio.Protocol):
    """An end of a connection that is passed on: the bytes that arrive here are written to the other end."""

    def __init__(self, other: asyncio.Transport, ended: asyncio.Future[None]) -> None:
        self._other = other
        self._ended = ended

    @override
    def data_received(self, data: bytes) -> None:
        if not self._other.is_closing():
            self._other.write(data)

    @override
    def pause_writing(self) -> None:
        if not self._other.is_closing():
            self._other.pause_reading()

    @override
    def resume_writing(self) -> None:
        if not self._other.is_closing():
            self._other.resume_reading()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if not self._ended.done():
            self._ended.set_result(None)


class Http2Server:
    """Serves connections of HTTP/2, from the first one until `close`."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._connections: set[asyncio.Task[None]] = set()
        self._granian: Granian | None = None

    def take(self, client: asyncio.Transport, received: bytes) -> None:
        """Take over a client's connection; `received` are the bytes that came already."""
        client.pause_reading()
        connection = asyncio.get_running_loop().create_task(self._pass_on(client, received))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _pass_on(self, client: asyncio.Transport, received: bytes) -> None:
        """Pass on all bytes, both ways, until one end closes."""
        ended = asyncio.get_running_loop().create_future()
        if self._granian is None:
            self._granian = Granian(self._application)
        with closing(client), closing(await self._granian.connection(lambda: Relay(client, ended))) as server:
            server.write(received)
            if not client.is_closing():
                client.set_protocol(Relay(server, ended))
                client.resume_reading()
                await ended

    async def close(self) -> None:
        """End, with all connections."""
        for connection in self._connections:
            connection.cancel()
        if self._granian is not None:
            await self._granian.close()


class Granian:
    """Granian in this process's event loop, and its socket file in a folder that others cannot enter."""

    def __init__(self, application: Application) -> None:
        """Begin."""
        self._folder = tempfile.TemporaryDirectory(prefix="openai-replay-")
        self._file = Path(self._folder.name) / "http2"
        self._server = Server(
            application,
            uds=self._file,
            interface=Interfaces.ASGINL,
            http=HTTPModes.http2,
            websockets=False,
            backlog=_BACKLOG,
            backpressure=_MOST_CONNECTIONS,
            log_enabled=False,
        )
        self._serving = asyncio.get_running_loop().create_task(self._server.serve())

    async def connection(self, protocol: Callable[[], asyncio.Protocol]) -> asyncio.Transport:
        """Return a connection to it, as soon as it listens, which it does from another thread."""
        loop = asyncio.get_running_loop()
        while not self._serving.done():
            with suppress(FileNotFoundError, ConnectionRefusedError):
                transport, _ = await loop.create_unix_connection(protocol, str(self._file))
                return transport
            await asyncio.sleep(_LISTENING_INTERVAL_S)
        raise ConnectionError("Granian did not start")

    async def close(self) -> None:
        """End, with all connections."""
        self._server.stop()  # type: ignore[no-untyped-call]  # Granian has no annotations here
        await self._serving
        self._folder.cleanup()
