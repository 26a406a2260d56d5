"""`import_vcr`: the shapes that VCR.py, Ruby's VCR and go-vcr give a body, a status and headers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from openai_replay.collection.import_vcr import exchanges
from openai_replay.collection.yaml_text import load_yaml
from openai_replay.record.raw_exchange import NotTaken, RawExchange

PATH = Path("a.yaml")


def read(text: str) -> RawExchange:
    [found] = exchanges(load_yaml(text.encode()), PATH)
    assert isinstance(found, RawExchange), found
    return found


def of_body(body: str) -> bytes:
    """Return the response's body of a cassette that has it as this YAML."""
    return read(f"""
interactions:
- request: {{method: GET, uri: 'https://api.openai.com/v1/x', body: null, headers: {{}}}}
  response:
    status: {{code: 200, message: OK}}
    headers: {{content-type: [application/json], x: [a, b]}}
    body: {body}
""").response_body


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
    ],
)  # fmt: skip
def test_a_body_is_the_bytes_that_the_tool_stored(yaml: str, body: bytes) -> None:
    assert of_body(yaml) == body


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


@pytest.mark.parametrize(
    ("interaction", "reason"),
    [
        (None, "expected a mapping for an interaction, got nothing"),
        ({"kind": "message", "data": "x"}, "expected an HTTP exchange, got a message of a WebSocket"),
        ({"request": {}}, "expected a mapping response, got nothing"),
        ({"request": {}, "response": {}}, "expected a text request.method, got nothing"),
    ],
)
def test_what_is_no_exchange_is_named_with_its_place(interaction: Any, reason: str) -> None:
    assert [*exchanges({"interactions": [interaction]}, PATH)] == [NotTaken("a.yaml, interaction 1", reason)]
