"""The messages of a WebSocket as another tool stored them, as the exchanges that they stand for.

Each `response.create` of the Responses API stands for a streamed POST, and is recorded as one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from ..format import json_text
from ..request.response_create import is_responses_endpoint
from ..wire.socket_notes import SocketNotes
from .exchange import End
from .raw_exchange import HeaderList, NotTaken, RawExchange
from .responses_socket import Began, Came, OpenResponse, ResponsesSocket

_STREAM: HeaderList = (("content-type", "text/event-stream; charset=utf-8"),)
_JSON: HeaderList = (("content-type", "application/json"),)

_SCHEMES = {"wss": "https", "ws": "http"}


def socket_exchanges(
    upgrade: RawExchange, messages: Iterable[tuple[bool, str]]
) -> Iterator[RawExchange | NotTaken]:
    """Yield the exchanges of a WebSocket, in the order of their requests.

    Args:
        upgrade: the GET that opened it; its `end` is that of the socket.
        messages: (is it from the client, its text), in order.
    """
    if not is_responses_endpoint(upgrade.url):
        reason = "expected a WebSocket of the Responses API; record other conversations through the proxy"
        yield NotTaken(upgrade.place, reason)
        return
    socket = ResponsesSocket()
    pieces: dict[OpenResponse, list[bytes]] = {}
    for from_client, text in messages:
        for step in socket.from_client(text) if from_client else socket.from_server(text):
            match step:
                case Began(response):
                    pieces[response] = []
                case Came(response, piece):
                    pieces[response].append(piece)
    for number, (response, events) in enumerate(pieces.items(), 1):
        yield _exchange(upgrade, f"{upgrade.place}, request {number}", response, b"".join(events))


def _exchange(
    upgrade: RawExchange, place: str, response: OpenResponse, events: bytes
) -> RawExchange | NotTaken:
    if response.events == 0:
        return NotTaken(place, "the WebSocket ended before an answer")
    status, body = response.failure or (200, events)
    parts = urlsplit(upgrade.url)
    return RawExchange(
        place,
        "POST",
        parts._replace(scheme=_SCHEMES.get(parts.scheme, parts.scheme)).geturl(),
        (*upgrade.request_headers, *_JSON),
        json_text.compact(response.body).encode(),
        status,
        _JSON if response.failure else _STREAM,
        body,
        End.COMPLETE if response.is_over or response.failure else upgrade.end,
        upgrade.test_id,
        socket=SocketNotes(tuple(response.client_messages)),
    )
