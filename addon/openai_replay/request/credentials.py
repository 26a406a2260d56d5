"""Credentials of a request: which of its headers hold secrets, and in which spellings these may reach a file."""

from __future__ import annotations

import base64
import binascii
import html
import json
from collections.abc import Iterable, Iterator
from functools import lru_cache
from urllib.parse import quote

# Header names that hold a secret, or end like these.
_HEADERS = frozenset(("authorization", "proxy-authorization", "cookie", "api-key", "apikey"))
_ENDINGS = ("-authorization", "api-key", "-apikey", "subscription-key", "-token", "-secret", "-password")

# WebSocket subprotocols with a key after them (OpenAI's for browsers).
_SUBPROTOCOLS = "sec-websocket-protocol"
KEYS_IN_SUBPROTOCOLS = ("openai-insecure-api-key.", "openai-ephemeral-key.", "key.", "bearer.")

# A shorter credential is a stand-in such as "test" or "dummy", which ordinary text may contain; unless it is mixed.
_SHORTEST = 16
_SHORTEST_MIXED = 8


def credentials_of(headers: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Return the secrets that a request's headers carry, longest first.

    With an `Authorization: Basic` (RFC 7617) these are the header's value, the base64 text, and decoded the user with
    the password and the password. A proxy's user without a password is a test id, and no secret.
    """
    found: list[str] = []
    for name, value in headers:
        found += _secrets_of(name.lower(), value)
    return searchable(found)


def may_hold_secrets(name: str) -> bool:
    """Tell whether a header, its name in lower case, is one that `credentials_of` looks at."""
    return name in (_SUBPROTOCOLS, "cookie") or name in _HEADERS or name.endswith(_ENDINGS)


def _secrets_of(name: str, value: str) -> Iterator[str]:
    if name == _SUBPROTOCOLS:
        for protocol in map(str.strip, value.split(",")):
            for prefix in KEYS_IN_SUBPROTOCOLS:
                if protocol.startswith(prefix):
                    yield protocol.removeprefix(prefix)
    elif name == "cookie":
        for pair in value.split(";"):
            yield pair.partition("=")[2].strip()
    elif name in _HEADERS or name.endswith(_ENDINGS):
        yield from _with_scheme(value)


def _with_scheme(value: str) -> Iterator[str]:
    scheme, _, secret = value.strip().rpartition(" ")
    pair = _decoded_basic(secret) if scheme.strip().lower() == "basic" else ""
    password = pair.partition(":")[2]
    if pair and not pair.rpartition(":")[2]:
        return
    yield from (value, secret, pair, password, pair.rpartition(":")[2])


def _decoded_basic(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return ""


def searchable(secrets: Iterable[str]) -> tuple[str, ...]:
    """Return the secrets that can be searched for in any text, longest first: no words that a text may contain."""
    found = {secret for secret in secrets if _is_searchable(secret)}
    return tuple(sorted(found, key=lambda secret: (-len(secret), secret)))


def _is_searchable(secret: str) -> bool:
    has_both = any(map(str.isdigit, secret)) and any(map(str.isalpha, secret))
    return len(secret) >= _SHORTEST or (len(secret) >= _SHORTEST_MIXED and has_both)


@lru_cache(maxsize=1024)
def spellings(secret: str) -> tuple[bytes, ...]:
    """Return the bytes that a secret may be written as: plain, escaped for JSON, HTML or URLs, UTF-16 and base64."""
    plain = secret.encode("utf-8", "surrogatepass")
    in_json = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    in_json |= {text.replace("/", "\\/") for text in in_json}
    in_json |= {json.dumps(text)[1:-1] for text in in_json}
    in_urls = {quote(plain, safe=""), quote(plain), quote(plain, safe="").replace("%20", "+")}
    in_urls |= {_with_small_digits(text) for text in in_urls}
    in_pages = {html.escape(secret), html.escape(secret, quote=False)}
    texts = {text.encode("utf-8", "surrogatepass") for text in in_json | in_urls | in_pages}
    encoded = {base64.b64encode(plain).rstrip(b"="), base64.urlsafe_b64encode(plain).rstrip(b"=")}
    wide = {secret.encode(coding, "surrogatepass") for coding in ("utf-16-le", "utf-16-be")}
    return tuple(sorted({plain} | texts | encoded | wide))


def _with_small_digits(text: str) -> str:
    first, *rest = text.split("%")
    return "%".join((first, *(part[:2].lower() + part[2:] for part in rest)))
