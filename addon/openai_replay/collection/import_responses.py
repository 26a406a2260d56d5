"""Import recordings of the recorder in Python's responses (`responses._recorder`), as far as they hold a request.

    responses: [{response: {method, url, status, body, headers, content_type}}]

The recorder keeps no body of a request, and bodies of responses as texts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..record.raw_exchange import NotTaken, RawExchange, header
from .values import Unexpected, encoded, header_list, items, mapping, status, text

# Methods of requests without a body (RFC 9110, section 9.3).
_WITHOUT_BODY = ("GET", "HEAD", "DELETE")


def is_recording(value: object) -> bool:
    """Tell whether a YAML or JSON value is such a recording."""
    listed = value.get("responses") if isinstance(value, Mapping) else None
    return isinstance(listed, list) and bool(listed) and all(map(_is_response, listed))


def _is_response(value: object) -> bool:
    response = value.get("response") if isinstance(value, Mapping) else None
    return isinstance(response, Mapping) and {"method", "url", "status"} <= response.keys()


def exchanges(value: object, place: str) -> Iterator[RawExchange | NotTaken]:
    """Yield the exchanges of a recording in their order."""
    for number, one in enumerate(items(mapping(value, "at the top").get("responses"), "responses"), 1):
        at = f"{place}, response {number}"
        try:
            yield _exchange(mapping(mapping(one, "for a response").get("response"), "response"), at)
        except Unexpected as exc:
            yield NotTaken(at, str(exc))


def _exchange(response: Mapping[str, object], place: str) -> RawExchange:
    method = text(response.get("method"), "response.method").upper()
    if method not in _WITHOUT_BODY:
        raise Unexpected(
            f"expected the body of a {method}, the recorder of responses keeps none: record it again"
        )
    headers = header_list(response.get("headers"), "response.headers")
    content_type = response.get("content_type")
    if isinstance(content_type, str) and not header(headers, "content-type"):
        headers = (*headers, ("content-type", content_type))
    return RawExchange(
        place,
        method,
        text(response.get("url"), "response.url"),
        (),
        b"",
        status(response.get("status"), "response.status"),
        headers,
        encoded(str(response.get("body") or "")),
    )
