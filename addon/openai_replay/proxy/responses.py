"""Responses that the addon sets itself: recorded answers, refusals, and answers of the control page."""

from __future__ import annotations

import time
from collections.abc import Sequence

from mitmproxy import http
from mitmproxy.net.http import status_codes

from ..replay.delivery import length_header
from ..service import control
from ..service.answering import Headers, Refusal
from ..service.telemetry import NO_CONTENT

_RESPONSE = http.Response.make()


def recorded_response(
    status: int, headers: Sequence[tuple[str, str]], body: bytes, request: http.Request
) -> http.Response:
    """Return a recorded answer as mitmproxy sends it: whole."""
    is_head = request.method == "HEAD"
    content = b"" if is_head else body
    length = length_header(status, len(content), is_head=is_head)
    response = _copied(_RESPONSE)
    data = response.data
    data.status_code = status
    data.reason = status_codes.RESPONSES.get(status, "").encode()
    data.headers = http.Headers(_header_bytes((*headers, *length)))
    data.content = content
    data.timestamp_start = data.timestamp_end = time.time()
    return response


_UNAVAILABLE = http.Response.make(
    400,
    Refusal("The addon failed; the proxy's log says why.").content(""),
    [(name.encode(), value.encode()) for name, value in Refusal("").headers],
)


def unavailable() -> http.Response:
    """Return the refusal that stands until the answer is known. It depends on nothing that could fail."""
    return _copied(_UNAVAILABLE)


def _copied(response: http.Response) -> http.Response:
    """Return a copy: `Response.make` checks the type of each member, a thirtieth of the time of a whole request."""
    copied = http.Response.__new__(http.Response)
    vars(copied).update(vars(response))
    copied.data = http.ResponseData.__new__(http.ResponseData)
    vars(copied.data).update(vars(response.data))
    return copied


def refused(request: http.Request, refusal: Refusal) -> http.Response:
    """Return an error of the addon."""
    content = refusal.content(request.headers.get("user-agent", ""))
    return recorded_response(refusal.status, refusal.headers, content, request)


def refused_upgrade(status: int, headers: Headers, content: bytes) -> http.Response:
    """Return a refusal of an upgrade to a WebSocket."""
    return http.Response.make(status, content, _header_bytes(headers))


def control_response(request: http.Request, answer: control.Answer) -> http.Response:
    """Return the answer of the control page."""
    return recorded_response(answer.status, answer.headers(), answer.content, request)


def no_content() -> http.Response:
    """Return the answer to telemetry in replay."""
    response = http.Response.make(NO_CONTENT)
    del response.headers["content-length"]
    return response


def open_tunnel() -> http.Response:
    """Return an answer to CONNECT that keeps mitmproxy from connecting upstream first."""
    response = http.Response.make(200)
    del response.headers["content-length"]
    return response


def _header_bytes(headers: Sequence[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("utf-8", "surrogateescape")) for name, value in headers]
