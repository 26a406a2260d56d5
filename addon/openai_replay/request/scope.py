"""Where a request's test id comes from: a header, the user name in the proxy's URL, or a prefix of the path.

A test id is data. It is percent-decoded wherever it comes from, for header values and URLs cannot hold all of it.
"""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import unquote

HEADER = "x-test-id"


def from_header(value: str) -> str | None:
    """Return the test id in the value of `X-Test-Id`, None when it is empty."""
    return unquote(_as_text(value)) or None


def from_proxy_authorization(value: str) -> str | None:
    """Return the user name of a `Proxy-Authorization: Basic …`, None when there is none.

    RFC 7617 forbids colons in user names, and test ids are full of them. Without a password the text ends in a colon,
    and all before it is the test id. With one the user name ends at the first single colon (`::` separates the parts of
    a pytest id), so that no part of a password that has colons becomes a test id.
    """
    scheme, _, encoded = value.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    user = decoded.removesuffix(b":") if decoded.endswith(b":") else _before_password(decoded)
    return unquote(user.decode("utf-8", "replace")) or None


_SINGLE_COLON = re.compile(rb"(?<!:):(?!:)")


def _before_password(decoded: bytes) -> bytes:
    colon = _SINGLE_COLON.search(decoded)
    end = colon.start() if colon else decoded.find(b":")
    return decoded[: max(end, 0)]


def split_path(path: str) -> tuple[str | None, str]:
    """Split `/@<test id>/v1/…` into test id and path; ("", rest) for the proxy's own `/@/…`, (None, path) without."""
    if not path.startswith("/@"):
        return None, path
    prefix, slash, rest = path[2:].partition("/")
    return unquote(_as_text(prefix)), slash + rest or "/"


def _as_text(value: str) -> str:
    """Undo mitmproxy's reading of header bytes; a client that does not write UTF-8 writes Latin-1."""
    raw = value.encode("utf-8", "surrogateescape")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


# pytest-recording writes these characters of a test's name as "-" in the name of its cassette.
_NOT_IN_FILE_NAMES = re.compile(r"[<>?%*:|\"'/\\]")


def cassette_spelling(test_id: str | None) -> str | None:
    """Return a pytest node id as its cassette's name has it: `test_q[a/b]` as `test_q[a-b]`.

    Only the parameters may have characters that file names cannot hold.
    """
    if test_id is None or "::" not in test_id:
        return test_id
    test, bracket, parameters = test_id.partition("[")
    return test + bracket + _NOT_IN_FILE_NAMES.sub("-", parameters)
