"""`export_batch`: lines that a batch takes, and reasons for requests that none takes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openai_replay.collection.export_batch import batch_input

MISS: dict[str, Any] = {
    "test_id": "tests/a.py::b",
    "method": "POST",
    "endpoint": "/v1/embeddings",
    "request": "ab" * 32,
    "url": "https://api.openai.com/v1/embeddings",
    "body": {"model": "m", "input": "ü"},
}


def test_requests_are_lines_by_endpoint_and_each_is_there_once() -> None:
    made = batch_input([MISS, MISS, {**MISS, "endpoint": "/v1/responses"}, {**MISS, "test_id": None}])
    assert made.left_out == []
    # The third is the same request as the first: a report names a request by its hash.
    assert {endpoint: [*map(json.loads, lines)] for endpoint, lines in made.lines.items()} == {
        "/v1/embeddings": [
            {
                "custom_id": "openai-replay/1/tests%2Fa.py%3A%3Ab",
                "method": "POST",
                "url": "/v1/embeddings",
                "body": MISS["body"],
            },
            {"custom_id": "openai-replay/4", "method": "POST", "url": "/v1/embeddings", "body": MISS["body"]},
        ],
    }


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"body": {"stream": True}}, "batches have no streams"),
        ({"body": {"__multipart__": []}}, "batches are for JSON bodies"),
        ({"body": []}, "batches are for JSON bodies"),
        ({"method": "GET"}, "batches are for POST to /v1/responses, "),
        ({"endpoint": "/v1/files"}, "batches are for POST to /v1/responses, "),
        ({"url": "https://example.org/v1/embeddings"}, "expected a request to api.openai.com"),
        ({"body": None}, "batches are for JSON bodies"),
        ({"refused": "X-Replay-Fault='x': unknown"}, "it was refused, X-Replay-Fault='x': unknown"),
    ],
)
def test_a_request_that_no_batch_can_ask_is_named(change: dict[str, Any], reason: str) -> None:
    made = batch_input([MISS | change])
    assert made.lines == {}
    assert made.left_out[0].reason.startswith(reason)
    assert made.left_out[0].place.endswith("(request abababababab)")


def test_a_report_without_bodies_is_pointed_out() -> None:
    old = {name: value for name, value in MISS.items() if name != "body"}
    assert "does not have its body" in batch_input([old]).left_out[0].reason
