"""Answers in the API's manner: its header fields, its JSON layout, its errors."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from email.utils import formatdate
from typing import Any

from ..events import ServerSentEvent, compact_json
from ..exchange import Answer, Body, EventStream, Headers
from .identifiers import new_id, random_text

DONE = ServerSentEvent(data="[DONE]")


class ApiError(Exception):
    """A request that the API refuses, in the shape of the API reference's "Error codes".

    Args:
        status: the HTTP status.
        message, type, param, code: the members of the `error` object.
        headers: additional headers, such as `retry-after`.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
        headers: Headers = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error = {"message": message, "type": type, "param": param, "code": code}
        self.headers = headers


def json_answer(value: Any, status: int = 200, headers: Headers = ()) -> Answer:
    """Return `value` as the API lays out a plain JSON body: two spaces of indent and a line end."""
    return _answer(json_bytes(value), "application/json", status, headers)


def error_answer(error: ApiError) -> Answer:
    """Return the answer that tells the client of `error`. Errors are indented by four."""
    body = json.dumps({"error": error.error}, indent=4, ensure_ascii=False).encode() + b"\n"
    return _answer(body, "application/json; charset=utf-8", error.status, error.headers)


def stream_answer(events: Iterable[ServerSentEvent]) -> Answer:
    """Return a stream of server-sent events."""
    return _answer(EventStream(events), "text/event-stream; charset=utf-8")


def body_answer(body: Body, content_type: str, status: int = 200) -> Answer:
    """Return a body that is not JSON: audio, an image, the content of a file."""
    return _answer(body, content_type, status)


def api_headers(content_type: str | None) -> Headers:
    """Return the header fields that api.openai.com sends with every answer."""
    return (
        ("date", formatdate(usegmt=True)),
        *((("content-type", content_type),) if content_type else ()),
        ("access-control-expose-headers", "X-Request-ID"),
        ("openai-organization", "user-" + random_text(24).lower()),
        ("openai-processing-ms", str(180 + secrets.randbelow(900))),
        ("openai-project", new_id("proj_")),
        ("openai-version", "2020-10-01"),
        ("x-envoy-upstream-service-time", str(200 + secrets.randbelow(900))),
        ("x-ratelimit-limit-requests", "10000"),
        ("x-ratelimit-limit-tokens", "2000000"),
        ("x-ratelimit-remaining-requests", "9999"),
        ("x-ratelimit-remaining-tokens", str(1_990_000 + secrets.randbelow(9_999))),
        ("x-ratelimit-reset-requests", "6ms"),
        ("x-ratelimit-reset-tokens", "0s"),
        ("x-request-id", "req_" + secrets.token_hex(16)),
        ("x-openai-proxy-wasm", "v0.1"),
        ("cf-cache-status", "DYNAMIC"),
        ("set-cookie", f"__cf_bm={random_text(43)}; path=/; HttpOnly; Secure; SameSite=None"),
        ("set-cookie", f"_cfuvid={random_text(43)}; path=/; HttpOnly; Secure; SameSite=None"),
        ("strict-transport-security", "max-age=31536000; includeSubDomains; preload"),
        ("x-content-type-options", "nosniff"),
        ("server", "cloudflare"),
        ("cf-ray", f"{secrets.token_hex(8)}-FRA"),
        ("alt-svc", 'h3=":443"; ma=86400'),
    )


def json_bytes(value: Any) -> bytes:
    """Return `value` as the API lays out a plain JSON body."""
    return json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n"


def obfuscated(value: dict[str, Any]) -> dict[str, Any]:
    """Return `value` with the `obfuscation` that makes its JSON one longer than a multiple of sixteen.

    Source: the API reference's `stream_options.include_obfuscation`, "normalize payload sizes as a
    mitigation to certain side-channel attacks"; recorded streams show the block and the remainder.
    """
    length = len(compact_json({**value, "obfuscation": ""}).encode())
    return {**value, "obfuscation": random_text((1 - length) % 16)}


def _answer(body: Body, content_type: str, status: int = 200, headers: Headers = ()) -> Answer:
    return Answer(status, api_headers(content_type) + headers, body)
