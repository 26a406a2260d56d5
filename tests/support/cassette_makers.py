"""Writes exchanges in the formats of other recorders, each with its own way to keep a body, a status and headers."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

type Maker = Callable[[Sequence[Made]], bytes]

URL = "https://api.openai.com/v1/things"


@dataclass(frozen=True)
class Made:
    """One exchange, its bodies without content coding."""

    status: int
    content_type: str
    body: bytes
    request_body: bytes = b'{"ask": "one"}'
    url: str = URL
    request_type: str = "application/json"


def is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _dump(value: object, *, sort_keys: bool = True) -> str:
    dumper = yaml.CSafeDumper if yaml.__with_libyaml__ else yaml.SafeDumper
    return str(yaml.dump(value, Dumper=dumper, sort_keys=sort_keys))


def _value(body: bytes) -> str | bytes:
    return body.decode() if is_text(body) else body


def _listed(headers: dict[str, str]) -> dict[str, list[str]]:
    return {name: [value] for name, value in headers.items()}


def _request_headers(one: Made) -> dict[str, str]:
    return {"Content-Type": one.request_type, "Host": "api.openai.com", "Authorization": "Bearer x"}


def _headers(one: Made, **more: str) -> dict[str, str]:
    return {"Content-Type": one.content_type, "X-Request-Id": "req_1", **more}


# --- VCR.py ---


def _vcr_interaction(one: Made, body: Any, headers: dict[str, str]) -> dict[str, Any]:
    return {
        "request": {
            "body": _value(one.request_body),
            "headers": _listed(_request_headers(one)),
            "method": "POST",
            "uri": one.url,
        },
        "response": {
            "body": {"string": body},
            "headers": _listed(headers),
            "status": {"code": one.status, "message": "-"},
        },
    }


def vcr_py(made: Sequence[Made]) -> bytes:
    interactions = [_vcr_interaction(one, _value(one.body), _headers(one)) for one in made]
    return _dump({"interactions": interactions, "version": 1}).encode()


def vcr_py_compressed(made: Sequence[Made]) -> bytes:
    """As `requests` leaves it: the bytes of the wire, under the header that says so."""
    coded = {"Content-Encoding": "gzip"}
    interactions = [_vcr_interaction(one, gzip.compress(one.body), _headers(one, **coded)) for one in made]
    return gzip.compress(_dump({"interactions": interactions, "version": 1}).encode())


def langchain(made: Sequence[Made]) -> bytes:
    """Two lists, compressed, each header replaced."""
    both = [_vcr_interaction(one, _value(one.body), _headers(one)) for one in made]
    requests, responses = [one["request"] for one in both], [one["response"] for one in both]
    for message in (*requests, *responses):
        message["headers"] = {name: ["**REDACTED**"] for name in message["headers"]}
    return gzip.compress(_dump({"requests": requests, "responses": responses}).encode())


def vcr_py_decoded(made: Sequence[Made]) -> bytes:
    """As `decode_compressed_response` and httpx leave it: the header stays, the body is decoded."""
    coded = {"Content-Encoding": "br"}
    interactions = [_vcr_interaction(one, _value(one.body), _headers(one, **coded)) for one in made]
    return _dump({"interactions": interactions, "version": 1}).encode()


def vcr_py_of_aiohttp(made: Sequence[Made]) -> bytes:
    """Header names of multidict's own class, as keys that are no plain texts."""
    text = vcr_py(made).decode()
    for name in ("Authorization", "Content-Type", "Host"):
        text = text.replace(
            f"      {name}:\n      - ",
            f"      ? !!python/object/apply:multidict._multidict.istr\n      - {name}\n      : - ",
        )
    assert "istr" in text
    return text.encode()


def vcr_py_of_old_httpx(made: Sequence[Made]) -> bytes:
    interactions = [
        {
            "request": _vcr_interaction(one, "", {})["request"],
            "response": {
                "content": _value(one.body),
                "headers": _listed(_headers(one)),
                "http_version": "HTTP/1.1",
                "status_code": one.status,
            },
        }
        for one in made
    ]
    return _dump({"interactions": interactions, "version": 1}).encode()


def vcr_py_documents(made: Sequence[Made]) -> bytes:
    """A document for each exchange."""
    return b"---\n" + b"---\n".join(vcr_py([one]) for one in made)


def vcr_py_json(made: Sequence[Made]) -> bytes:
    interactions = [_vcr_interaction(one, one.body.decode(), _headers(one)) for one in made]
    return json.dumps({"version": 1, "interactions": interactions}, indent=4).encode() + b"\n"


# --- tools after Ruby's VCR ---


def _ruby_body(body: bytes) -> dict[str, Any]:
    return {"encoding": "UTF-8" if is_text(body) else "ASCII-8BIT", "string": _value(body)}


def _base64_body(body: bytes) -> dict[str, Any]:
    return {"encoding": "utf-8", "base64_string": base64.b64encode(body).decode()}


