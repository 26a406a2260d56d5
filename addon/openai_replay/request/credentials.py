"""Credentials of a request: which of its headers hold secrets, and in which spellings these may reach a file."""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from urllib.parse import quote

# The last words of a header's name that say that it holds a secret; most other keys, such as `idempotency-key`, name
# something.
_SECRET_NAME = re.compile(
    r"(?:.*[-_])?(?:authorization|authentication|auth|token|secret|password|passwd|credentials?|jwt(?:[-_]assertion)?"
    r"|(?:api|access|secret|auth|private|subscription|functions?|virtual|account|license|master|service|client"
    r"|openai|azure|anthropic|litellm|encryption|signing)[-_]?key)"
    r"|.*apikey|(?:x[-_])?key"
)
_COOKIES = ("cookie", "cookie2")

# A value that begins so is a credential in any header.
SCHEMES = ("Bearer ", "bearer ", "Basic ", "basic ")

# Parameters of a credential (RFC 9110, section 11.4), such as a digest's, that are secrets by themselves.
_PARAMETER = re.compile(r"(?i:response|signature|token|key|secret|password)=\"?(?P<secret>[^\",;\s]+)")

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
    return name == _SUBPROTOCOLS or name in _COOKIES or _names_secret(name)


@lru_cache(maxsize=1024)
def _names_secret(name: str) -> bool:
    return _SECRET_NAME.fullmatch(name) is not None


def _secrets_of(name: str, value: str) -> Iterator[str]:
    if name == _SUBPROTOCOLS:
        for protocol in map(str.strip, value.split(",")):
            for prefix in KEYS_IN_SUBPROTOCOLS:
                if protocol.startswith(prefix):
                    yield protocol.removeprefix(prefix)
    elif name in _COOKIES:
        for pair in value.split(";"):
            yield pair.partition("=")[2].strip()
    elif _names_secret(name) or value.startswith(SCHEMES):
        yield from _with_scheme(value)


def _with_scheme(value: str) -> Iterator[str]:
    scheme, _, secret = value.strip().rpartition(" ")
    pair = _decoded_basic(secret) if scheme.strip().lower() == "basic" else ""
    password = pair.partition(":")[2]
    if pair and not pair.rpartition(":")[2]:
        return
    yield from (value, secret, pair, password, pair.rpartition(":")[2])
    yield from (match["secret"] for match in _PARAMETER.finditer(value))


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
    """Return the bytes that a secret may be written as: plain, escaped for JSON, HTML or URLs, UTF-16, or encoded.

    The encodings are hex, base32, base64 and base64 of base64.
    """
    plain = secret.encode("utf-8", "surrogatepass")
    in_json = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    in_json |= {text.replace("/", "\\/") for text in in_json}
    in_json |= {json.dumps(text)[1:-1] for text in in_json}
    in_urls = {quote(plain, safe=""), quote(plain), quote(plain, safe="").replace("%20", "+")}
    in_urls |= {_with_small_digits(text) for text in in_urls}
    in_pages = {html.escape(secret), html.escape(secret, quote=False)}
    texts = {text.encode("utf-8", "surrogatepass") for text in in_json | in_urls | in_pages}
    in_base64 = {*within_base64(plain)}
    encoded = in_base64 | {twice for once in in_base64 for twice in within_base64(once)}
    encoded |= {*_within_base32(plain), plain.hex().encode(), plain.hex().upper().encode()}
    wide = {secret.encode(coding, "surrogatepass") for coding in ("utf-16-le", "utf-16-be")}
    return tuple(sorted({plain} | texts | encoded | wide))


def within_base64(plain: bytes) -> Iterator[bytes]:
    """Yield the letters that base64 has for some bytes, whatever stands before and behind (RFC 4648, section 4)."""
    for before in range(3):
        first = -(-before * 8 // 6)  # the first letter that has no bit of the bytes before
        behind = (before + len(plain)) * 8 // 6  # and the first one that has bits of those behind
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(bytes(before) + plain)[first:behind]


def _within_base32(plain: bytes) -> Iterator[bytes]:
    """Yield the letters that base32 has for some bytes, as `within_base64` does (RFC 4648, section 6)."""
    for before in range(5):
        first = -(-before * 8 // 5)
        behind = (before + len(plain)) * 8 // 5
        yield base64.b32encode(bytes(before) + plain)[first:behind]


def _with_small_digits(text: str) -> str:
    first, *rest = text.split("%")
    return "%".join((first, *(part[:2].lower() + part[2:] for part in rest)))
