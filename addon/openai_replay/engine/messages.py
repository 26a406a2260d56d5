"""ASGI messages that tell the server to send a response (https://asgi.readthedocs.io/en/latest/specs/www.html)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from ..replay.answer import Answer
from ..service.answering import Headers

# ASGI's connection scope, of HTTP or of a WebSocket.
type Scope = dict[str, Any]

type Message = dict[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]

END: Message = {"type": "http.response.body", "body": b"", "more_body": False}


def whole(status: int, headers: Headers, content: bytes, *, is_head: bool) -> tuple[Message, ...]:
    """Return a response that is complete."""
    content = b"" if is_head else content
    message = {"type": "http.response.body", "body": content, "more_body": False}
    return start(status, (*headers, ("content-length", str(len(content))))), message


def denial(response: Iterable[Message]) -> tuple[Message, ...]:
    """Return a response as the answer to an upgrade (ASGI's extension "WebSocket Denial Response")."""
    return tuple({**message, "type": f"websocket.{message['type']}"} for message in response)


def broken(answer: Answer, *, is_http2: bool) -> tuple[Message, ...]:
    """Return a response that breaks off after its pieces, see `start_of_broken`."""
    head = start_of_broken(answer.status, answer.headers, answer.pieces, is_http2=is_http2)
    pieces = tuple(map(piece, answer.pieces or (b"",)))
    return (head, *pieces, END) if is_http2 else (head, *pieces)


def start_of_broken(status: int, headers: Headers, pieces: Iterable[bytes], *, is_http2: bool) -> Message:
    """Return the start of a response that breaks off after some pieces.

    Without a last message the server closes the connection of HTTP/1.1. The stream of HTTP/2 it would reset, and drop
    all bytes that are not sent yet; there the length of the body says that it is incomplete (RFC 9113, 8.1.1).
    """
    length = ("content-length", str(sum(map(len, pieces)) + 1))
    return start(status, (*headers, length) if is_http2 else headers)


def start(status: int, headers: Headers) -> Message:
    """Return the status line and the headers."""
    fields = [(name.encode("latin-1"), value.encode("utf-8", "surrogateescape")) for name, value in headers]
    return {"type": "http.response.start", "status": status, "headers": fields}


def piece(data: bytes) -> Message:
    """Return a part of the body that is not the last one."""
    return {"type": "http.response.body", "body": data, "more_body": True}
