"""`import_nock`: bodies as JSON values, texts and hex, headers as a list or a mapping."""

from __future__ import annotations

from typing import Any

import pytest

from openai_replay.collection.import_nock import exchanges, is_nock
from openai_replay.record.raw_exchange import NotTaken, RawExchange

CALL = {
    "scope": "https://api.openai.com:443",
    "method": "POST",
    "path": "/v1/x?a=1",
    "body": "",
    "status": 200,
}


def read(**members: Any) -> RawExchange | NotTaken:
    [found] = exchanges([{**CALL, **members}], "a.json")
    return found


@pytest.mark.parametrize(
    ("members", "body"),
    [
        ({"response": {"said": "naïve"}}, '{"said":"naïve"}'.encode()),
        ({"response": [1, 2]}, b"[1,2]"),
        ({"response": []}, b"[]"),
        ({"response": "data: {}\n\n"}, b"data: {}\n\n"),
        ({"response": "abcd"}, b"abcd"),
        ({"response": "abcd", "responseIsBinary": True}, b"\xab\xcd"),
        ({"response": ["ab", "cd"], "rawHeaders": {"content-encoding": "gzip"}}, b"\xab\xcd"),
        ({"response": ""}, b""),
        ({}, b""),
    ],
)
def test_a_response_is_a_value_a_text_or_hex(members: dict[str, Any], body: bytes) -> None:
    found = read(**members)
    assert isinstance(found, RawExchange)
    assert found.response_body == body


@pytest.mark.parametrize(
    ("sent", "body"),
    [
        ("2d2dff", b"--\xff"),
        ("2d2d", b"2d2d"),
        ("naïve", "naïve".encode()),
        ({"a": 1}, b'{"a":1}'),
        ([], b"[]"),
    ],
)
def test_a_request_is_hex_where_its_bytes_are_no_text(sent: Any, body: bytes) -> None:
    found = read(body=sent)
    assert isinstance(found, RawExchange)
    assert found.request_body == body


def test_a_path_without_a_slash_leaves_the_host_alone() -> None:
    found = read(scope="http://localhost:80", path=",")  # data:, as nock 14 writes it
    assert isinstance(found, RawExchange)
    assert found.url == "http://localhost:80/,"


@pytest.mark.parametrize(
    "headers", [["Content-Type", "text/plain", "x", "1"], {"Content-Type": "text/plain", "x": 1}]
)
def test_headers_are_a_list_or_a_mapping(headers: Any) -> None:
    found = read(body={"a": 1}, rawHeaders=headers, reqheaders={"x-test": ["1", "2"]})
    assert isinstance(found, RawExchange)
    assert found.url == "https://api.openai.com:443/v1/x?a=1"
    assert found.request_headers == (("x-test", "1"), ("x-test", "2"))
    assert (found.request_body, found.response_headers) == (
        b'{"a":1}',
        (("Content-Type", "text/plain"), ("x", "1")),
    )


def test_a_call_that_cannot_be_read_is_named() -> None:
    assert str(read(status="none")) == (
        "a.json, call 1: expected an HTTP status call.status from 200 to 599, got 'none'"
    )
    assert str(read(path=5)) == "a.json, call 1: expected a text call.path, got a number"


def test_a_recording_of_nock_is_told_by_its_members() -> None:
    assert is_nock([CALL, CALL])
    assert not any(map(is_nock, ([], [CALL, 1], CALL, [{"scope": "x"}])))
