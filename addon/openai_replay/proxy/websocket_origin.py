"""The WebSocket server that answers replayed upgrades, on a free port of 127.0.0.1.

mitmproxy cannot answer an upgrade by itself: a 101 set as a response crashes when the client closes. So the addon
redirects the upgrade here, and mitmproxy relays the messages, pings and close frames as it would from a real server.
Rule: each path is unguessable and works once, so only flows that the addon sent are answered.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    RejectConnection,
    Request,
    TextMessage,
)
from wsproto.utilities import ProtocolError

from ..request.upgrade import chosen_subprotocol
from ..service.web_socket import Accepted, Gone, Inbox
from ..wire.socket_notes import Close
from .loopback_origin import HOST, LoopbackOrigin

log = logging.getLogger(__name__)

_READ_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Prepared:
    """An accepted upgrade; `reset_client` lets its client's connection end with a TCP reset when it ends."""

    accepted: Accepted
    reset_client: Callable[[], None]


class OriginSocket:
    """The server's end of one WebSocket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._protocol = WSConnection(ConnectionType.SERVER)
        self._inbox = Inbox()
        self._unfinished: list[Any] = []

    async def receive(self) -> str | bytes:
        """Return the client's next message.

        Raises:
            Gone: there is none any more.
        """
        return await self._inbox.next()

    async def send(self, message: str | bytes) -> None:
        """Send a message, as soon as the client reads."""
        self._put(TextMessage(data=message) if isinstance(message, str) else BytesMessage(data=message))
        await self._writer.drain()

    def close(self, close: Close) -> None:
        """End the WebSocket with a close frame."""
        self._put(CloseConnection(code=close.code, reason=close.reason))

    async def sleep(self, wait_s: float) -> None:
        """Wait so long; less long if the client leaves."""
        await self._inbox.wait_for_end(wait_s)

    def break_off(self, *, is_reset: bool = False) -> None:
        """End the connection without a close frame; mitmproxy's connection to the client is the one to be reset."""
        if is_reset:
            self._reset_client()
        self._writer.close()

    def _put(self, event: Event) -> None:
        with suppress(ProtocolError):  # closed in the meantime
            self._writer.write(self._protocol.send(event))

    async def upgrade(self) -> str:
        """Read the client's upgrade, and return its path.

        Raises:
            Gone: there is none.
        """
        while True:
            for event in self._protocol.events():
                if isinstance(event, Request):
                    self._offered = event.subprotocols
                    return event.target
            await self._read()

    def accept(self, prepared: Prepared) -> None:
        """Accept the upgrade, with the first of the subprotocols that is one."""
        self._reset_client = prepared.reset_client
        extra = [(name.encode(), value.encode()) for name, value in prepared.accepted.headers]
        self._put(AcceptConnection(subprotocol=chosen_subprotocol(self._offered), extra_headers=extra))

    def reject(self) -> None:
        """Refuse the upgrade of a client that the addon did not send."""
        self._put(RejectConnection(status_code=404))

    async def listen(self) -> None:
        """Take in messages until the client has gone."""
        try:
            while True:
                for event in self._protocol.events():
                    await self._take(event)
                await self._read()
        except (Gone, ProtocolError, ConnectionError):
            await self._inbox.end()

    async def _read(self) -> None:
        data = await self._reader.read(_READ_BYTES)
        if not data:
            raise Gone
        self._protocol.receive_data(data)

    async def _take(self, event: Event) -> None:
        match event:
            case TextMessage() | BytesMessage():
                self._unfinished.append(event.data)
                if event.message_finished:
                    pieces, self._unfinished = self._unfinished, []
                    await self._inbox.put(pieces[0][:0].join(pieces))  # all of them text, or all bytes
            case Ping():
                self._put(event.response())
            case CloseConnection():
                self._put(event.response())
                raise Gone


class WebSocketOrigin(LoopbackOrigin[Prepared]):
    """Serves each prepared WebSocket once."""

    def __init__(self) -> None:
        super().__init__()
        self._serving: set[asyncio.Task[None]] = set()

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._accept, HOST, 0)

    def close(self) -> None:
        """Stop listening, and end the open WebSockets."""
        super().close()
        for task in self._serving:
            task.cancel()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        try:
            await self._serve(OriginSocket(reader, writer))
        except (Gone, ProtocolError, ConnectionError):
            pass  # the client left
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _serve(self, socket: OriginSocket) -> None:
        prepared = self._prepared.pop(await socket.upgrade(), None)
        if prepared is None:
            socket.reject()
            return
        socket.accept(prepared)
        listening = asyncio.create_task(socket.listen())
        try:
            await prepared.accepted.serve(socket)
            await listening  # for the client's close frame, which answers the server's
        finally:
            listening.cancel()
