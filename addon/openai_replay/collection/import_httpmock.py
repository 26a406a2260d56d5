"""Import recordings of Rust's httpmock: YAML documents with a request under `when` and its response under `then`.

    when: {path, method, query_param: [{name, value}], header: [{name, value}], body, …}
    then: {status, header: [{name, value}], body}

Bytes that are no text are in `body_base64`, or in a `body` beside `body_encoding: base64` (rig). A host is there only
if the recording was told to keep it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlencode

from ..record.raw_exchange import NotTaken, RawExchange
from .values import Unexpected, encoded, encoded_json, from_base64, header_list, mapping, status, text


def is_httpmock(value: object) -> bool:
    """Tell whether a document is a recording of httpmock."""
    if not isinstance(value, Mapping):
        return False
    when, then = value.get("when"), value.get("then")
    return isinstance(when, Mapping) and isinstance(then, Mapping) and "path" in when and "status" in then


def exchanges(value: object, place: str) -> Iterator[RawExchange | NotTaken]:
    """Yield the one exchange of a document."""
    try:
        yield _exchange(mapping(value, "at the top"), place)
    except Unexpected as exc:
        yield NotTaken(place, str(exc))


def _exchange(value: Mapping[str, object], place: str) -> RawExchange:
    when, then = mapping(value.get("when"), "when"), mapping(value.get("then"), "then")
    return RawExchange(
        place,
        text(when.get("method") or "GET", "when.method").upper(),
        _url(when),
        header_list(when.get("header"), "when.header"),
        _body(when, "when"),
        status(then.get("status"), "then.status"),
        header_list(then.get("header"), "then.header"),
        _body(then, "then"),
    )


def _url(when: Mapping[str, object]) -> str:
    """Return the URL of a request, its path alone where no host is there."""
    query = urlencode(header_list(when.get("query_param"), "when.query_param"))
    path = text(when.get("path"), "when.path") + (f"?{query}" if query else "")
    if not when.get("host"):
        return path
    port = f":{when['port']}" if when.get("port") else ""
    return f"{when.get('scheme') or 'https'}://{when['host']}{port}{path}"


def _body(message: Mapping[str, object], name: str) -> bytes:
    if "body_base64" in message:
        return from_base64(message["body_base64"], f"{name}.body_base64")
    if "json_body" in message:
        return encoded_json(message["json_body"])
    body = message.get("body")
    if message.get("body_encoding") == "base64":
        return from_base64(body, f"{name}.body")
    if "body_from_file" in message:
        raise Unexpected(f"expected a body in {name}, it is in another file: {message['body_from_file']}")
    return b"" if body is None else encoded(str(body))
