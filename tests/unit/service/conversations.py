"""A client of a WebSocket in memory, and the messages and the end that it got."""

from __future__ import annotations

import asyncio

from openai_replay.service.web_socket import Gone
from openai_replay.wire.socket_notes import Close


class MemorySocket:
    """The server's end of a WebSocket whose client sends some messages, and leaves after so many answers."""

    def __init__(self, *messages: str | bytes, answers: int = 1) -> None:
        self._messages = list(messages)
        self._answers = answers
        self._leaves = asyncio.Event()
        self.sent: list[str | bytes] = []
        self.closed: Close | None = None
        self.is_broken = False
        self.waits_s: list[float] = []

    async def receive(self) -> str | bytes:
        if self._messages:
            return self._messages.pop(0)
        await self._leaves.wait()
        raise Gone

    async def send(self, message: str | bytes) -> None:
        self.sent.append(message)
        if len(self.sent) >= self._answers:
            self._leaves.set()

    def close(self, close: Close) -> None:
        self.closed = close
        self._leaves.set()

    async def sleep(self, wait_s: float) -> None:
        self.waits_s.append(wait_s)

    def break_off(self, *, is_reset: bool = False) -> None:
        self.is_broken = True
        self._leaves.set()
