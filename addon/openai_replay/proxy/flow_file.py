"""Reads the exchanges in a flow file of mitmproxy (`mitmdump -w FILE`)."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from mitmproxy import exceptions, flow, http, io
from mitmproxy.websocket import WebSocketData, WebSocketMessage

from ..record.exchange import End
from ..record.raw_exchange import HeaderList, NotTaken, RawExchange
from ..record.raw_socket import socket_exchanges
from ..wire.socket_notes import SocketNotes
from .endings import error_message
from .websocket_capture import ending_of


def exchanges(path: Path) -> Iterator[RawExchange | NotTaken]:
    """Yield the exchanges of a flow file in order; of a truncated file, all before the break."""
    number = 0
    with open(path, "rb") as plain:
        is_compressed = plain.read(2) == b"\x1f\x8b"
    opened: BinaryIO = gzip.open(path) if is_compressed else open(path, "rb")  # type: ignore[assignment]  # noqa: SIM115
    with opened as file:
        try:
            for number, found in enumerate(io.FlowReader(file).stream(), 1):
                yield from _exchanges(found, f"{path}, flow {number}")
        except exceptions.FlowReadException as exc:
            yield NotTaken(f"{path}, flow {number + 1}", f"expected a flow, {exc}")


def _exchanges(found: flow.Flow, place: str) -> Iterator[RawExchange | NotTaken]:
    if not isinstance(found, http.HTTPFlow):
        yield NotTaken(place, f"expected an HTTP exchange, got a {found.type} flow")
    elif found.websocket is None:
        yield _exchange(found, place)
    else:
        messages = [(one.from_client, _content(one)) for one in found.websocket.messages]
        yield from socket_exchanges(_upgrade(found, found.websocket, place), messages)


def _content(message: WebSocketMessage) -> str | bytes:
    return message.content.decode("utf-8", "replace") if message.is_text else message.content


def _upgrade(found: http.HTTPFlow, socket: WebSocketData, place: str) -> RawExchange:
    end, close = ending_of(socket)
    request = found.request
    headers, notes = _headers(request), SocketNotes(close=close)
    return RawExchange(place, "GET", request.pretty_url, headers, b"", 101, (), b"", end, socket=notes)


def _exchange(found: http.HTTPFlow, place: str) -> RawExchange | NotTaken:
    response = found.response
    if response is None:
        reason = found.error.msg if found.error else "none was received"
        return NotTaken(place, f"the request got no response: {reason}")
    if response.raw_content is None or found.request.raw_content is None:
        return NotTaken(place, "the flow has no body: record it with store_streamed_bodies=true")
    if found.request.method == "CONNECT":
        return NotTaken(place, "expected a request to the API, got CONNECT")
    return RawExchange(
        place,
        found.request.method,
        found.request.pretty_url,
        _headers(found.request),
        found.request.raw_content,
        response.status_code,
        _headers(response),
        response.raw_content,
        _end(found),
    )


def _headers(message: http.Message) -> HeaderList:
    return tuple(message.headers.items(multi=True))


def _end(found: http.HTTPFlow) -> End:
    """Return how a response ended; connections of a file are all closed, so the words of the error decide."""
    if found.error is None:
        return End.COMPLETE
    by_client = error_message(found).startswith(("Client disconnected", "stream reset by client"))
    return End.LEFT_BY_CLIENT if by_client else End.CUT_BY_UPSTREAM
