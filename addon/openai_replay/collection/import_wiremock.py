"""Import stub mappings of WireMock, as its recorder writes them: a JSON file for each exchange in a folder `mappings`.

    {request: {method, url, bodyPatterns: [{equalToJson}], …}, response: {status, body, headers, …}, insertionIndex}

A response's body is also a `jsonBody`, a `base64Body`, or in a file of the folder `__files` (`bodyFileName`). Mappings
name no host. The recorder counts `insertionIndex` down, so that the highest was recorded first; the names of the files
say nothing about the order.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import urlencode

from ..record.raw_exchange import HeaderList, NotTaken, RawExchange
from .values import (
    Unexpected,
    encoded,
    encoded_json,
    from_base64,
    header_list,
    items,
    kind,
    mapping,
    status,
    text,
)

# Members of a request that the recorder writes; others match more than one request.
_EXACT_URLS = ("url", "urlPath")

# Members that a mapping has, and no cassette of another tool; and such that it does not have.
_OF_REQUEST = frozenset(("bodyPatterns", "queryParameters", "urlPath", "urlPattern", "urlPathPattern"))
_OF_CASSETTES = frozenset(("body", "host"))
_OF_RESPONSE = frozenset(("base64Body", "bodyFileName", "jsonBody"))

_FOLDER, _FILES = "mappings", "__files"


def is_mapping(value: object) -> bool:
    """Tell whether a JSON value is a stub mapping, or an export of several."""
    return bool(_mappings(value))


def _mappings(value: object) -> list[object]:
    if not isinstance(value, Mapping):
        return []
    several = value.get("mappings")
    listed = several if isinstance(several, list) else [value]
    return listed if listed and all(map(_is_mapping, listed)) else []


def _is_mapping(value: object) -> bool:
    request = value.get("request") if isinstance(value, Mapping) else None
    response = value.get("response") if isinstance(value, Mapping) else None
    if not isinstance(request, Mapping) or not isinstance(response, Mapping) or "status" not in response:
        return False
    is_stub = str(request.get("url", "")).startswith("/") and not request.keys() & _OF_CASSETTES
    return is_stub or bool(request.keys() & _OF_REQUEST or response.keys() & _OF_RESPONSE)


@dataclass(slots=True)
class Mappings:
    """The mappings of all files of one import."""

    _found: list[tuple[int, RawExchange | NotTaken]] = field(default_factory=list)

    def add(self, value: object, path: Path) -> None:
        """Take the mappings of a file."""
        listed = _mappings(value)
        for number, one in enumerate(listed, 1):
            place = f"{path}, mapping {number}" if len(listed) > 1 else str(path)
            try:
                self._found.append((_index(one), _exchange(mapping(one, "for a mapping"), place, path)))
            except Unexpected as exc:
                self._found.append((_index(one), NotTaken(place, str(exc))))

    def exchanges(self) -> Iterator[RawExchange | NotTaken]:
        """Yield the exchanges in the order in which they were recorded."""
        yield from (found for _, found in sorted(self._found, key=lambda one: -one[0]))


def _index(value: object) -> int:
    index = value.get("insertionIndex") if isinstance(value, Mapping) else None
    return index if isinstance(index, int) else 0


def _exchange(value: Mapping[str, object], place: str, path: Path) -> RawExchange:
    request, response = mapping(value.get("request"), "request"), mapping(value.get("response"), "response")
    return RawExchange(
        place,
        text(request.get("method"), "request.method").upper(),
        _url(request),
        _request_headers(request),
        _request_body(request),
        status(response.get("status"), "response.status"),
        header_list(response.get("headers"), "response.headers"),
        _response_body(response, path),
    )


def _url(request: Mapping[str, object]) -> str:
    name = next((name for name in _EXACT_URLS if name in request), None)
    if name is None:
        raise Unexpected("expected a url or urlPath of a request, the mapping is for several")
    query = mapping(request.get("queryParameters") or {}, "request.queryParameters")
    pairs = [(name, value) for name, matcher in query.items() for value in _values(matcher, name)]
    path = text(request[name], f"request.{name}")
    return f"{path}?{urlencode(pairs)}" if pairs else path


def _request_headers(request: Mapping[str, object]) -> HeaderList:
    headers = mapping(request.get("headers") or {}, "request.headers")
    return tuple((name, value) for name, matcher in headers.items() for value in _values(matcher, name))


def _values(matcher: object, name: str) -> list[str]:
    """Return the values that a matcher wants: one, or each of several."""
    wanted = mapping(matcher, name)
    several = wanted.get("hasExactly")
    if isinstance(several, list):
        return [value for one in several for value in _values(one, name)]
    return [text(wanted.get("equalTo"), f"{name}.equalTo")]


def _request_body(request: Mapping[str, object]) -> bytes:
    patterns = items(request.get("bodyPatterns") or [], "request.bodyPatterns")
    if "multipartPatterns" in request or len(patterns) > 1:
        raise Unexpected("expected the body of a request, the mapping has patterns for it")
    return b"".join(_body_of_pattern(mapping(one, "request.bodyPatterns")) for one in patterns)


def _body_of_pattern(pattern: Mapping[str, object]) -> bytes:
    if "equalToJson" in pattern:
        return encoded_json(pattern["equalToJson"])
    if "binaryEqualTo" in pattern:
        return from_base64(pattern["binaryEqualTo"], "binaryEqualTo")
    if "equalTo" in pattern:
        return encoded(str(pattern["equalTo"]))
    raise Unexpected(f"expected the body of a request, the mapping has {', '.join(pattern)}")


def _response_body(response: Mapping[str, object], path: Path) -> bytes:
    if "jsonBody" in response:
        return encoded(json.dumps(response["jsonBody"], ensure_ascii=False))
    if "base64Body" in response:
        return from_base64(response["base64Body"], "response.base64Body")
    if "bodyFileName" in response:
        return _file(text(response["bodyFileName"], "response.bodyFileName"), path)
    body = response.get("body", "")
    if not isinstance(body, str):
        raise Unexpected(f"expected a text response.body, got {kind(body)}")
    return encoded(body)


def _file(name: str, path: Path) -> bytes:
    """Return a file of the folder `__files` beside the mappings; a name must not lead out of it."""
    inner = PurePosixPath(name)
    root = next((folder.parent for folder in path.absolute().parents if folder.name == _FOLDER), None)
    if root is None or inner.is_absolute() or ".." in inner.parts or "\\" in name:
        raise Unexpected(f"expected a file of {_FILES} beside the folder {_FOLDER}, got {name!r}")
    try:
        return (root / _FILES / inner).read_bytes()
    except OSError as exc:
        raise Unexpected(f"expected the body in {_FILES}/{name}, {exc.strerror}") from exc
