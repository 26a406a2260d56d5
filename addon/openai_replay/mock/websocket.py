"""The server's end of a WebSocket (RFC 6455) on a connection, with wsproto for the handshake and the frames."""

from __future__ import annotations

import asyncio
from typing import Any

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Event, Ping, TextMessage
from wsproto.events import BytesMessage as BinaryMessage
from wsproto.events import Request as UpgradeRequest
from wsproto.extensions import PerMessageDeflate
from wsproto.utilities import ProtocolError

from .conversation import Break, Close, Conversation, Said
from .exchange import Headers, Outcome, Request

READ_SIZE = 65536


def asks_for_websocket(request: Request) -> bool:
    """Tell whether `request` opens a WebSocket: RFC 6455, section 4.2.1."""
    return (request.header("upgrade") or "").lower() == "websocket"


class WebSocketConnection:
    """Lets a conversation and a client talk over a connection, after the client's GET with the upgrade.

    Args:
        request: the GET.
        headers: additional headers of the 101, besides the handshake's.
        conversation: answers the client's messages.
        gap_ms: the wait between two messages of the server.
        reader, writer: the connection; the caller closes it.
    """

    def __init__(
        self,
        request: Request,
        headers: Headers,
        conversation: Conversation,
        gap_ms: float,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._request = request
        self._headers = headers
        self._conversation = conversation
        self._gap_ms = gap_ms
        self._reader = reader
        self._writer = writer
        self._protocol = WSConnection(ConnectionType.SERVER)
        self._unfinished: list[Any] = []
        self._heard = asyncio.Event()

    async def serve(self, trailing: bytes) -> Outcome:
        """Talk until one side ends it; return how it ended. `trailing`: bytes that came in behind the GET."""
        headers = [(name.encode("ascii"), value.encode("latin-1")) for name, value in self._request.headers]
        self._protocol.initiate_upgrade_connection(headers, self._request.target.encode("latin-1"))
        hearing = asyncio.create_task(self._hear(trailing))
        saying = asyncio.create_task(self._say())
        try:
            done, _ = await asyncio.wait({hearing, saying}, return_when=asyncio.FIRST_COMPLETED)
            return done.pop().result()
        except (ProtocolError, ConnectionError):
            return Outcome.CLIENT_LEFT
        finally:
            for task in (hearing, saying):
                task.cancel()
            await asyncio.gather(hearing, saying, return_exceptions=True)

    async def _hear(self, trailing: bytes) -> Outcome:
        data: bytes | None = trailing
        while True:
            if data != b"":
                self._protocol.receive_data(data)
            for event in self._protocol.events():
                if outcome := self._take(event):
                    return outcome
            data = await self._reader.read(READ_SIZE) or None

    def _take(self, event: Event) -> Outcome | None:
        match event:
            case UpgradeRequest(subprotocols=offered):
                self._accept(offered)
            case TextMessage() | BinaryMessage():
                self._take_piece(event)
            case Ping():
                self._send(event.response())
            case CloseConnection(code=1006):
                return Outcome.CLIENT_LEFT
            case CloseConnection():
                self._request.closed = (int(event.code), event.reason or "")
                self._send(event.response())
                return Outcome.ANSWERED
        return None

    def _accept(self, offered: list[str]) -> None:
        extra = [(name.encode("ascii"), value.encode("latin-1")) for name, value in self._headers]
        chosen = offered[0] if offered else None
        self._send(
            AcceptConnection(subprotocol=chosen, extensions=[PerMessageDeflate()], extra_headers=extra)
        )
        self._heard.set()

    def _take_piece(self, event: TextMessage | BinaryMessage) -> None:
        self._unfinished.append(event.data)
        if event.message_finished:
            pieces, self._unfinished = self._unfinished, []
            message = pieces[0][:0].join(pieces)  # all of them text, or all of them bytes
            self._request.messages.append(message)
            self._conversation.hear(message)
            self._heard.set()

    async def _say(self) -> Outcome:
        while True:
            await self._heard.wait()
            self._heard.clear()
            while (said := self._conversation.say()) is not None:
                if outcome := self._put(said):
                    return outcome
                await self._writer.drain()
                await asyncio.sleep(self._gap_ms / 1000)

    def _put(self, said: Said) -> Outcome | None:
        match said:
            case Close(code, reason):
                self._send(CloseConnection(code=code, reason=reason))
                return Outcome.ANSWERED
            case Break():
                return Outcome.CUT
            case str():
                self._send(TextMessage(data=said))
            case bytes():
                self._send(BinaryMessage(data=said))
        return None

    def _send(self, event: Event) -> None:
        self._writer.write(self._protocol.send(event))
