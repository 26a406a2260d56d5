"""ASGI messages that tell the server to send a response (https://asgi.readthedocs.io/en/latest/specs/www.html)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from ..replay.answer import Answer
from ..replay.delivery import length_header, status_line
from ..service.answering import Headers

# ASGI's connection scope, of HTTP or of a WebSocket.
type Scope = dict[str, Any]

type Message = dict[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]

# Keys in a scope's extensions. Over HTTP/1 and in WebSockets: the client's transport; over HTTP/1.1 the bytes of the
# whole request, if it came alone, on a connection that lasts.
TRANSPORT = "openai_replay.transport"
REQUEST_BYTES = "openai_replay.request_bytes"

_EXTENSIONS = "extensions"

# Versions of HTTP that answers depend on, as ASGI names them.
HTTP1_0, HTTP1_1, HTTP2 = "1.0", "1.1", "2"


def extend(scope: Any, key: str, value: object) -> None:
    """Add an extension to a scope."""
    scope.setdefault(_EXTENSIONS, {})[key] = value


def transport_of(scope: Scope) -> asyncio.Transport | None:
    """Return the client's connection; None over HTTP/2, where several requests share it."""
    transport: asyncio.Transport | None = scope.get(_EXTENSIONS, {}).get(TRANSPORT)
    return transport


def request_bytes(scope: Scope) -> bytes:
    """Return the bytes of the whole request, b"" where they are not known."""
    data: bytes = scope.get(_EXTENSIONS, {}).get(REQUEST_BYTES, b"")
    return data


END: Message = {"type": "http.response.body", "body": b"", "more_body": False}


def whole(status: int, headers: Headers, content: bytes, *, is_head: bool) -> tuple[Message, ...]:
    """Return a response that is complete."""
    content = b"" if is_head else content
    message = {"type": "http.response.body", "body": content, "more_body": False}
    return start(status, (*headers, *length_header(status, len(content), is_head=is_head))), message


def denial(response: Iterable[Message]) -> tuple[Message, ...]:
    """Return a response as the answer to an upgrade (ASGI's extension "WebSocket Denial Response")."""
    return tuple({**message, "type": f"websocket.{message['type']}"} for message in response)


def broken(answer: Answer, version: str) -> tuple[Message, ...]:
    """Return a response of HTTP/1 that breaks off after its pieces, see `start_of_broken`."""
    head = start_of_broken(answer.status, answer.headers, answer.pieces, version)
    return (head, *map(piece, answer.pieces or (b"",)))


def start_of_broken(status: int, headers: Headers, pieces: Iterable[bytes], version: str) -> Message:
    """Return the start of a response that breaks off after some pieces.

    Without a last message the server closes the connection of HTTP/1. Over HTTP/1.1 the body has chunks, and lacks the
    last one. HTTP/1.0 has no chunks, and over HTTP/2 the server would reset the stream and drop all bytes that are not
    sent yet. There the length of the body says that it is incomplete (RFC 9112, 8; RFC 9113, 8.1.1).

    Args:
        version: the request's, as ASGI names it.
    """
    length = ("content-length", str(sum(map(len, pieces)) + 1))
    return start(status, headers if version == HTTP1_1 else (*headers, length))


def start(status: int, headers: Headers) -> Message:
    """Return the status line and the headers."""
    fields = [(name.encode("latin-1"), value.encode("utf-8", "surrogateescape")) for name, value in headers]
    return {"type": "http.response.start", "status": status, "headers": fields}


def piece(data: bytes) -> Message:
    """Return a part of the body that is not the last one."""
    return {"type": "http.response.body", "body": data, "more_body": True}


def http1(response: Sequence[Message]) -> bytes:
    """Return the bytes of a response in HTTP/1.1 (RFC 9112), on a connection that lasts.

    Without a last message it breaks off: its chunks lack the last one.
    """
    head, *body = response
    fields = [*head["headers"]]
    is_chunked = body[-1]["more_body"] and all(name != b"content-length" for name, _ in fields)
    if is_chunked:
        fields.append((b"transfer-encoding", b"chunked"))
    lines = [
        status_line(head["status"]).encode(),
        *(b"%b: %b" % (name.lower(), value) for name, value in fields),
    ]
    pieces = [message["body"] for message in body]
    if is_chunked:
        pieces = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece]
    return b"".join((b"\r\n".join(lines), b"\r\n\r\n", *pieces))
