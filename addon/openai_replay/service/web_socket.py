"""The server's end of a WebSocket, as replay needs it, whichever server keeps the connection."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
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

    async def sleep(self, wait_s: float) -> None:
        """Wait so long; less long if the client leaves."""

    def break_off(self, *, is_reset: bool = False) -> None:
        """End the connection without a close frame, in order for TCP or with a reset."""


# Answers the messages of one WebSocket until it ends.
type Serve = Callable[[Socket], Awaitable[None]]

type Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Accepted:
    """An accepted upgrade: the way to serve its messages, and additional headers of the acceptance."""

    serve: Serve
    headers: Headers = ()


class Inbox:
    """The messages of a client that are yet to be handled, in order."""

    def __init__(self) -> None:
        self._messages: asyncio.Queue[str | bytes | None] = asyncio.Queue(_MOST_WAITING_MESSAGES)
        self._has_ended = asyncio.Event()

    async def put(self, message: str | bytes) -> None:
        """Add a message, as soon as there is room."""
        await self._messages.put(message)

    async def end(self) -> None:
        """Take note that the client has gone."""
        self._has_ended.set()
        await self._messages.put(None)

    async def wait_for_end(self, most_s: float) -> None:
        """Wait until the client has gone, but no longer than so many seconds."""
        if most_s > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._has_ended.wait(), None if math.isinf(most_s) else most_s)

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
