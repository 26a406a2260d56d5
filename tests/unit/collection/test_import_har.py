"""`import_har`: bodies as browsers, mitmproxy and Polly.js write them."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from openai_replay.collection.import_har import exchanges, is_har
from openai_replay.collection.values import Unexpected
from openai_replay.record.exchange import End
from openai_replay.record.raw_exchange import NO_REQUEST_BODY, NotTaken, RawExchange

PLACE = "a.har"
URL = "https://api.openai.com/v1/x"


def no_file(name: str) -> bytes:
    raise Unexpected(f"expected {name}")


def read(
    content: dict[str, Any], request: dict[str, Any] | None = None, **response: Any
) -> RawExchange | NotTaken:
    entry = {
        "request": {"method": "POST", "url": URL, "headers": [], **(request or {})},
        "response": {"status": 200, "headers": [], "content": content, **response},
    }
    [found] = exchanges({"log": {"entries": [entry]}}, PLACE, no_file)
    return found


def body_of(content: dict[str, Any]) -> bytes:
    found = read(content)
    assert isinstance(found, RawExchange), found
    return found.response_body


def test_a_body_is_text_base64_or_pieces_of_base64_or_hex() -> None:
    raw = bytes(range(256))
    pieces = [base64.b64encode(raw[:100]).decode(), base64.b64encode(raw[100:]).decode()]
    assert body_of({"text": "naïve"}) == "naïve".encode()
    assert body_of({"text": pieces[0], "encoding": "base64"}) == raw[:100]
    assert body_of({"text": json.dumps(pieces), "encoding": "base64"}) == raw
    assert body_of({"text": json.dumps([raw.hex()]), "_isBinary": True}) == raw
    assert body_of({"text": '["a JSON list"]'}) == b'["a JSON list"]'
    assert body_of({"size": 0}) == b""


def test_bodies_may_be_in_other_files() -> None:
    entry = {
        "request": {
            "method": "POST",
            "url": URL,
            "headers": [],
            "postData": {"mimeType": "text/plain", "params": [], "text": "", "_file": "sent"},
        },
        "response": {
            "status": 200,
            "headers": [],
            "content": {"mimeType": "text/plain", "size": 3, "_file": "got"},
        },
    }
    [found] = exchanges({"log": {"entries": [entry]}}, PLACE, {"sent": b"\xff", "got": b"\x00"}.__getitem__)
    assert isinstance(found, RawExchange)
    assert (found.request_body, found.response_body, found.note) == (b"\xff", b"\x00", "")
    assert str(read({"_file": "gone"})) == "a.har, entry 1: expected gone"


def test_a_stream_that_a_browser_kept_in_part_is_marked_as_cut() -> None:
    stream = {"mimeType": "text/event-stream", "text": "data: {}\n\n"}
    whole, cut = read({**stream, "size": 10}), read({**stream, "size": 400})
    assert isinstance(whole, RawExchange)
    assert isinstance(cut, RawExchange)
    assert (whole.end, cut.end) == (End.COMPLETE, End.CUT_BY_UPSTREAM)
    assert cut.response_headers == (("content-type", "text/event-stream"),)


@pytest.mark.parametrize(
    ("content", "response", "reason"),
    [
        ({"size": 12}, {}, "expected the response's body, the HAR left it out"),
        ({}, {"status": 0}, "the request got no response"),
        ({}, {"status": 101}, "expected an HTTP status response.status from 200 to 599, got 101"),
        ({"text": "!", "encoding": "base64"}, {}, "expected base64 response.content.text, "),
    ],
)
def test_what_cannot_be_taken_over_is_named(content: Any, response: Any, reason: str) -> None:
    found = read(content, **response)
    assert isinstance(found, NotTaken)
    assert str(found).startswith(f"a.har, entry 1: {reason}")


def test_a_form_of_parameters_is_written_out() -> None:
    params = [
        {"name": "purpose", "value": "user data"},
        {"name": "file", "fileName": "a.txt", "value": "notes"},
    ]
    form = read({}, {"postData": {"mimeType": "multipart/form-data", "params": params}})
    plain = read({}, {"postData": {"mimeType": "application/x-www-form-urlencoded", "params": params[:1]}})
    assert isinstance(form, RawExchange)
    assert isinstance(plain, RawExchange)
    assert form.request_body.count(b"Content-Disposition: form-data") == 2
    assert b'filename="a.txt"\r\n\r\nnotes\r\n' in form.request_body
    assert dict(form.request_headers)["content-type"].startswith("multipart/form-data; boundary=")
    assert plain.request_body == b"purpose=user+data"
    left_out = read({}, {"postData": {"mimeType": "multipart/form-data", "params": [{"fileName": "a.txt"}]}})
    assert "expected the content of the file a.txt" in str(left_out)


@pytest.mark.parametrize(
    ("request_members", "note"),
    [
        ({"postData": {"mimeType": "multipart/form-data", "params": []}}, NO_REQUEST_BODY),  # Polly.js, bytes
        ({"bodySize": 201}, NO_REQUEST_BODY),
        ({"bodySize": 2, "postData": {"text": "{}"}}, ""),
        ({"bodySize": 0, "postData": {"params": [], "text": ""}}, ""),
        ({"bodySize": -1}, ""),
    ],
)
def test_a_request_without_its_body_is_pointed_out(request_members: dict[str, Any], note: str) -> None:
    found = read({"text": "{}"}, request_members)
    assert isinstance(found, RawExchange)
    assert found.note == note


@pytest.mark.parametrize(
    ("size", "body"),
    [(2, b"\xff\xef"), (4, "ÿï".encode()), (-1, "ÿï".encode()), (None, "ÿï".encode())],
)
def test_the_size_of_a_request_tells_characters_from_bytes(size: int | None, body: bytes) -> None:
    found = read(
        {"text": "{}"}, {"bodySize": size, "postData": {"mimeType": "multipart/form-data", "text": "ÿï"}}
    )
    assert isinstance(found, RawExchange)
    assert found.request_body == body


def test_a_storage_of_several_hars_is_one() -> None:
    entry = {"request": {"method": "GET", "url": URL}, "response": {"status": 204}}
    several = {"One": {"log": {"entries": [entry]}}, "Two": {"log": {"entries": [entry, entry]}}}
    assert is_har(several)
    assert len([*exchanges(several, PLACE, no_file)]) == 3
    assert not is_har({"log": "a text"})


def test_messages_of_a_websocket_are_streamed_posts() -> None:
    said = [
        {"type": "send", "opcode": 1, "data": '{"type": "response.create", "model": "m", "input": "x"}'},
        {"type": "receive", "opcode": 1, "data": '{"type": "response.created"}'},
        {"type": "receive", "opcode": 1, "data": '{"type": "response.completed"}'},
    ]
    request = {"method": "GET", "url": "wss://api.openai.com/v1/responses", "headers": []}
    entry = {"request": request, "response": {"status": 101}, "_webSocketMessages": said}
    [found] = exchanges({"log": {"entries": [entry]}}, PLACE, no_file)
    assert isinstance(found, RawExchange)
    assert (found.method, found.url) == ("POST", "https://api.openai.com/v1/responses")
    assert found.response_body.startswith(b"event: response.created\ndata: ")
