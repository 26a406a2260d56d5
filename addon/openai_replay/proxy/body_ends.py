"""Chunked transfer coding for clients of HTTP/1.1 whose API speaks HTTP/2: without it, a broken stream looks whole.

A body of HTTP/2 ends with a flag, so most streams have no `content-length`. mitmproxy leaves their headers as they are,
and a body without a length ends with its connection in HTTP/1.1 (RFC 9112, section 6.3), be it whole or broken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mitmproxy import http

type Stream = Callable[[bytes], Iterable[bytes] | bytes] | bool

_WITHOUT_BODY = (204, 304)


def mark_end_of_body(flow: http.HTTPFlow) -> None:
    """Let mitmproxy send a streamed body in chunks where nothing else tells its end. Call it in `responseheaders`."""
    response = flow.response
    if response is not None and _needs_chunks(flow.request, response):
        response.headers["transfer-encoding"] = "chunked"
        response.stream = _without_empty_pieces(response.stream)


def _needs_chunks(request: http.Request, response: http.Response) -> bool:
    return (
        request.http_version == "HTTP/1.1"
        and response.is_http2
        and bool(response.stream)
        and "content-length" not in response.headers
        and request.method != "HEAD"
        and response.status_code not in _WITHOUT_BODY
    )


def _without_empty_pieces(stream: Stream) -> Callable[[bytes], Iterable[bytes]]:
    """Return a stream without empty pieces: as a chunk, an empty DATA frame of HTTP/2 would end the body."""

    def pieces(data: bytes) -> Iterable[bytes]:
        passed = stream(data) if callable(stream) else data
        return filter(None, [passed] if isinstance(passed, bytes) else passed)

    return pieces
