"""`body_ends`: which streams pass in chunks, and that none of the chunks is empty."""

from __future__ import annotations

import pytest
from mitmproxy import http
from mitmproxy.test import tflow, tutils

from openai_replay.proxy.body_ends import mark_end_of_body


def flow_of(
    client: str, api: str, *, method: str = "POST", status: int = 200, length: str = ""
) -> http.HTTPFlow:
    headers = [(b"content-length", length.encode())] if length else []
    flow = tflow.tflow(
        req=tutils.treq(method=method.encode(), http_version=client.encode()),
        resp=tutils.tresp(status_code=status, http_version=api.encode(), headers=http.Headers(headers)),
    )
    assert flow.response is not None
    flow.response.stream = True
    mark_end_of_body(flow)
    return flow


@pytest.mark.parametrize(
    ("flow", "is_chunked"),
    [
        (flow_of("HTTP/1.1", "HTTP/2.0"), True),
        (flow_of("HTTP/1.1", "HTTP/1.1"), False),
        (flow_of("HTTP/2.0", "HTTP/2.0"), False),
        (flow_of("HTTP/1.0", "HTTP/2.0"), False),
        (flow_of("HTTP/1.1", "HTTP/2.0", method="HEAD"), False),
        (flow_of("HTTP/1.1", "HTTP/2.0", status=204), False),
        (flow_of("HTTP/1.1", "HTTP/2.0", length="3"), False),
    ],
)
def test_only_a_body_without_an_end_is_chunked(flow: http.HTTPFlow, is_chunked: bool) -> None:
    assert flow.response is not None
    assert flow.response.headers.get("transfer-encoding") == ("chunked" if is_chunked else None)
    assert callable(flow.response.stream) == is_chunked


def test_an_empty_piece_does_not_end_the_body() -> None:
    flow = flow_of("HTTP/1.1", "HTTP/2.0")
    assert flow.response is not None
    assert callable(flow.response.stream)
    assert [[*flow.response.stream(data)] for data in (b"one", b"", b"two")] == [[b"one"], [], [b"two"]]
