"""A client's connection: uvicorn's for HTTP/1.1 and WebSockets, with a short way for requests that repeat to the byte.

A request whose bytes were answered before is looked up by them, and its ready answer is written: no parsing, no
message of ASGI. Any other request goes the way of uvicorn. HTTP/2 is passed on to `http2.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, override

import httptools
import uvicorn
from uvicorn.protocols.http import httptools_impl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.wsproto_impl import WSProtocol
from uvicorn.server import ServerState
from wsproto.events import Request

from ..replay.delivery import status_line
from ..request.upgrade import PROTOCOLS, problem_of
from .application import Application
from .http2 import PREFACE, Http2Server
from .known import Known
from .messages import HTTP1_0, HTTP1_1, REQUEST_BYTES, TRANSPORT, extend

_HTTP2_IN_TLS = "h2"

_LASTS = (b"connection", b"keep-alive")

# uvicorn has no status line for the statuses from 600 on, which recordings of other servers have.
httptools_impl.STATUS_LINE.update(
    {status: f"{status_line(status)}\r\n".encode() for status in range(600, 1000)}
)

# The beginnings of bytes that are no request, and a client's likely mistake.
_NO_REQUEST = "Invalid HTTP request received."
_REFUSALS = {
    b"CONNECT ": "The engine is no proxy: set OPENAI_BASE_URL to its address, and not HTTPS_PROXY.",
    b"\x16\x03": "This port takes plain HTTP; TLS needs --certs.",
}


def _parser(connection: HttpToolsProtocol) -> httptools.HttpRequestParser:
    parser = httptools.HttpRequestParser(connection)
    # As uvicorn's own: the first of pipelined requests is answered, even if it ends the connection.
    parser.set_dangerous_leniencies(lenient_data_after_close=True)
    return parser


def _without_upgrade(fields: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    """Yield headers without Upgrade and its name in Connection."""
    for name, value in fields:
        if name == b"connection":
            options = [option.strip() for option in value.split(b",")]
            yield name, b", ".join(option for option in options if option.lower() != b"upgrade")
        elif name != b"upgrade":
            yield name, value


class Configuration(uvicorn.Config):
    """uvicorn's settings, the application, and the server of HTTP/2."""

    def __init__(self, application: Application, http2: Http2Server, **settings: Any) -> None:
        super().__init__(application, **settings)
        self.application = application
        self.http2_server = http2


