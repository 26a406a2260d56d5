"""A WebSocket that echoes (RFC 6455), with wsproto for the handshake and the frames."""

from __future__ import annotations

import asyncio

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Event, Message, Ping
from wsproto.events import Request as UpgradeRequest
from wsproto.utilities import ProtocolError, RemoteProtocolError

from .exchange import Request

READ_SIZE = 65536


def asks_for_websocket(request: Request) -> bool:
    """Tell whether `request` opens a WebSocket: RFC 6455, section 4.2.1."""
    return (request.header("upgrade") or "").lower() == "websocket"


async def echo(
    request: Request, trailing: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Accept the upgrade that `request` asks for and send every message back until the client closes.

    Args:
        request: the GET with the upgrade.
        trailing: what came in after it already.
        reader, writer: the connection; the caller closes it.
    """
    connection = WSConnection(ConnectionType.SERVER)
    headers = [(name.encode("ascii"), value.encode("latin-1")) for name, value in request.headers]
    connection.initiate_upgrade_connection(headers, request.target.encode("latin-1"))
    try:
        if trailing:
            connection.receive_data(trailing)
        while _answer_events(connection, writer):
            data = await reader.read(READ_SIZE)
            connection.receive_data(data or None)
    except (ProtocolError, RemoteProtocolError, ConnectionError):
        return


def _answer_events(connection: WSConnection, writer: asyncio.StreamWriter) -> bool:
    """Answer what has come in; return whether the WebSocket goes on."""
    for event in connection.events():
        if reply := _maybe_reply(event):
            writer.write(connection.send(reply))
        if isinstance(event, CloseConnection):
            return False
    return True


def _maybe_reply(event: Event) -> Event | None:
    match event:
        case UpgradeRequest(subprotocols=offered):
            return AcceptConnection(subprotocol=offered[0] if offered else None)
        case Message():
            return Message(data=event.data, message_finished=event.message_finished)
        case Ping():
            return event.response()
        case CloseConnection():
            return event.response()
    return None
