"""Import HAR files (HTTP Archive 1.2), as browsers, mitmproxy, Polly.js and other tools export them.

Traps: a body may be base64 (`encoding`); Polly.js stores a compressed body as a JSON list of base64 texts, one for
each piece; browsers leave bodies of streams out, or cut them; forms may be there as `params` alone; messages of a
WebSocket are in `_webSocketMessages` (Chrome, mitmproxy); mitmproxy writes each byte of a form as a character;
Playwright may keep bodies in files beside the HAR (`_file`).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from urllib.parse import urlencode

from ..record.exchange import End
from ..record.raw_exchange import NO_REQUEST_BODY, HeaderList, NotTaken, RawExchange, header
from ..record.raw_socket import socket_exchanges
from ..wire.socket_notes import Close, SocketNotes
from .attached import Attached
from .export_har import TEST_ID
from .values import Unexpected, encoded, from_base64, header_list, items, mapping, status, text

_BOUNDARY = "openai-replay-form"

# RFC 6455, sections 5.2 and 7.4.1.
_BINARY = 2
_NORMAL_CLOSURE = 1000


def is_har(value: object) -> bool:
    """Tell whether a JSON value is a HAR, or several by name as Polly.js keeps them in a browser's storage."""
    return bool(_logs(value))


def _logs(value: object) -> list[Mapping[str, object]]:
    if not isinstance(value, Mapping):
        return []
    candidates = [value, *(one for one in value.values() if isinstance(one, Mapping))]
    logs = [one["log"] for one in candidates if isinstance(one.get("log"), Mapping)]
    return [log for log in logs if isinstance(log.get("entries"), list)]


def exchanges(value: object, place: str, attached: Attached) -> Iterator[RawExchange | NotTaken]:
    """Yield the exchanges of a HAR in the order of its entries; `attached` reads bodies in files beside it."""
    entries = [entry for log in _logs(value) for entry in items(log["entries"], "entries")]
    for number, entry in enumerate(entries, 1):
        at = f"{place}, entry {number}"
        try:
            yield from _exchanges(_embedded(mapping(entry, "for an entry"), attached), at)
        except Unexpected as exc:
            yield NotTaken(at, str(exc))


def _embedded(entry: Mapping[str, object], attached: Attached) -> Mapping[str, object]:
    """Return an entry with the bodies that are in other files, as base64."""
    request = mapping(entry.get("request"), "request")
    response = mapping(entry.get("response"), "response")
    return {
        **entry,
        "request": {**request, "postData": _with_file(request.get("postData"), attached)},
        "response": {**response, "content": _with_file(response.get("content"), attached)},
    }


def _with_file(body: object, attached: Attached) -> object:
    name = body.get("_file") if isinstance(body, Mapping) else None
    if not isinstance(body, Mapping) or not isinstance(name, str):
        return body
    return {**body, "text": base64.b64encode(attached(name)).decode(), "encoding": "base64"}


def _exchanges(entry: Mapping[str, object], place: str) -> Iterator[RawExchange | NotTaken]:
    messages = entry.get("_webSocketMessages")
    if messages is None:
        yield _exchange(entry, place)
        return
    listed = [mapping(one, "_webSocketMessages") for one in items(messages, "_webSocketMessages")]
    spoken = [(one.get("type") == "send", _message(one)) for one in listed]
    yield from socket_exchanges(_upgrade(entry, place), spoken)


def _message(message: Mapping[str, object]) -> str | bytes:
    """Return a message; one of opcode 2 is binary (RFC 6455, section 5.2), and base64 in a HAR."""
    data = message.get("data")
    return (
        from_base64(data, "_webSocketMessages.data") if message.get("opcode") == _BINARY else str(data or "")
    )


def _upgrade(entry: Mapping[str, object], place: str) -> RawExchange:
    request = mapping(entry.get("request"), "request")
    url = text(request.get("url"), "request.url")
    headers = header_list(request.get("headers"), "request.headers")
    # A HAR does not say how the conversation ended: as if the client had closed it.
    end, test_id, socket = End.LEFT_BY_CLIENT, _test_id(entry), SocketNotes(close=Close(_NORMAL_CLOSURE))
    return RawExchange(place, "GET", url, headers, b"", 101, (), b"", end, test_id, socket=socket)


def _exchange(entry: Mapping[str, object], place: str) -> RawExchange:
    request = mapping(entry.get("request"), "request")
    response = mapping(entry.get("response"), "response")
    if response.get("status") == 0:
        raise Unexpected("the request got no response")
    content = mapping(response.get("content") or {}, "response.content")
    body = _response_body(content, response)
    headers, request_body = _request_body(request)
    return RawExchange(
        place,
        text(request.get("method"), "request.method").upper(),
        text(request.get("url"), "request.url"),
        headers,
        request_body,
        status(response.get("status"), "response.status"),
        _with_type(header_list(response.get("headers"), "response.headers"), content.get("mimeType")),
        body,
        End.CUT_BY_UPSTREAM if _is_cut(content, body) else End.COMPLETE,
        test_id=_test_id(entry),
        note="" if request_body or not _has_body(request) else NO_REQUEST_BODY,
    )