class Connection(HttpToolsProtocol):
    """A connection of HTTP; it hands itself over when it becomes a WebSocket's, or HTTP/2's."""

    # The protocols that a server offers in TLS (RFC 7301); uvicorn reads this name.
    alpn_protocols: ClassVar[list[str]] = [_HTTP2_IN_TLS, "http/1.1"]

    def __init__(
        self,
        config: Configuration,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._application = config.application
        self._http2_server = config.http2_server
        self._begun = 0  # requests, also such that are incomplete
        self._is_within_request = False
        self._is_declined = False  # the upgrade that the request at hand offers
        self._repeated = b""  # a request that repeats an earlier one, until it is answered

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        in_tls = transport.get_extra_info("ssl_object")
        if in_tls is not None and in_tls.selected_alpn_protocol() == _HTTP2_IN_TLS:
            self._become_http2(b"")

    @override
    def data_received(self, data: bytes) -> None:
        if self._repeated:
            self._repeated += data
        elif self._is_between_requests():
            known = self._application.known.of_bytes(data)
            if known is not None:
                self._repeated = data
                # Let the loop handle its events first, such as changes of the watched folder.
                self.loop.call_soon(self._repeat, data, known)
            elif not self._begun and data.startswith(PREFACE):
                self._become_http2(data)
            else:
                self._parse_first(data)
        else:
            self._parse(data)

    def _is_between_requests(self) -> bool:
        has_answered = self.cycle is None or self.cycle.response_complete
        return has_answered and not self._is_within_request and not self.flow.write_paused

    def _repeat(self, data: bytes, known: Known) -> None:
        """Answer a request whose bytes are known, unless more came behind it, or files have to be looked at."""
        received, self._repeated = self._repeated, b""
        if self.transport.is_closing():
            return
        if received is not data or not self._application.repeat(known):
            self._parse_first(received)
            return
        self._unset_keepalive_if_required()
        self.transport.write(known.response_bytes())
        if known.is_broken():
            self.transport.close()

    def _parse_first(self, data: bytes) -> None:
        """Read bytes that begin a request; where they are one, the application learns them with it."""
        begun = self._begun
        self._parse(data)
        is_one = self._begun == begun + 1 and not self._is_within_request
        lasts = is_one and self.cycle is not None and self.cycle.keep_alive
        if lasts and self.scope["http_version"] == HTTP1_1:
            extend(self.scope, REQUEST_BYTES, data)

    def _parse(self, data: bytes) -> None:
        """Read bytes of requests, as `HttpToolsProtocol.data_received` does, but also those behind an upgrade."""
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.send_400_response(self._refusal(data))
        except httptools.HttpParserUpgrade as upgrade:
            if self._is_declined:
                self._parse_without_upgrade(data[upgrade.args[0] :])
            elif self._should_upgrade():
                self.handle_websocket_upgrade()

    def _parse_without_upgrade(self, rest: bytes) -> None:
        """Read the request again without the upgrade that it offers, and the bytes behind its head.

        A server may decline an upgrade, and answers the request as it is (RFC 9110, section 7.8). The parser takes all
        that follows for another protocol.
        """
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (method, self.url, version)]
        lines += [b"%b: %b" % field for field in _without_upgrade(self.headers)]
        self._is_declined = False
        self._begun -= 1
        self.parser = _parser(self)
        self._parse(b"\r\n".join((*lines, b"", rest)))

    def _refusal(self, data: bytes) -> str:
        """Say why bytes are no request, to the client and once in the log."""
        refusal = next((text for begin, text in _REFUSALS.items() if data.startswith(begin)), _NO_REQUEST)
        self._application.say_once(refusal)
        return refusal

    def _become_http2(self, data: bytes) -> None:
        self.connections.discard(self)
        self._http2_server.take(self.transport, data)

    @override
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._begun += 1
        self._is_within_request = True
        extend(self.scope, TRANSPORT, self.transport)

    @override
    def on_url(self, url: bytes) -> None:
        # No fragment: a number sign in a target is a character of its path or query, as for mitmproxy.
        super().on_url(url.replace(b"#", b"%23"))

    @override
    def on_headers_complete(self) -> None:
        offered = None if self.parser.get_method() == b"CONNECT" else self._get_upgrade()
        self._is_declined = offered not in (None, b"websocket")
        if not self._is_declined:
            super().on_headers_complete()
            if self._is_old_and_lasts():
                self.cycle.keep_alive = True
                self.cycle.default_headers = [*self.cycle.default_headers, _LASTS]

    def _is_old_and_lasts(self) -> bool:
        """Tell whether a request of HTTP/1.0 asks for a connection that lasts, as `ab -k` does (RFC 9112, C.2.2)."""
        return self.parser.get_http_version() == HTTP1_0 and self.parser.should_keep_alive()

    @override
    def _should_upgrade(self) -> bool:
        """Tell whether a request becomes a WebSocket; the application refuses an upgrade with a mistake."""
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self.headers]
        return super()._should_upgrade() and not problem_of(self.parser.get_http_version(), headers)

    @override
    def on_message_complete(self) -> None:
        if not self._is_declined:
            super().on_message_complete()
            self._is_within_request = False


class SocketConnection(WSProtocol):
    """A connection that became a WebSocket's."""

    @override
    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        extend(self.scope, TRANSPORT, self.transport)
        if event.subprotocols:  # whose header wsproto takes out
            offered = ", ".join(event.subprotocols).encode()
            self.scope["headers"] = [*self.scope["headers"], (PROTOCOLS.encode(), offered)]
