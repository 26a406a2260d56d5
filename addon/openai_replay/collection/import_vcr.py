"""Import cassettes of VCR.py, Ruby's VCR, go-vcr and tools with files like theirs: YAML or JSON with interactions.

    VCR.py     interactions: [{request: {method, uri, body, headers}, response: {status: {code}, body: {string}, …}}]
    Ruby VCR   http_interactions: [{request: {method, uri, body: {string, encoding}, …}, response: {status: {code}, …}}]
    go-vcr     interactions: [{request: {method, url, body, …}, response: {code, body, …}}]
    LangChain  requests: [{method, uri, body, headers}], responses: [{status: {code}, body: {string}, …}]
    PHP-VCR    [{request: {method, url, body, …}, response: {status: {code}, body, …}}]
    Datadog    {request: {method, url, body, …}, response: {status: {code}, body, …}}

Betamax and R's vcr write the format of Ruby's VCR. VCR.py before version 6 kept responses of httpx as
{status_code, content}; some projects keep JSON as `parsed_body`. Datadog's test agent writes bytes as a text that
begins with `base64:`.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator, Mapping
from itertools import zip_longest

from ..record.raw_exchange import HeaderList, NotTaken, RawExchange, header
from .values import (
    Unexpected,
    encoded,
    from_base64,
    header_list,
    items,
    json_bytes,
    kind,
    mapping,
    status,
    text,
)

# Names of the list in the files of the different tools.
_LISTS = ("interactions", "http_interactions")

# VCR.py's own cassette before it is written: two lists, which LangChain's serializer keeps.
_PAIRED = ("requests", "responses")

# A recording of this package has these members in its request.
_OF_RECORDING = frozenset(("method", "url", "headers", "body", "endpoint", "model"))

_BASE64 = "base64:"


def is_cassette(value: object) -> bool:
    """Tell whether a file's value is a cassette."""
    if isinstance(value, list):
        return bool(value) and all(map(_is_interaction, value))
    return isinstance(value, Mapping) and (
        any(isinstance(value.get(name, ""), list | None) for name in _LISTS)
        or _is_paired(value)
        or _is_interaction(value)
    )


def _is_paired(value: Mapping[str, object]) -> bool:
    return all(isinstance(value.get(name), list) for name in _PAIRED)


def is_recording(value: object) -> bool:
    """Tell whether a file's value is a recording already."""
    request = value.get("request") if isinstance(value, Mapping) else None
    return isinstance(request, Mapping) and request.keys() >= _OF_RECORDING


def _is_interaction(value: object) -> bool:
    if not isinstance(value, Mapping) or is_recording(value):
        return False
    request, response = value.get("request"), value.get("response")
    return (
        isinstance(request, Mapping)
        and isinstance(response, Mapping)
        and "method" in request
        and ("url" in request or "uri" in request)
        and any(name in response for name in ("status", "code", "status_code"))
    )


def exchanges(value: object, place: str) -> Iterator[RawExchange | NotTaken]:
    """Yield the exchanges of a cassette in their order, which is that of repeated requests."""
    interactions = _interactions(value)
    if interactions and all(map(_is_message, interactions)):
        reason = "expected HTTP exchanges, got messages of a WebSocket without its URL"
        yield NotTaken(f"{place}, interactions 1 to {len(interactions)}", reason)
        return
    for number, interaction in enumerate(interactions, 1):
        at = f"{place}, interaction {number}"
        try:
            yield _exchange(mapping(interaction, "for an interaction"), at)
        except Unexpected as exc:
            yield NotTaken(at, str(exc))


def _interactions(value: object) -> list[object]:
    if isinstance(value, list):
        return value
    top = mapping(value, "at the top")
    if _is_paired(top):
        requests, responses = (items(top[name], name) for name in _PAIRED)
        return [{"request": one, "response": other} for one, other in zip_longest(requests, responses)]
    name = next((name for name in _LISTS if name in top), None)
    return [top] if name is None else items(top[name] or [], name)


