"""The server's end of a WebSocket, as replay needs it, whichever server keeps the connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from ..wire.socket_notes import Close

# A cooperating client reads as fast as it is sent. This bounds the memory for a client that does not.
_MOST_WAITING_MESSAGES = 1024


class Gone(Exception):
    """The client has closed its end, or the connection broke."""


class Socket(Protocol):
    """The server's end of one WebSocket."""

    async def receive(self) -> str | bytes:
        """Return the client's next message.

        Raises:
            Gone: there is none any more.
        """

    async def send(self, message: str | bytes) -> None:
        """Send a message, as soon as the client reads."""

    def close(self, close: Close) -> None:
        """End the WebSocket with a close frame."""

    def break_off(self) -> None:
        """End the connection without a close frame."""


# Answers the messages of one WebSocket until it ends.
type Serve = Callable[[Socket], Awaitable[None]]


class Inbox:
    """The messages of a client that are yet to be handled, in order."""

    def __init__(self) -> None:
        self._messages: asyncio.Queue[str | bytes | None] = asyncio.Queue(_MOST_WAITING_MESSAGES)

    async def put(self, message: str | bytes) -> None:
        """Add a message, as soon as there is room."""
        await self._messages.put(message)

    async def end(self) -> None:
        """Take note that the client has gone."""
        await self._messages.put(None)

    async def next(self) -> str | bytes:
        """Return the next message.

        Raises:
            Gone: there is none any more.
        """
        message = await self._messages.get()
        if message is None:
            self._messages.put_nowait(None)  # for the next caller
            raise Gone
        return message
