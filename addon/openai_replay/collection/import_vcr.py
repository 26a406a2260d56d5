"""Import cassettes of VCR.py, Ruby's VCR and go-vcr: YAML (or JSON) with a list of interactions.

    VCR.py     interactions: [{request: {method, uri, body, headers}, response: {status: {code}, body: {string}, …}}]
    Ruby VCR   http_interactions: [{request: {method, uri, body: {string, encoding}, …}, response: {status: {code}, …}}]
    go-vcr     interactions: [{request: {method, url, body, …}, response: {code, body, …}}]

VCR.py before version 6 kept responses of httpx as {status_code, content}; some projects keep JSON as `parsed_body`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from ..record.raw_exchange import NotTaken, RawExchange
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
LISTS = ("interactions", "http_interactions")


def is_cassette(value: object) -> bool:
    """Tell whether a file's value is a cassette."""
    return isinstance(value, Mapping) and any(name in value for name in LISTS)


def exchanges(value: object, path: Path) -> Iterator[RawExchange | NotTaken]:
    """Yield the exchanges of a cassette in their order, which is that of repeated requests."""
    top = mapping(value, "at the top")
    name = next(name for name in LISTS if name in top)
    for number, interaction in enumerate(items(top[name] or [], name), 1):
        place = f"{path}, interaction {number}"
        try:
            yield _exchange(mapping(interaction, "for an interaction"), place)
        except Unexpected as exc:
            yield NotTaken(place, str(exc))


def _exchange(interaction: Mapping[str, object], place: str) -> RawExchange:
    if "request" not in interaction and "data" in interaction:
        raise Unexpected("expected an HTTP exchange, got a message of a WebSocket")
    request = mapping(interaction.get("request"), "request")
    response = mapping(interaction.get("response"), "response")
    return RawExchange(
        place,
        text(request.get("method"), "request.method").lstrip(":").upper(),
        text(request.get("uri") or request.get("url"), "request.uri"),
        header_list(request.get("headers"), "request.headers"),
        _content(request, "request"),
        _status(response),
        header_list(response.get("headers"), "response.headers"),
        _content(response, "response"),
    )


def _status(response: Mapping[str, object]) -> int:
    for name in ("code", "status_code"):
        if name in response:
            return status(response[name], f"response.{name}")
    value = response.get("status")
    if isinstance(value, Mapping):
        return status(value.get("code"), "response.status.code")
    return status(value, "response.status")


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
        return encoded(value)
    if isinstance(value, list):  # an upload that was read in pieces
        return b"".join(_bytes(item, name) for item in value)
    if isinstance(value, Mapping):
        return _of_mapping(value, name)
    raise Unexpected(f"expected a body {name}, got {kind(value)}")


def _of_mapping(value: Mapping[str, object], name: str) -> bytes:
    if "base64_string" in value:
        return from_base64(value["base64_string"], f"{name}.base64_string")
    if "string" in value:
        return _of_string(value["string"], str(value.get("encoding") or "utf-8"), f"{name}.string")
    if value.get("type") == "json" and "content" in value:
        return json_bytes(value["content"])
    if "content" in value:
        return _bytes(value["content"], f"{name}.content")
    if state := value.get("state"):  # Python's BytesIO: its bytes, its position and more
        return _bytes(items(state, f"{name}.state")[0], f"{name}.state")
    raise Unexpected(f"expected a body {name} with string or base64_string, got {', '.join(map(str, value))}")


def _of_string(value: object, encoding: str, name: str) -> bytes:
    """Return the bytes of Ruby's string in the encoding that the cassette names; ASCII-8BIT is Ruby's for bytes."""
    if not isinstance(value, str):
        return _bytes(value, name)
    return encoded(value, "utf-8" if encoding.upper() in ("ASCII-8BIT", "BINARY", "US-ASCII") else encoding)
