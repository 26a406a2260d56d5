"""`import_responses`: requests without a body are taken, and others named, for the recorder keeps no bodies of them."""

from __future__ import annotations

from typing import Any

import pytest

from openai_replay.collection.import_responses import exchanges, is_recording
from openai_replay.record.raw_exchange import NotTaken, RawExchange

RESPONSE = {
    "auto_calculate_content_length": False,
    "body": '{"object": "list"}',
    "content_type": "application/json",
    "headers": {"x-request-id": "req_1"},
    "method": "GET",
    "status": 200,
    "url": "https://api.openai.com/v1/models",
}


def read(**members: Any) -> RawExchange | NotTaken:
    [found] = exchanges({"responses": [{"response": {**RESPONSE, **members}}]}, "a.yaml")
    return found


def test_a_request_without_a_body_is_taken() -> None:
    found = read()
    assert isinstance(found, RawExchange)
    assert (found.method, found.url, found.status) == ("GET", "https://api.openai.com/v1/models", 200)
    assert found.response_headers == (("x-request-id", "req_1"), ("content-type", "application/json"))
    assert (found.request_body, found.response_body) == (b"", b'{"object": "list"}')


def test_a_request_with_a_body_is_named() -> None:
    assert str(read(method="POST")) == (
        "a.yaml, response 1: expected the body of a POST, the recorder of responses keeps none: record it again"
    )
    assert "expected an HTTP status response.status" in str(read(status="x"))


@pytest.mark.parametrize(
    "value", [None, [], {"responses": []}, {"responses": [{}]}, {"responses": {"200": {}}}]
)
def test_another_value_is_no_recording(value: object) -> None:
    assert is_recording({"responses": [{"response": RESPONSE}]})
    assert not is_recording(value)
