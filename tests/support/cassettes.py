"""The exchanges in `tests/cassettes/`, read in the shortest way, beside the package's readers."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import brotli  # type: ignore[import-untyped]  # no stubs exist
import yaml
from mitmproxy import http, io

from openai_replay.wire import zstd

from .proxy import ROOT

CASSETTES = ROOT / "tests" / "cassettes"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One exchange; bodies are without their content coding."""

    cassette: str
    method: str
    url: str
    request_headers: Mapping[str, str]
    request_body: bytes
    status: int
    response_headers: Mapping[str, str]
    response_body: bytes


def exchanges_of(tool: str) -> list[Exchange]:
    """Return the exchanges of a tool's folder, file by file."""
    return [exchange for path in sorted((CASSETTES / tool).iterdir()) for exchange in _READERS[tool](path)]


class _Loader(yaml.SafeLoader):
    """The safe loader, with Ruby's own name for binary data."""


_Loader.add_constructor("!binary", lambda loader, node: base64.b64decode(str(node.value)))


def _yaml(path: Path) -> Any:
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return yaml.load(raw, _Loader)  # a kind of SafeLoader


def _of_vcr(path: Path) -> Iterator[Exchange]:
    cassette = _yaml(path)
    for one in cassette.get("interactions") or cassette["http_interactions"]:
        asked, answered = one["request"], one["response"]
        status = answered["code"] if "code" in answered else answered["status"]["code"]
        yield _exchange(
            path,
            (
                asked["method"].upper(),
                asked.get("uri") or asked["url"],
                asked["headers"],
                _content(asked["body"]),
            ),
            (status, answered["headers"], _content(answered["body"])),
        )


def _content(body: Any) -> bytes:
    if isinstance(body, dict):
        body = base64.b64decode(body["base64_string"]) if "base64_string" in body else body["string"]
    return body.encode() if isinstance(body, str) else body or b""


def _of_har(path: Path) -> Iterator[Exchange]:
    for entry in json.loads(path.read_bytes())["log"]["entries"]:
        asked, answered = entry["request"], entry["response"]
        content = answered["content"]
        body = base64.b64decode(content["text"]) if content.get("encoding") else content["text"].encode()
        yield _exchange(
            path,
            (
                asked["method"],
                asked["url"],
                {header["name"]: header["value"] for header in asked["headers"]},
                asked.get("postData", {}).get("text", "").encode(),
            ),
            (answered["status"], {header["name"]: header["value"] for header in answered["headers"]}, body),
        )


def _of_flows(path: Path) -> Iterator[Exchange]:
    with open(path, "rb") as file:
        for flow in io.FlowReader(file).stream():
            assert isinstance(flow, http.HTTPFlow)
            request, response = flow.request, flow.response
            assert response is not None
            yield _exchange(
                path,
                (request.method, request.pretty_url, dict(request.headers), request.raw_content or b""),
                (response.status_code, dict(response.headers), response.raw_content or b""),
            )


def _of_batch(path: Path) -> Iterator[Exchange]:
    if path.name != "input.jsonl":
        return
    outputs = [json.loads(line) for line in path.with_name("output.jsonl").read_text().splitlines()]
    answers = {line["custom_id"]: line["response"] for line in outputs}
    for asked in map(json.loads, path.read_text().splitlines()):
        answer = answers[asked["custom_id"]]
        url = f"https://api.openai.com{asked['url']}"
        body = json.dumps(asked["body"]).encode()
        headers = {"content-type": "application/json"}
        yield _exchange(
            path,
            (asked["method"], url, headers, body),
            (answer["status_code"], headers, json.dumps(answer["body"]).encode()),
        )


_READERS = {
    "vcr.py": _of_vcr,
    "ruby": _of_vcr,
    "go-vcr": _of_vcr,
    "har": _of_har,
    "mitmproxy": _of_flows,
    "batch": _of_batch,
}


def _exchange(
    path: Path,
    asked: tuple[str, str, Mapping[str, Any], bytes],
    answered: tuple[int, Mapping[str, Any], bytes],
) -> Exchange:
    method, url, request_headers, request_body = asked
    status, response_headers, response_body = answered
    headers = _plain(response_headers)
    body = _decoded(response_body, headers.get("content-encoding", ""))
    return Exchange(
        path.name.partition(".")[0], method, url, _plain(request_headers), request_body, status, headers, body
    )


def _plain(headers: Mapping[str, Any]) -> dict[str, str]:
    return {
        name.lower(): str(value[0] if isinstance(value, list) else value) for name, value in headers.items()
    }


def _decoded(body: bytes, coding: str) -> bytes:
    if not coding or body.startswith((b"{", b"data:")):
        return body
    if coding == "zstd":
        return b"".join(zstd.decompressed([body]))
    if coding == "br":
        return bytes(brotli.decompress(body))
    return gzip.decompress(body) if coding == "gzip" else zlib.decompress(body)