def _ruby(made: Sequence[Made], body_of: Callable[[bytes], dict[str, Any]], recorder: str) -> dict[str, Any]:
    return {
        "http_interactions": [
            {
                "request": {
                    "method": "post",
                    "uri": one.url,
                    "body": body_of(one.request_body),
                    "headers": _listed(_request_headers(one)),
                },
                "response": {
                    "status": {"code": one.status, "message": ""},
                    "headers": _listed(_headers(one)),
                    "body": body_of(one.body),
                    "http_version": None,
                },
                "recorded_at": "Tue, 01 Nov 2022 04:58:44 GMT",
            }
            for one in made
        ],
        "recorded_with": recorder,
    }


def ruby(made: Sequence[Made]) -> bytes:
    text = _dump(_ruby(made, _ruby_body, "VCR 6.1.0"), sort_keys=False).replace("!!binary |", "!binary |-")
    return f"---\n{text}".encode()


def ruby_json(made: Sequence[Made]) -> bytes:
    return json.dumps(_ruby(made, _base64_body, "VCR 6.1.0")).encode()


def betamax(made: Sequence[Made]) -> bytes:
    return json.dumps(_ruby(made, _base64_body, "betamax/0.9.0")).encode()


def r_vcr(made: Sequence[Made]) -> bytes:
    value = _ruby(made, lambda body: {**_base64_body(body), "file": False}, "vcr/1.7.0, webmockr/2.0.0")
    for interaction in value["http_interactions"]:
        response = interaction["response"]
        response["status"] = {"status_code": str(response["status"]["code"]), "explanation": ""}
        response["headers"] = {name: values[0] for name, values in response["headers"].items()}
        interaction["recorded_at"] = "2022-05-27 13:44:41 GMT"
    return _dump(value, sort_keys=False).encode()


def r_vcr_compressed(made: Sequence[Made]) -> bytes:
    value = _ruby(
        made, lambda body: {"raw_gzip": base64.b64encode(gzip.compress(body)).decode()}, "VCR-vcr/2.0.0"
    )
    for interaction in value["http_interactions"]:
        interaction["response"]["status"] = interaction["response"]["status"]["code"]
    return _dump(value, sort_keys=False).encode()


# --- go-vcr, PHP-VCR, Datadog's test agent ---


def go_vcr_1(made: Sequence[Made]) -> bytes:
    interactions = [
        {
            "request": {
                "body": _value(one.request_body),
                "form": {},
                "headers": _listed(_request_headers(one)),
                "url": one.url,
                "method": "POST",
            },
            "response": {
                "body": _value(one.body),
                "headers": _listed(_headers(one)),
                "status": f"{one.status} -",
                "code": one.status,
                "duration": "",
            },
        }
        for one in made
    ]
    return f"---\n{_dump({'version': 1, 'interactions': interactions}, sort_keys=False)}".encode()


def go_vcr_2(made: Sequence[Made]) -> bytes:
    wire = {"proto": "HTTP/2.0", "proto_major": 2, "proto_minor": 0, "transfer_encoding": [], "trailer": {}}
    interactions = [
        {
            "id": number,
            "request": {
                **wire,
                "content_length": len(one.request_body),
                "host": "api.openai.com",
                "remote_addr": "",
                "request_uri": "",
                "body": _value(one.request_body),
                "form": {},
                "headers": _listed(_request_headers(one)),
                "url": one.url,
                "method": "POST",
            },
            "response": {
                **wire,
                "transfer_encoding": ["chunked"],
                "content_length": -1,
                "uncompressed": True,
                "body": _value(one.body),
                "headers": _listed(_headers(one)),
                "status": f"{one.status} -",
                "code": one.status,
                "duration": "1.5s",
            },
        }
        for number, one in enumerate(made)
    ]
    return f"---\n{_dump({'version': 2, 'interactions': interactions}, sort_keys=False)}".encode()


def php_vcr(made: Sequence[Made]) -> bytes:
    interactions = [
        {
            "request": {
                "method": "POST",
                "url": one.url,
                "headers": _request_headers(one),
                "body": _value(one.request_body),
            },
            "response": {
                "status": {"http_version": "1.1", "code": str(one.status), "message": "-"},
                "headers": _headers(one),
                "body": _value(one.body),
                "curl_info": {"http_code": one.status},
            },
            "index": 0,
        }
        for one in made
    ]
    return _dump(interactions, sort_keys=False).encode()


def datadog(made: Sequence[Made]) -> bytes:
    [one] = made

    def text(body: bytes) -> str:
        return (
            body.decode()
            if is_text(body) and b"\0" not in body
            else f"base64:{base64.b64encode(body).decode()}"
        )

    value = {
        "request": {
            "method": "POST",
            "url": one.url,
            "headers": _request_headers(one),
            "body": text(one.request_body),
        },
        "response": {
            "status": {"code": one.status, "message": ""},
            "headers": _headers(one, **{"Content-Encoding": "gzip"}),
            "body": text(one.body),
        },
    }
    return json.dumps(value, indent=2).encode()


# --- HAR ---


