"""The server's end of a WebSocket over ASGI (https://asgi.readthedocs.io/en/latest/specs/www.html#websocket)."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from ..request.upgrade import chosen_subprotocol
from ..service.web_socket import Accepted, Gone, Headers, Inbox
from ..wire.socket_notes import Close
from .messages import Message, Receive, Scope, Send, transport_of
from .playback import end_by_reset


class AsgiSocket:
    """A WebSocket whose upgrade was accepted. Its end is taken note of, and carried out by `finish`."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._inbox = Inbox()
        self._close: Close | None = None
        self._is_broken = self._is_reset = False

    async def receive(self) -> str | bytes:
        """Return the client's next message.

        Raises:
            Gone: there is none any more.
        """
        message = await self._inbox.next()
        # Let the loop handle its events first, such as changes of the watched folder.
        await asyncio.sleep(0)
        return message

    async def send(self, message: str | bytes) -> None:
        """Send a message, as soon as the client reads; none to a client that has left."""
        kind = "text" if isinstance(message, str) else "bytes"
        await self._say({"type": "websocket.send", kind: message})

    async def accept(self, headers: Headers) -> None:
        """Accept the upgrade, with additional headers."""
        fields = [(name.encode(), value.encode()) for name, value in headers]
        subprotocol = chosen_subprotocol(self._scope["subprotocols"])
        await self._say({"type": "websocket.accept", "subprotocol": subprotocol, "headers": fields})

    async def _say(self, message: Message) -> None:
        with suppress(OSError):  # how ASGI's servers say that the client has left
            await self._send(message)

    def close(self, close: Close) -> None:
        """End the WebSocket with a close frame."""
        self._close = close

    async def sleep(self, wait_s: float) -> None:
        """Wait so long; less long if the client leaves."""
        await self._inbox.wait_for_end(wait_s)

    def break_off(self, *, is_reset: bool = False) -> None:
        """End the connection without a close frame, in order for TCP or with a reset."""
        self._is_broken, self._is_reset = True, is_reset

    async def listen(self) -> None:
        """Take in messages until the client has gone; the server answers pings meanwhile."""
        while (message := await self._receive())["type"] == "websocket.receive":
            text = message.get("text")
            await self._inbox.put(message["bytes"] if text is None else text)
        await self._inbox.end()

    async def finish(self) -> None:
        """End the WebSocket as it was told.

        A client answers a close frame with another one, which is waited for. The server closes the connection of a
        conversation that was broken off, without a close frame.
        """
        client = transport_of(self._scope)
        if self._is_reset and client is not None:
            await end_by_reset(client, asyncio.ensure_future(self._receive()))
        elif self._close is not None and not self._is_broken:
            code, reason = self._close.code, self._close.reason
            await self._say({"type": "websocket.close", "code": code, "reason": reason})
            while (await self._receive())["type"] != "websocket.disconnect":
                pass


async def converse(accepted: Accepted, scope: Scope, receive: Receive, send: Send) -> None:
    """Accept an upgrade, and serve the client's messages until the WebSocket has ended.

    Args:
        receive: has given the connection, but no message yet.
    """
    socket = AsgiSocket(scope, receive, send)
    await socket.accept(accepted.headers)
    listening = asyncio.create_task(socket.listen())
    try:
        with suppress(Gone):
            await accepted.serve(socket)
    finally:
        listening.cancel()
        await asyncio.wait((listening,))
    await socket.finish()
