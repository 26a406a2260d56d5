"""`import_httpmock`: bodies as text, JSON and base64, with and without a host."""

from __future__ import annotations

from typing import Any

import pytest

from openai_replay.collection.import_httpmock import exchanges, is_httpmock
from openai_replay.record.raw_exchange import NotTaken, RawExchange

WHEN = {"path": "/v1/x", "method": "POST", "header": [{"name": "content-type", "value": "application/json"}]}


def read(when: dict[str, Any] | None = None, then: dict[str, Any] | None = None) -> RawExchange | NotTaken:
    [found] = exchanges({"when": {**WHEN, **(when or {})}, "then": {"status": 200, **(then or {})}}, "a.yaml")
    return found


@pytest.mark.parametrize(
    ("members", "body"),
    [
        ({"body": "data: {}\n\n"}, b"data: {}\n\n"),
        ({"body": "naïve"}, "naïve".encode()),
        ({"body_base64": "AP8="}, b"\x00\xff"),
        ({"body": "AP8=", "body_encoding": "base64"}, b"\x00\xff"),
        ({"json_body": {"a": "naïve"}}, '{"a": "naïve"}'.encode()),
        ({"json_body": '{"a":1}'}, b'{"a":1}'),
        ({}, b""),
    ],
)
def test_a_body_is_text_json_or_base64(members: dict[str, Any], body: bytes) -> None:
    found = read(members, members)
    assert isinstance(found, RawExchange)
    assert (found.request_body, found.response_body) == (body, body)


@pytest.mark.parametrize(
    ("members", "url"),
    [
        ({}, "/v1/x"),
        ({"query_param": []}, "/v1/x"),
        ({"query_param": [{"name": "a", "value": "b c"}, {"name": "a", "value": "&"}]}, "/v1/x?a=b+c&a=%26"),
        ({"host": "api.openai.com"}, "https://api.openai.com/v1/x"),
        ({"scheme": "http", "host": "127.0.0.1", "port": 8080}, "http://127.0.0.1:8080/v1/x"),
    ],
)
def test_a_url_has_a_host_where_the_recording_kept_it(members: dict[str, Any], url: str) -> None:
    found = read(members)
    assert isinstance(found, RawExchange)
    assert (found.method, found.url, found.status) == ("POST", url, 200)
    assert found.request_headers == (("content-type", "application/json"),)


@pytest.mark.parametrize(
    ("then", "reason"),
    [
        ({"status": 5}, "expected an HTTP status then.status from 200 to 599, got 5"),
        ({"body_from_file": "a.txt"}, "expected a body in then, it is in another file: a.txt"),
        ({"body_base64": "A"}, "expected base64 then.body_base64, "),
    ],
)
def test_a_document_that_cannot_be_read_is_named(then: dict[str, Any], reason: str) -> None:
    assert str(read(then=then)).startswith(f"a.yaml: {reason}")


@pytest.mark.parametrize(
    "value",
    [
        None,
        {"when": {}, "then": {}},
        {"when": {"path": "/"}, "then": {"delay": 5}},
        {"then": {"status": 200}},
    ],
)
def test_another_document_is_no_recording(value: object) -> None:
    assert is_httpmock({"when": WHEN, "then": {"status": 200}})
    assert not is_httpmock(value)
