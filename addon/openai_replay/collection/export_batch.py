"""Export missed requests as input of OpenAI batches, for answers at half the price. `import` reads the output files.

A batch is of one endpoint and answers whole objects: streams, uploads and other endpoints cannot be asked that way.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ..format.recording import JSON
from ..record.raw_exchange import NotTaken
from .batch_ids import custom_id

# https://platform.openai.com/docs/api-reference/batch/create, `endpoint`
ENDPOINTS = (
    "/v1/responses",
    "/v1/chat/completions",
    "/v1/embeddings",
    "/v1/completions",
    "/v1/moderations",
    "/v1/images/generations",
    "/v1/images/edits",
    "/v1/videos",
)

_API_HOST = "api.openai.com"


@dataclass(slots=True)
class BatchInput:
    """Lines of input by endpoint, and the requests that no batch can ask."""

    lines: dict[str, list[str]] = field(default_factory=dict)
    left_out: list[NotTaken] = field(default_factory=list)


def batch_input(missed: Iterable[dict[str, JSON]]) -> BatchInput:
    """Return the input of batches for missed requests, as reports have them; each request once per test."""
    result = BatchInput()
    seen: set[str] = set()
    for number, miss in enumerate(missed, 1):
        endpoint = str(miss.get("endpoint", ""))
        reason = _obstacle(miss, endpoint)
        request = f"{miss.get('method', '')} {endpoint} (request {str(miss.get('request', ''))[:12]})"
        key = json.dumps([miss.get("test_id"), miss.get("request")])
        if reason:
            result.left_out.append(NotTaken(request, reason))
        elif key not in seen:
            seen.add(key)
            result.lines.setdefault(endpoint, []).append(_line(number, miss, endpoint))
    return result


def _obstacle(miss: dict[str, JSON], endpoint: str) -> str:
    """Return why a request cannot be asked in a batch, "" if it can."""
    body = miss.get("body")
    if "refused" in miss:
        return f"it was refused, {miss['refused']}"
    if "unreadable" in miss:
        return f"its recording cannot be read, {miss['unreadable']}"
    if "body" not in miss:
        return "the report does not have its body, which is large or from an older version"
    if urlsplit(str(miss.get("url", ""))).hostname != _API_HOST:
        return f"expected a request to {_API_HOST}"
    if miss.get("method") != "POST" or endpoint not in ENDPOINTS:
        return "batches are for POST to " + ", ".join(ENDPOINTS)
    if not isinstance(body, dict) or any(name.startswith("__") for name in body):
        return "batches are for JSON bodies"
    return "batches have no streams" if body.get("stream") else ""


def _line(number: int, miss: dict[str, JSON], endpoint: str) -> str:
    test_id = miss.get("test_id")
    line = {
        "custom_id": custom_id(number, test_id if isinstance(test_id, str) else None),
        "method": "POST",
        "url": endpoint,
        "body": miss["body"],
    }
    return json.dumps(line, ensure_ascii=False)
