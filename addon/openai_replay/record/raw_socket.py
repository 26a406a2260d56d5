"""The messages of a WebSocket as another tool stored them, as exchanges to record.

Each `response.create` of the Responses API stands for a streamed POST. Other conversations, such as Realtime, are one
session.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from urllib.parse import urlsplit

from ..format import json_text
from ..request.response_create import is_responses_endpoint
from ..wire.session_messages import CLIENT, SERVER
from ..wire.socket_notes import SocketNotes
from .exchange import End
from .raw_exchange import HeaderList, NotTaken, RawExchange
from .responses_socket import Began, Came, OpenResponse, ResponsesSocket

_STREAM: HeaderList = (("content-type", "text/event-stream; charset=utf-8"),)
_JSON: HeaderList = (("content-type", "application/json"),)

_SCHEMES = {"wss": "https", "ws": "http"}


def socket_exchanges(
    upgrade: RawExchange, messages: Iterable[tuple[bool, str | bytes]]
) -> Iterator[RawExchange | NotTaken]:
    """Yield the exchanges of a WebSocket, in the order of their requests.

    Args:
        upgrade: the GET that opened it; `end` and `socket.close` say how the socket ended.
        messages: (is it from the client, its content), in order; a binary message is bytes.
    """
    parts = urlsplit(upgrade.url)
    upgrade = replace(upgrade, url=parts._replace(scheme=_SCHEMES.get(parts.scheme, parts.scheme)).geturl())
    if is_responses_endpoint(upgrade.url):
        yield from _responses(upgrade, messages)
        return
    session = tuple((CLIENT if from_client else SERVER, content) for from_client, content in messages)
    if session:
        yield replace(upgrade, session=session)
    else:
        yield NotTaken(upgrade.place, "the WebSocket ended without a message")


def _responses(
    upgrade: RawExchange, messages: Iterable[tuple[bool, str | bytes]]
) -> Iterator[RawExchange | NotTaken]:
    socket = ResponsesSocket()
    pieces: dict[OpenResponse, list[bytes]] = {}
    for from_client, content in messages:
        text = content.decode("utf-8", "replace") if isinstance(content, bytes) else content
        for step in socket.from_client(text) if from_client else socket.from_server(text):
            match step:
                case Began(response):
                    pieces[response] = []
                case Came(response, piece):
                    pieces[response].append(piece)
    if not pieces:
        yield NotTaken(upgrade.place, "the WebSocket ended without a request")
    for number, (response, events) in enumerate(pieces.items(), 1):
        yield _exchange(upgrade, f"{upgrade.place}, request {number}", response, b"".join(events))


def _exchange(
    upgrade: RawExchange, place: str, response: OpenResponse, events: bytes
) -> RawExchange | NotTaken:
    if response.events == 0:
        return NotTaken(place, "the WebSocket ended before an answer")
    status, body = response.failure or (200, events)
    end = End.COMPLETE if response.is_over or response.failure else upgrade.end
    close = upgrade.socket.close if end is End.CUT_BY_UPSTREAM else None
    return RawExchange(
        place,
        "POST",
        upgrade.url,
        (*upgrade.request_headers, *_JSON),
        json_text.compact(response.body).encode(),
        status,
        _JSON if response.failure else _STREAM,
        body,
        end,
        upgrade.test_id,
        socket=SocketNotes(tuple(response.client_messages), close),
    )
