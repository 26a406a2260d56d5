"""`import_vcr`: the shapes that VCR.py, Ruby's VCR, go-vcr and others give a body, a status, headers and a URL."""

from __future__ import annotations

from typing import Any

import pytest

from openai_replay.collection.import_vcr import exchanges, is_cassette, is_recording
from openai_replay.collection.yaml_text import yaml_documents
from openai_replay.record.raw_exchange import NotTaken, RawExchange

PLACE = "a.yaml"


def found_in(text: str) -> RawExchange | NotTaken:
    [value] = yaml_documents(text.encode())
    [found] = exchanges(value, PLACE)
    return found


def read(text: str) -> RawExchange:
    found = found_in(text)
    assert isinstance(found, RawExchange), found
    return found


def with_body(yaml: str) -> str:
    """Return a cassette that has this YAML as the response's body."""
    return f"""
interactions:
- request: {{method: GET, uri: 'https://api.openai.com/v1/x', body: null, headers: {{}}}}
  response:
    status: {{code: 200, message: OK}}
    headers: {{content-type: [application/json], x: [a, b]}}
    body: {yaml}
"""


@pytest.mark.parametrize(
    ("yaml", "body"),
    [
        ("{string: 'naïve'}", "naïve".encode()),
        ("{string: !!binary AP8=}", b"\x00\xff"),
        ("{string: !binary AP8=}", b"\x00\xff"),
        ("{base64_string: 'AP8=', encoding: ASCII-8BIT}", b"\x00\xff"),
        ("{string: 'é', encoding: ISO-8859-1}", b"\xe9"),
        ("{string: 'é', encoding: ASCII-8BIT}", "é".encode()),
        ("{string: null}", b""),
        ("'text alone'", b"text alone"),
        ("null", b""),
        ("{type: json, content: {a: [1.5, null, 2020-01-01]}}",
         b'{\n  "a": [\n    1.5,\n    null,\n    "2020-01-01"\n  ]\n}'),
        ("!!python/object/new:_io.BytesIO {state: !!python/tuple [!!binary AP8=, 0, null]}", b"\x00\xff"),
        ("[!!binary AP8=, 'x']", b"\x00\xffx"),
        ("'base64:AP8='", b"\x00\xff"),
        ("'base64: is a coding'", b"base64: is a coding"),
        ("{base64_string: 'AP8=', file: no}", b"\x00\xff"),
        ("{raw_gzip: 'H4sIAAAAAAAAA0sEAEO+t+gBAAAA'}", b"a"),
    ],
)  # fmt: skip
def test_a_body_is_the_bytes_that_the_tool_stored(yaml: str, body: bytes) -> None:
    assert read(with_body(yaml)).response_body == body


@pytest.mark.parametrize(
    ("yaml", "reason"),
    [
        ("5", "expected a body response.body, got a number"),
        (
            "{string: bodies/1.json, file: yes}",
            "expected a body response.body, it is in another file: bodies/1.json",
        ),
        ("{base64_string: 'A'}", "expected base64 response.body.base64_string, "),
        ("{raw_gzip: 'QQ=='}", "expected gzip response.body.raw_gzip, "),
        ("{model: gpt-4o}", "expected a body response.body with string or base64_string, got model"),
    ],
)
def test_a_body_that_cannot_be_read_is_named(yaml: str, reason: str) -> None:
    assert str(found_in(with_body(yaml))).startswith(f"a.yaml, interaction 1: {reason}")


@pytest.mark.parametrize(
    "status",
    [
        "status: {code: 429, message: x}",
        "status: {code: '429'}",
        "status: {status_code: '429', explanation: x}",
        "status: 429",
        "status: 429 Too Many Requests",
        "{status: 429 Too Many Requests, code: 429}",
        "status_code: 429",
    ],
)
def test_a_status_is_where_a_tool_puts_it(status: str) -> None:
    members = status if status.startswith("{") else f"{{{status}}}"
    found = read(f"[{{request: {{method: GET, url: 'https://api.openai.com/v1/x'}}, response: {members}}}]")
    assert found.status == 429


