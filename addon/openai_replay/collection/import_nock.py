"""Import recordings of nock (JavaScript): a JSON list of `nock.recorder.rec({output_objects: true})`.

    [{scope: "https://api.openai.com:443", method, path, body, status, response, rawHeaders, reqheaders}]

A body is a JSON value, a text, or hex for bytes; a compressed response is a list of pieces in hex. nock sends a JSON
value as `JSON.stringify` writes it. Of a request it does not say whether the body is hex: hex of bytes that are no text
is taken for them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import batched

from ..record.raw_exchange import HeaderList, NotTaken, RawExchange, header
from ..wire.content_coding import is_text
from .values import Unexpected, encoded, header_list, mapping, status, text

_HEX = re.compile(r"(?:[0-9a-f]{2})+")
_JSON: HeaderList = (("content-type", "application/json"),)


def is_nock(value: object) -> bool:
    """Tell whether a JSON value is a recording of nock."""
    return isinstance(value, list) and bool(value) and all(map(_is_call, value))


def _is_call(value: object) -> bool:
    return isinstance(value, Mapping) and {"scope", "method", "path", "status"} <= value.keys()


def exchanges(value: object, place: str) -> Iterator[RawExchange | NotTaken]:
    """Yield the exchanges of a recording in their order."""
    for number, call in enumerate(value if isinstance(value, list) else [], 1):
        at = f"{place}, call {number}"
        try:
            yield _exchange(mapping(call, "for a call"), at)
        except Unexpected as exc:
            yield NotTaken(at, str(exc))


def _exchange(call: Mapping[str, object], place: str) -> RawExchange:
    request_headers = header_list(call.get("reqheaders"), "reqheaders")
    body = call.get("body")
    request_body = _content(body, is_binary=_is_hex_of_bytes(body))
    response_headers = _raw_headers(call.get("rawHeaders"))
    is_coded = bool(call.get("responseIsBinary")) or bool(header(response_headers, "content-encoding"))
    return RawExchange(
        place,
        text(call.get("method"), "call.method").upper(),
        _url(text(call.get("scope"), "call.scope"), text(call.get("path"), "call.path")),
        request_headers or (_JSON if isinstance(body, dict | list) else ()),
        request_body,
        status(call.get("status"), "call.status"),
        response_headers,
        _content(call.get("response"), is_binary=is_coded),
    )


def _url(scope: str, path: str) -> str:
    """Return the URL of a call; nock writes `data:,`, which is no request to a host, with the path `,`."""
    return f"{scope.rstrip('/')}/{path.removeprefix('/')}"


def _raw_headers(value: object) -> HeaderList:
    """Return headers from a list of names and values in turn, or from a mapping."""
    if isinstance(value, list) and all(isinstance(one, str) for one in value) and len(value) % 2 == 0:
        return tuple((str(name), str(one)) for name, one in batched(value, 2))
    return header_list(value, "rawHeaders")


def _content(value: object, *, is_binary: bool) -> bytes:
    if value is None or value == "":
        return b""
    if isinstance(value, list) and value and all(_is_hex(piece) for piece in value):
        return b"".join(bytes.fromhex(piece) for piece in value)
    if isinstance(value, str):
        return bytes.fromhex(value) if is_binary and _is_hex(value) else encoded(value)
    return encoded(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _is_hex(value: object) -> bool:
    return isinstance(value, str) and _HEX.fullmatch(value) is not None


def _is_hex_of_bytes(value: object) -> bool:
    return isinstance(value, str) and _is_hex(value) and not is_text(bytes.fromhex(value))
