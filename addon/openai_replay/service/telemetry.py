"""Telemetry of SDKs to a recorded host: it asks nothing, so it is neither recorded nor missed."""

from __future__ import annotations

# The status of its answer in replay; in the other modes it passes.
NO_CONTENT = 204

# Traces of the Agents SDKs, sent in the background at any time.
_PATHS = frozenset({"/v1/traces/ingest", "/traces/ingest"})


def is_telemetry(method: str, target: str) -> bool:
    """Tell whether a request to a recorded host is telemetry; `target` is path and query."""
    return method == "POST" and target.partition("?")[0] in _PATHS
