"""Telemetry of SDKs to a recorded host: it asks nothing, so it is neither recorded nor missed."""

from __future__ import annotations

from mitmproxy import http

from ..options import Mode

# Traces of the Agents SDKs, sent in the background whenever they like.
_PATHS = frozenset({"/v1/traces/ingest", "/traces/ingest"})


def is_telemetry(request: http.Request) -> bool:
    """Tell whether a request to a recorded host is telemetry."""
    return request.method == "POST" and request.path.partition("?")[0] in _PATHS


def answer_telemetry(flow: http.HTTPFlow, mode: Mode) -> None:
    """Answer telemetry with 204 in replay; otherwise let it pass."""
    if mode is Mode.REPLAY:
        flow.response = http.Response.make(204)
        del flow.response.headers["content-length"]
