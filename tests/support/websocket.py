"""A WebSocket client on a plain socket: through the proxy with TLS, or to it in base-URL mode."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    Event,
    Ping,
    Pong,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)

from support.proxy import CEILING_S, Proxy

HOST = "api.openai.com"


@contextmanager
def through_proxy(running: Proxy, *, connect_headers: str = "") -> Iterator[socket.socket]:
    """Give a TLS connection to the API through the proxy; `connect_headers` are lines for CONNECT."""
    with socket.create_connection(("127.0.0.1", running.port), timeout=CEILING_S) as connection:
        connect = f"CONNECT {HOST}:443 HTTP/1.1\r\nhost: {HOST}:443\r\n{connect_headers}\r\n"
        connection.sendall(connect.encode())
        assert b" 200 " in connection.recv(65536)
        context = ssl.create_default_context(cafile=str(running.ca_file))
        with context.wrap_socket(connection, server_hostname=HOST) as secured:
            yield secured


@contextmanager
def direct(running: Proxy) -> Iterator[socket.socket]:
    """Give a connection to the proxy itself, as clients with a base URL have."""
    with socket.create_connection(("127.0.0.1", running.port), timeout=CEILING_S) as connection:
        yield connection


def without_expiry(value: Any) -> Any:
    """Return events without the times at which a session expires, which a replay moves into the future."""
    if isinstance(value, dict):
        return {name: without_expiry(item) for name, item in value.items() if name != "expires_at"}
    if isinstance(value, list | tuple):
        return type(value)(without_expiry(item) for item in value)
    return value


class WebSocket:
    """The client's end of a WebSocket on a connection."""

    def __init__(
        self,
        connection: socket.socket,
        target: str,
        *,
        subprotocols: Sequence[str] = (),
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        self._connection = connection
        self._protocol = WSConnection(ConnectionType.CLIENT)
        self._events: list[Event] = []
        extra = [(name.encode(), value.encode()) for name, value in headers]
        self.put(Request(host=HOST, target=target, subprotocols=list(subprotocols), extra_headers=extra))

    def put(self, event: Event) -> None:
        """Send an event of wsproto."""
        self._connection.sendall(self._protocol.send(event))

    def next_event(self) -> Event:
        """Return the next event of wsproto."""
        while not self._events:
            data = self._connection.recv(65536)
            self._protocol.receive_data(data or None)
            self._events += self._protocol.events()
        return self._events.pop(0)

    def accepted(self) -> AcceptConnection:
        """Return the server's acceptance of the upgrade."""
        event = self.next_event()
        assert isinstance(event, AcceptConnection), event
        return event

    def refusal(self) -> tuple[int, bytes]:
        """Return status and body of the server's refusal of the upgrade."""
        rejected = self.next_event()
        assert isinstance(rejected, RejectConnection), rejected
        body, is_finished = b"", not rejected.has_body
        while not is_finished:
            event = self.next_event()
            assert isinstance(event, RejectData)
            body += event.data
            is_finished = event.body_finished
        return rejected.status_code, body

    def send(self, **message: Any) -> None:
        """Send a JSON message."""
        self.put(TextMessage(data=json.dumps(message)))

    def message(self) -> str | CloseConnection:
        """Return the next text message, or how the server closed."""
        pieces = []
        while True:
            event = self.next_event()
            if isinstance(event, CloseConnection):
                return event
            assert isinstance(event, TextMessage), event
            pieces.append(event.data)
            if event.message_finished:
                return "".join(pieces)

    def receive(self) -> dict[str, Any]:
        """Return the next JSON message."""
        said = self.message()
        assert isinstance(said, str), said
        parsed: dict[str, Any] = json.loads(said)
        return parsed

    def receive_until(self, *types: str) -> list[dict[str, Any]]:
        """Return the JSON messages up to the first of one of these types."""
        found = [self.receive()]
        while found[-1]["type"] not in types:
            found.append(self.receive())
        return found

    def ping(self, payload: bytes) -> bytes:
        """Return the payload of the pong that answers a ping."""
        self.put(Ping(payload=payload))
        event = self.next_event()
        assert isinstance(event, Pong)
        return bytes(event.payload)

    def closed(self) -> tuple[int, str]:
        """Return code and reason of the server's close frame, 1006 where the connection broke."""
        said = self.message()
        assert isinstance(said, CloseConnection), said
        return int(said.code), said.reason or ""

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close, and wait for the server's answer."""
        self.put(CloseConnection(code=code, reason=reason))
        while not isinstance(self.next_event(), CloseConnection):
            pass