def _is_message(interaction: object) -> bool:
    return isinstance(interaction, Mapping) and "data" in interaction and "request" not in interaction


def _exchange(interaction: Mapping[str, object], place: str) -> RawExchange:
    if _is_message(interaction):
        raise Unexpected("expected an HTTP exchange, got a message of a WebSocket")
    request = mapping(interaction.get("request"), "request")
    response = mapping(interaction.get("response"), "response")
    request_headers = header_list(request.get("headers"), "request.headers")
    response_headers = header_list(response.get("headers"), "response.headers")
    return RawExchange(
        place,
        text(request.get("method"), "request.method").lstrip(":").upper(),
        _url(request, request_headers),
        request_headers,
        _content(request, "request"),
        _status(response),
        response_headers,
        _content(response, "response"),
    )


def _url(request: Mapping[str, object], headers: HeaderList) -> str:
    """Return the URL of a request; of a path alone with the host that another member or a header names."""
    url = text(request.get("uri") or request.get("url"), "request.uri")
    host = request.get("host") or header(headers, "host")
    return f"https://{host}{url}" if url.startswith("/") and host else url


def _status(response: Mapping[str, object]) -> int:
    for name in ("code", "status_code"):
        if name in response:
            return status(response[name], f"response.{name}")
    value = response.get("status")
    if isinstance(value, Mapping):
        name = "code" if "code" in value else "status_code"
        return status(value.get(name), f"response.status.{name}")
    return status(value, "response.status")


# --- bodies ---


def _content(message: Mapping[str, object], name: str) -> bytes:
    """Return a body as it stands in the cassette, decoded from YAML and base64 alone."""
    for member in ("body", "content"):
        if message.get(member) is not None:
            return _bytes(message[member], f"{name}.{member}")
    if "parsed_body" in message:
        return json_bytes(message["parsed_body"])
    return b""


def _bytes(value: object, name: str) -> bytes:
    if value is None:
        return b""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return from_base64(value.removeprefix(_BASE64), name) if _is_base64(value) else encoded(value)
    if isinstance(value, list):  # an upload that was read in pieces
        return b"".join(_bytes(item, name) for item in value)
    if isinstance(value, Mapping):
        return _of_mapping(value, name)
    raise Unexpected(f"expected a body {name}, got {kind(value)}")


def _is_base64(value: str) -> bool:
    return re.fullmatch(r"base64:[A-Za-z0-9+/]+={0,2}", value) is not None


def _of_mapping(value: Mapping[str, object], name: str) -> bytes:
    if value.get("file") is True:
        raise Unexpected(f"expected a body {name}, it is in another file: {value.get('string')}")
    if "base64_string" in value:
        return from_base64(value["base64_string"], f"{name}.base64_string")
    if "raw_gzip" in value:
        return _unzipped(from_base64(value["raw_gzip"], f"{name}.raw_gzip"), f"{name}.raw_gzip")
    if "string" in value:
        return _of_string(value["string"], str(value.get("encoding") or "utf-8"), f"{name}.string")
    if value.get("type") == "json" and "content" in value:
        return json_bytes(value["content"])
    if "content" in value:
        return _bytes(value["content"], f"{name}.content")
    if state := value.get("state"):  # Python's BytesIO: its bytes, its position and more
        return _bytes(items(state, f"{name}.state")[0], f"{name}.state")
    raise Unexpected(f"expected a body {name} with string or base64_string, got {', '.join(map(str, value))}")


def _unzipped(content: bytes, name: str) -> bytes:
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as exc:
        raise Unexpected(f"expected gzip {name}, {exc}") from exc


def _of_string(value: object, encoding: str, name: str) -> bytes:
    """Return the bytes of Ruby's string in the encoding that the cassette names; ASCII-8BIT is Ruby's for bytes."""
    if not isinstance(value, str):
        return _bytes(value, name)
    return encoded(value, "utf-8" if encoding.upper() in ("ASCII-8BIT", "BINARY", "US-ASCII") else encoding)
