"""A server on a free port of 127.0.0.1 that serves each prepared answer once, under a path that cannot be guessed."""

from __future__ import annotations

import asyncio
import secrets
from abc import ABC, abstractmethod

HOST = "127.0.0.1"


class LoopbackOrigin[T](ABC):
    """Prepared answers by their paths, and the server that serves them. It is started with the first answer."""

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None
        self._starting = asyncio.Lock()
        self._prepared: dict[str, T] = {}
        self.port: int | None = None

    async def add(self, prepared: T) -> str:
        """Return the path under which an answer can be fetched once."""
        async with self._starting:
            await self._start()
        path = f"/{secrets.token_urlsafe(16)}"
        self._prepared[path] = prepared
        return path

    async def _start(self) -> None:
        """Start the server, if it is not: connections to a second one would be refused, see `is_at`."""
        if self._server is None:
            self._server = await self._listen()
            self.port = self._server.sockets[0].getsockname()[1]

    def forget(self, path: str) -> None:
        """Drop an answer that was not fetched, if it is one of this origin: its client has left."""
        self._prepared.pop(path, None)

    @abstractmethod
    async def _listen(self) -> asyncio.Server:
        """Start the server on a free port of `HOST`."""

    def is_at(self, address: tuple[str, int, *tuple[int, ...]] | None) -> bool:
        """Tell whether an address of a connection upstream is this origin's."""
        return address is not None and address[:2] == (HOST, self.port)

    def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            self._server = None