def _har(made: Sequence[Made], content_of: Callable[[Made], dict[str, Any]]) -> bytes:
    entries = [
        {
            "_order": 0,
            "request": {
                "method": "POST",
                "url": one.url,
                "headers": [{"name": name, "value": value} for name, value in _request_headers(one).items()],
                "postData": {"mimeType": one.request_type, "text": one.request_body.decode("latin-1")},
            },
            "response": {
                "status": one.status,
                "headers": [{"name": name, "value": value} for name, value in _headers(one).items()],
                "content": {"mimeType": one.content_type, "size": len(one.body), **content_of(one)},
            },
        }
        for one in made
    ]
    return json.dumps({"log": {"version": "1.2", "creator": {"name": "x"}, "entries": entries}}).encode()


def har(made: Sequence[Made]) -> bytes:
    return _har(made, lambda one: {"text": one.body.decode()})


def har_in_base64(made: Sequence[Made]) -> bytes:
    return _har(made, lambda one: {"text": base64.b64encode(one.body).decode(), "encoding": "base64"})


def polly(made: Sequence[Made]) -> bytes:
    """A compressed body in pieces, each base64, as Polly.js keeps them."""

    def content(one: Made) -> dict[str, Any]:
        coded = gzip.compress(one.body)
        pieces = [base64.b64encode(piece).decode() for piece in (coded[:20], coded[20:])]
        return {"text": json.dumps(pieces), "encoding": "base64", "_isBinary": True}

    value = json.loads(_har(made, content))
    for entry in value["log"]["entries"]:
        entry["response"]["headers"].append({"name": "content-encoding", "value": "gzip"})
    return json.dumps({"name_1": value}).encode()


def polly_in_yaml(made: Sequence[Made]) -> bytes:
    return _dump(json.loads(polly(made))["name_1"]).encode()


# --- nock ---


def nock(made: Sequence[Made]) -> bytes:
    """Each response compressed, as `node` gets it from the API: pieces in hex."""

    def call(one: Made) -> dict[str, Any]:
        coded = gzip.compress(one.body)
        return {
            "scope": "https://api.openai.com:443",
            "method": "POST",
            "path": one.url.removeprefix("https://api.openai.com"),
            "body": json.loads(one.request_body),
            "status": one.status,
            "response": [coded[:15].hex(), coded[15:].hex()],
            "rawHeaders": ["Content-Type", one.content_type, "Content-Encoding", "gzip"],
            "responseIsBinary": False,
        }

    return json.dumps([call(one) for one in made]).encode()


# --- httpmock ---


def httpmock(made: Sequence[Made]) -> bytes:
    """One YAML document for each exchange."""

    def body(content: bytes) -> dict[str, str]:
        return (
            {"body": content.decode()}
            if is_text(content)
            else {"body_base64": base64.b64encode(content).decode()}
        )

    def pairs(headers: dict[str, str]) -> list[dict[str, str]]:
        return [{"name": name, "value": value} for name, value in headers.items()]

    documents = [
        {
            "when": {
                "host": "api.openai.com",
                "path": one.url.removeprefix("https://api.openai.com"),
                "method": "POST",
                "header": pairs(_request_headers(one)),
                **body(one.request_body),
            },
            "then": {"status": one.status, "header": pairs(_headers(one)), **body(one.body)},
        }
        for one in made
    ]
    return "---\n".join(_dump(one, sort_keys=False) for one in documents).encode()


# --- httprr ---


def _trace(made: Sequence[Made], framed: Callable[[bytes], tuple[str, bytes]]) -> bytes:
    trace = b"httprr trace v1\n"
    for one in made:
        sent = (
            f"POST {one.url} HTTP/1.1\r\nHost: api.openai.com\r\nContent-Type: {one.request_type}\r\n\r\n"
        ).encode() + one.request_body
        field, body = framed(one.body)
        received = (
            f"HTTP/2.0 {one.status} -\r\n{field}\r\nContent-Type: {one.content_type}\r\n\r\n".encode() + body
        )
        trace += f"{len(sent)} {len(received)}\n".encode() + sent + received
    return trace


def httprr(made: Sequence[Made]) -> bytes:
    return _trace(made, lambda body: (f"Content-Length: {len(body)}", body))


def httprr_chunked(made: Sequence[Made]) -> bytes:
    def framed(body: bytes) -> tuple[str, bytes]:
        pieces = [piece for piece in (body[:7], body[7:]) if piece]
        coded = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
        return "Transfer-Encoding: chunked", coded + b"0\r\n\r\n"

    return _trace(made, framed)


# Formats that keep any bytes, and such that keep texts alone or one exchange alone.
ANY_BYTES = (
    *(vcr_py, vcr_py_compressed, vcr_py_of_aiohttp, vcr_py_of_old_httpx, vcr_py_documents, langchain),
    *(ruby, ruby_json, betamax, r_vcr, r_vcr_compressed, go_vcr_1, go_vcr_2, php_vcr),
    *(har_in_base64, polly, polly_in_yaml, nock, httpmock, httprr, httprr_chunked),
)
TEXTS_ALONE = (vcr_py_json, har, vcr_py_decoded)
ONE_ALONE = (datadog,)
