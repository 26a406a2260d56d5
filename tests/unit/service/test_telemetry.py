"""`telemetry`: the traces of SDKs, and nothing else."""

from __future__ import annotations

import pytest

from openai_replay.service.telemetry import is_telemetry


@pytest.mark.parametrize(
    ("method", "target", "expected"),
    [
        ("POST", "/v1/traces/ingest", True),
        ("POST", "/v1/traces/ingest?x=1", True),
        ("GET", "/v1/traces/ingest", False),
        ("POST", "/v1/traces/ingested", False),
        ("POST", "/v1/responses", False),
    ],
)
def test_traces_are_telemetry(method: str, target: str, expected: bool) -> None:
    assert is_telemetry(method, target) is expected