@pytest.mark.parametrize(
    ("request_members", "url"),
    [
        ("url: 'https://api.openai.com/v1/x'", "https://api.openai.com/v1/x"),
        ("uri: /v1/x, headers: {HOST: [api.openai.com]}", "https://api.openai.com/v1/x"),
        ("url: /v1/x, host: api.openai.com", "https://api.openai.com/v1/x"),
        ("url: /v1/x, host: ''", "/v1/x"),
    ],
)
def test_a_path_alone_gets_the_host_that_the_cassette_names(request_members: str, url: str) -> None:
    found = read(f"interactions: [{{request: {{method: GET, {request_members}}}, response: {{code: 200}}}}]")
    assert found.url == url


def test_headers_keep_each_value_and_their_order() -> None:
    found = read("""
interactions:
- request:
    method: post
    uri: https://api.openai.com/v1/x
    headers: {b: [1, two], a: plain}
    parsed_body: {model: gpt-4o, on: true}
  response: {status_code: 404, headers: '**REDACTED**', content: 'No.'}
""")
    assert found.method == "POST"
    assert found.request_headers == (("b", "1"), ("b", "two"), ("a", "plain"))
    assert found.request_body == b'{\n  "model": "gpt-4o",\n  "true": true\n}'
    assert (found.status, found.response_headers, found.response_body) == (404, (), b"No.")


def test_go_vcr_has_url_and_code() -> None:
    found = read("""
version: 2
interactions:
- id: 0
  request: {method: GET, url: 'https://api.openai.com/v1/x', body: '', headers: {}, host: api.openai.com}
  response: {code: 429, status: 429 Too Many Requests, body: slow, headers: {Retry-After: ["1"]}, uncompressed: true}
""")
    assert (found.url, found.status, found.place) == (
        "https://api.openai.com/v1/x",
        429,
        "a.yaml, interaction 1",
    )


def test_requests_and_responses_may_be_two_lists() -> None:
    found = exchanges(
        {
            "requests": [{"method": "GET", "uri": "**REDACTED**"}, {"method": "GET", "uri": "https://x/y"}],
            "responses": [{"status": {"code": 200}, "body": {"string": "one"}}],
        },
        PLACE,
    )
    one, without_response = found
    assert isinstance(one, RawExchange)
    assert (one.url, one.response_body) == ("**REDACTED**", b"one")
    assert str(without_response) == "a.yaml, interaction 2: expected a mapping response, got nothing"


@pytest.mark.parametrize(
    ("interaction", "reason"),
    [
        (None, "expected a mapping for an interaction, got nothing"),
        ({"request": {}}, "expected a mapping response, got nothing"),
        ({"request": {}, "response": {}}, "expected a text request.method, got nothing"),
    ],
)
def test_what_is_no_exchange_is_named_with_its_place(interaction: Any, reason: str) -> None:
    assert [*exchanges({"interactions": [interaction]}, PLACE)] == [NotTaken("a.yaml, interaction 1", reason)]


ONE = {"request": {"method": "GET", "url": "https://x"}, "response": {"status": {"code": 200}, "body": "x"}}


@pytest.mark.parametrize(
    "value",
    [{"interactions": []}, {"http_interactions": None}, [ONE], ONE, {"requests": [], "responses": []}],
)
def test_a_cassette_is_a_list_of_interactions_or_one(value: Any) -> None:
    assert is_cassette(value)
    assert not is_recording(value)


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "interactions",
        {"interactions": {"a hash": []}},
        {"request": {}, "response": {}},
        [ONE, 1],
        {**ONE, "response": {"body": "x"}},
        {"request": {"method": "GET", "urlPath": "/x"}, "response": {"status": 200}},
    ],
)
def test_another_value_is_no_cassette(value: Any) -> None:
    assert not is_cassette(value)


def test_a_recording_is_no_cassette() -> None:
    members = {"method": "GET", "url": "u", "headers": {}, "body": {}, "endpoint": "/", "model": ""}
    recording = {"request": members, "response": {"status": 200, "body": {}}}
    assert is_recording(recording)
    assert not is_cassette(recording)


def test_messages_of_a_websocket_are_named_once() -> None:
    messages = [{"kind": "message", "direction": "sent", "data": {}}] * 3
    [found] = exchanges({"interactions": messages}, PLACE)
    assert str(found) == (
        "a.yaml, interactions 1 to 3: expected HTTP exchanges, got messages of a WebSocket without its URL"
    )