def _test_id(entry: Mapping[str, object]) -> str | None:
    test_id = entry.get(TEST_ID)
    return test_id if isinstance(test_id, str) else None


def _with_type(headers: HeaderList, mime_type: object) -> HeaderList:
    if header(headers, "content-type") or not isinstance(mime_type, str) or mime_type == "x-unknown":
        return headers
    return (*headers, ("content-type", mime_type)) if mime_type else headers


# --- requests ---


def _request_body(request: Mapping[str, object]) -> tuple[HeaderList, bytes]:
    """Return the headers of a request and its body; a form that is there as parts alone is written out."""
    headers = header_list(request.get("headers"), "request.headers")
    posted = mapping(request.get("postData") or {}, "request.postData")
    headers = _with_type(headers, posted.get("mimeType"))
    if posted.get("encoding") == "base64":
        return headers, from_base64(posted.get("text"), "request.postData.text")
    if posted.get("text") or not posted.get("params"):
        is_form = "multipart" in header(headers, "content-type")
        sent = str(posted.get("text") or "")
        return headers, _form(sent, request.get("bodySize")) if is_form else encoded(sent)
    params = [
        mapping(one, "request.postData.params") for one in items(posted["params"], "request.postData.params")
    ]
    if "multipart" not in header(headers, "content-type"):
        return headers, urlencode(
            [(str(one.get("name")), str(one.get("value", ""))) for one in params]
        ).encode()
    others = tuple(pair for pair in headers if pair[0].lower() != "content-type")
    form = b"".join(_part(one) for one in params) + f"--{_BOUNDARY}--\r\n".encode()
    return (*others, ("content-type", f"multipart/form-data; boundary={_BOUNDARY}")), form


def _form(value: str, size: object) -> bytes:
    """Return a form as bytes: UTF-8, or each character as one byte if the size tells that (mitmproxy)."""
    return encoded(value, "latin-1" if len(value) == size else "utf-8")


def _has_body(request: Mapping[str, object]) -> bool:
    """Tell whether a request had a body; Polly.js writes `postData` without a text for bytes."""
    posted = request.get("postData")
    return _size(request.get("bodySize")) > 0 or (isinstance(posted, Mapping) and "text" not in posted)


def _part(param: Mapping[str, object]) -> bytes:
    file_name = f'; filename="{param["fileName"]}"' if param.get("fileName") else ""
    if file_name and param.get("value") in (None, "", "(binary)"):
        raise Unexpected(f"expected the content of the file {param['fileName']}, the HAR left it out")
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{param.get("name")}"{file_name}\r\n\r\n'
    return encoded(f"{head}{param.get('value', '')}\r\n")


# --- responses ---


def _response_body(content: Mapping[str, object], response: Mapping[str, object]) -> bytes:
    value = content.get("text")
    if value is None or value == "":
        if _size(content.get("size")) > 0 or _size(response.get("bodySize")) > 0:
            raise Unexpected("expected the response's body, the HAR left it out")
        return b""
    if not isinstance(value, str):
        raise Unexpected("expected a text response.content.text")
    pieces = _pieces(value) if content.get("encoding") == "base64" or content.get("_isBinary") else None
    if pieces is not None:
        decode = from_base64 if content.get("encoding") == "base64" else _from_hex
        return b"".join(decode(piece, "response.content.text") for piece in pieces)
    if content.get("encoding") == "base64":
        return from_base64(value, "response.content.text")
    return _from_hex(value, "response.content.text") if content.get("_isBinary") else encoded(value)


def _size(value: object) -> int:
    return value if isinstance(value, int) else 0


def _pieces(value: str) -> list[str] | None:
    """Return the pieces of a body that Polly.js stored as a JSON list, None for a body in one piece."""
    if not value.startswith("["):
        return None
    try:
        pieces = json.loads(value)
    except ValueError:
        return None
    return pieces if isinstance(pieces, list) and all(isinstance(one, str) for one in pieces) else None


def _from_hex(value: object, name: str) -> bytes:
    try:
        return bytes.fromhex(text(value, name))
    except ValueError as exc:
        raise Unexpected(f"expected hex digits {name}, {exc}") from exc


def _is_cut(content: Mapping[str, object], body: bytes) -> bool:
    """Tell whether a browser kept the beginning of a stream alone: `size` is that of the whole (HAR 1.2, content)."""
    is_plain = content.get("encoding") is None and not content.get("_isBinary")
    is_stream = str(content.get("mimeType", "")).startswith("text/event-stream")
    return is_plain and is_stream and _size(content.get("size")) > len(body)
