"""Import traces of Go's httprr (`golang.org/x/oscar/internal/httprr`), as langchaingo and others keep them.

    httprr trace v1
    <bytes of the request> <bytes of the response>
    <request><response>

Requests and responses are written as on the wire (RFC 9112), a request with its whole URL.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..record.raw_exchange import HeaderList, NotTaken, RawExchange, header
from .values import Unexpected, status

_FIRST_LINE = re.compile(rb"httprr trace v1\r?\n")
_LENGTHS = re.compile(rb"([0-9]+) ([0-9]+)\r?\n")
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_CHUNK_HEAD = re.compile(rb"([0-9A-Fa-f]+)[^\r\n]*\r?\n")
_LINE_END = re.compile(rb"\r?\n")


def is_trace(raw: bytes) -> bool:
    """Tell whether a file is a trace of httprr."""
    return _FIRST_LINE.match(raw) is not None


def exchanges(raw: bytes, place: str) -> Iterator[RawExchange | NotTaken]:
    """Yield the exchanges of a trace in order; of a truncated trace, all before the break."""
    first = _FIRST_LINE.match(raw)
    at, number = first.end() if first else 0, 0
    while at < len(raw):
        number += 1
        lengths = _LENGTHS.match(raw, at)
        middle = lengths.end() + int(lengths[1]) if lengths else 0
        end = middle + int(lengths[2]) if lengths else 0
        if lengths is None or end > len(raw):
            yield NotTaken(
                f"{place}, exchange {number}", "expected two lengths, and so many bytes after them"
            )
            return
        yield _exchange(raw[lengths.end() : middle], raw[middle:end], f"{place}, exchange {number}")
        at = end


@dataclass(frozen=True, slots=True)
class _Message:
    """A message of HTTP/1: the words of its first line, its headers and its body without framing."""

    first: list[str]
    headers: HeaderList
    body: bytes


def _exchange(sent: bytes, received: bytes, place: str) -> RawExchange | NotTaken:
    try:
        request, response = _message(sent, "request"), _message(received, "response")
        return RawExchange(
            place,
            request.first[0].upper(),
            _url(request),
            request.headers,
            request.body,
            status(response.first[1], "in the response's first line"),
            response.headers,
            response.body,
        )
    except Unexpected as exc:
        return NotTaken(place, str(exc))


def _message(raw: bytes, name: str) -> _Message:
    end = _END_OF_HEAD.search(raw)
    first, *fields = _LINE_END.split(raw[: end.start()] if end else raw)
    words = first.decode("latin-1").split(" ")
    if len(words) < 2:
        raise Unexpected(f"expected the first line of a {name}, got {first[:60]!r}")
    pairs = (field.decode("latin-1").partition(":") for field in fields)
    headers = tuple((key.strip(), value.strip()) for key, _, value in pairs)
    body = raw[end.end() :] if end else b""
    is_chunked = header(headers, "transfer-encoding").lower() == "chunked"
    return _Message(words, headers, _without_chunks(body) if is_chunked else body)


def _url(request: _Message) -> str:
    url = request.first[1]
    return f"https://{header(request.headers, 'host')}{url}" if url.startswith("/") else url


def _without_chunks(body: bytes) -> bytes:
    """Return a body without the chunked coding (RFC 9112, section 7.1), or as it is where it has none."""
    pieces: list[bytes] = []
    at = 0
    while (head := _CHUNK_HEAD.match(body, at)) is not None:
        size = int(head[1], 16)
        if size == 0:
            return b"".join(pieces)
        pieces.append(body[head.end() : head.end() + size])
        line_end = _LINE_END.match(body, head.end() + size)
        if line_end is None:
            break
        at = line_end.end()
    return body
