"""A request as the server hands it over (ASGI's scope): its fingerprint, test id, credentials and description."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

from ..request import scope as test_scope
from ..request.body import parse_body
from ..request.credentials import credentials_of, may_hold_secrets
from ..request.identity import ApiRequest
from ..request.upgrade import PROTOCOLS, upgrade_body
from ..request.urls import rooted
from ..service.aliases import is_alias
from ..service.control import HOST
from ..service.service import Service
from ..service.socket_requests import Upgrade
from ..trouble.terms import FAULT_HEADER, PACING_HEADER, PREFIX, OwnHeaders, unknown_headers
from ..wire.content_coding import decoded_request
from ..wire.headers import TOKEN
from .command_line import Target
from .messages import Scope

# Headers that have a say in the answer, besides credentials, which are taken out of the body: how to read the body, and
# whose request it is. The others, tracing headers among them, do not tell two requests apart.
_TELLING = frozenset(
    {
        "host",
        "content-type",
        "content-encoding",
        "upgrade",
        "user-agent",
        test_scope.HEADER,
    }
)

# Headers that say how long a request is and whether its connection lasts.
_OF_CONNECTION = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
    }
)

_DIGEST_BYTES = 16

# A head whose lines any parser ends at the same places (RFC 9110, section 5.5).
_SOUND_HEAD = re.compile(rb"(?:[\t\x20-\x7e\x80-\xff]*\r\n)*[\t\x20-\x7e\x80-\xff]*")


@lru_cache(maxsize=1024)
def _is_telling(name: bytes) -> bool:
    text = name.decode("latin-1")
    return text in _TELLING or text.startswith(PREFIX) or may_hold_secrets(text)


@lru_cache(maxsize=1024)
def _is_weightless(name: bytes) -> bool:
    text = name.decode("latin-1").lower()
    return TOKEN.fullmatch(text) is not None and text not in _OF_CONNECTION and not _is_telling(text.encode())


def without_weightless(data: bytes) -> bytes:
    """Return the bytes of a request of HTTP/1 without the headers that tell no requests apart.

    Two requests of which the same is left have one fingerprint, and one length. Bytes that are no whole head, or that
    parsers may read differently, come back as they are.
    """
    head, end, body = data.partition(b"\r\n\r\n")
    if not end or not _SOUND_HEAD.fullmatch(head):
        return data
    kept = [line for line in head.split(b"\r\n") if not _is_weightless_line(line)]
    return b"\r\n".join((*kept, b"", body))


def _is_weightless_line(line: bytes) -> bool:
    name, colon, _ = line.partition(b":")
    return bool(colon) and _is_weightless(name)


def fingerprint(scope: Scope, body: bytes) -> bytes:
    """Return a digest that is equal for two requests that are the same to the byte, other headers apart."""
    parts = [
        scope["http_version"].encode(),
        scope["method"].encode(),
        scope["raw_path"],
        scope["query_string"],
    ]
    for field in scope["headers"]:
        if _is_telling(field[0]):
            parts += field
    # No header has an empty name, so an empty part ends them.
    parts += (b"", body)
    return blake2b(b"\0".join(parts), digest_size=_DIGEST_BYTES).digest()


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """A request to the engine; `path` is path and query without the prefix of a test id, `version` HTTP's in ASGI.

    `has_alias`: its test id came from an alias, which may stand for another test when the same bytes come again.
    """

    version: str
    method: str
    path: str
    prefix: str | None
    headers: tuple[tuple[str, str], ...]
    body: bytes
    test_id: str | None
    has_alias: bool
    credentials: tuple[str, ...]
    own_headers: OwnHeaders

    def header(self, name: str) -> str:
        """Return the value of a header, several of one name joined by commas; "" without one (RFC 9110, 5.2)."""
        return _joined(self.headers, name) or ""

    def of_test(self, digest: bytes) -> bytes:
        """Return a fingerprint that tells apart the tests of an alias, too; of any other test id the bytes do."""
        if not self.has_alias:
            return digest
        return blake2b(repr((digest, self.test_id)).encode(), digest_size=_DIGEST_BYTES).digest()

    def is_control(self) -> bool:
        """Tell whether it is for the control page: the path `/@/…`, or any path of the control host."""
        return self.prefix == "" or self.header("host").partition(":")[0].lower() == HOST

    def is_websocket(self) -> bool:
        """Tell whether it asks to be upgraded to a WebSocket (RFC 6455, section 4.1)."""
        return self.header("upgrade").lower() == "websocket"

    def describe(self, service: Service, target: Target) -> ApiRequest:
        """Return the request as matching sees it."""
        content = decoded_request(self.body, self.header("content-encoding"))
        body = parse_body(content, self.header("content-type"))
        url = target.origin() + rooted(self.path)
        return service.describe(self.method, url, body, self.test_id, self.credentials)

    def upgrade(self, service: Service, target: Target) -> Upgrade:
        """Return the upgrade to a WebSocket that it asks for."""
        offered = [value for name, value in self.headers if name == PROTOCOLS]
        url, body = target.origin() + rooted(self.path), upgrade_body(offered)
        return Upgrade(service, url, body, self.test_id, self.credentials, self.own_headers)


def received(scope: Scope, body: bytes, service: Service) -> ReceivedRequest:
    """Read a request; the scope of a WebSocket has no method (ASGI), because its upgrade is a GET (RFC 6455, 4.1)."""
    path = scope["raw_path"].decode("utf-8", "surrogateescape")
    query = scope["query_string"].decode("utf-8", "surrogateescape")
    prefix, path = test_scope.split_path(f"{path}?{query}" if query else path)
    headers = tuple(_texts(scope["headers"]))
    test_id = test_scope.from_header(_joined(headers, test_scope.HEADER) or "") or _from_authorization(
        headers
    )
    credentials = credentials_of(headers)
    service.run.secrets.learn(credentials)
    given = test_id or prefix
    test_id = service.test_id(given, credentials)
    unknown = unknown_headers(name for name, _ in headers)
    own_headers = OwnHeaders(_joined(headers, PACING_HEADER), _joined(headers, FAULT_HEADER), unknown)
    return ReceivedRequest(
        scope["http_version"],
        scope.get("method", "GET"),
        path,
        prefix,
        headers,
        body,
        test_id,
        is_alias(given),
        credentials,
        own_headers,
    )


def _joined(headers: Iterable[tuple[str, str]], name: str) -> str | None:
    """Return the value of a header, several of one name joined by commas; None without one (RFC 9110, 5.2)."""
    values = [value for other, value in headers if other == name]
    return ", ".join(values) if values else None


def _from_authorization(headers: Iterable[tuple[str, str]]) -> str | None:
    value = _joined(headers, "proxy-authorization")
    return None if value is None else test_scope.from_proxy_authorization(value)


def _texts(fields: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[str, str]]:
    for name, value in fields:
        yield name.decode("latin-1"), value.decode("utf-8", "surrogateescape")
