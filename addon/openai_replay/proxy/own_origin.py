"""A tiny HTTP/1.1 origin on a free port of 127.0.0.1, for what mitmproxy cannot send by itself: a response that breaks.

mitmproxy sends an answer set by an addon whole. So a request whose recording broke off is redirected here; this
origin sends the pieces it has and closes the connection without the last chunk, and mitmproxy relays the break to
its client as it would relay a real one.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from contextlib import suppress
from http import HTTPStatus

from ..replay.answer import Answer

HOST = "127.0.0.1"


class BreakingOrigin:
    """Serves each prepared answer once, under a path that nobody can guess, and breaks off after it."""

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None
        self._answers: dict[str, Answer] = {}
        self.port: int | None = None

    async def prepare(self, answer: Answer) -> str:
        """Return the path under which an answer can be fetched once; the server is started with the first."""
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, HOST, 0)
            self.port = self._server.sockets[0].getsockname()[1]
        path = f"/{secrets.token_urlsafe(16)}"
        self._answers[path] = answer
        return path

    def is_at(self, address: tuple[str, int, *tuple[int, ...]] | None) -> bool:
        """Tell whether an address of a connection upstream is this origin's."""
        return address is not None and address[:2] == (HOST, self.port)

    def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.partition(b" ")[2].partition(b" ")[0]
            answer = self._answers.pop(path.decode("latin-1"), None)
            if answer is not None:
                writer.write(_head(answer.status, answer.headers))
                for piece in filter(None, answer.pieces):  # an empty chunk would say that the answer is whole
                    writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                await writer.drain()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def _head(status: int, headers: Sequence[tuple[str, str]]) -> bytes:
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase if status in _KNOWN else ''}"]
    lines += [f"{name}: {value}" for name, value in headers]
    lines += ["transfer-encoding: chunked", "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape")


_KNOWN = frozenset(status.value for status in HTTPStatus)
