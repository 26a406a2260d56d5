"""The request hash of the recording format: the file name of a recording, and the texts that the hash normalises."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from ..format.recording import JSON
from .urls import sorted_query

# The list of models belongs to no test: the hash leaves the test id out for this path.
SHARED_PATH = "/v1/models"


def request_hash(method: str, url: str, body: JSON, test_id: str | None) -> str:
    """Return the format's request hash: 64 hex digits, the name of the file.

    Args:
        body: the body without ignored values.
    """
    parts = urlsplit(url)
    query = sorted_query(parts.query)
    hashed: dict[str, JSON] = {
        "method": method.upper(),
        "endpoint": f"{parts.path}?{query}" if query else parts.path,
        "body": reference_body(body),
    }
    if parts.path != SHARED_PATH:
        hashed["test_id"] = test_id
    return hashlib.sha256(json.dumps(hashed, sort_keys=True).encode()).hexdigest()


def reference_body(value: JSON) -> JSON:
    """Return a body as the hash reads it: its floats rounded to five places, its texts normalised."""
    if isinstance(value, dict):
        return {name: reference_body(item) for name, item in value.items()}
    if isinstance(value, list):
        return [reference_body(item) for item in value]
    if isinstance(value, float):
        return round(value, 5)
    return reference_text(value) if isinstance(value, str) else value


_UUID = r"[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}"

# (a text that must be there for the expression to match, the expression, its replacement), in the order of the hash
#
# They find the matches of the format's own expressions in linear time: `,?\s*attributes:\s*\{[^}]*\}` and
# `-?\d+\.\d{4,}` begin again at each space and each digit of a long run, where only the first can be a match.
_VOLATILE = (
    ("score:", re.compile(r"score:\s*+[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?"), "score: __NORMALIZED__"),
    ("attributes:", re.compile(r"(?:,\s*+|(?<!\s)\s*+)attributes:\s*+\{[^}]*+\}"), ""),
    ("document_id:", re.compile(rf"document_id:\s*+{_UUID}"), "document_id: __NORMALIZED__"),
    ("|>", re.compile(rf"<\|{_UUID}\|>"), "<|__NORMALIZED__|>"),
)
_LONG_DECIMAL = re.compile(r"-?(?<!\d)\d++\.\d{4,}")


def reference_text(text: str) -> str:
    """Return a text with its scores, attributes, document ids and long decimals normalised."""
    for needle, pattern, replacement in _VOLATILE:
        if needle in text:
            # None of the expressions matches across the last brace: braces that are never closed are not searched.
            end = text.rfind("}") + 1 if needle == "attributes:" else len(text)
            text = pattern.sub(replacement, text[:end]) + text[end:]
    if "." in text:
        text = _LONG_DECIMAL.sub(lambda match: f"{float(match[0]):.5f}", text)
    return text


def model_digest(ids: Sequence[str]) -> str:
    """Return the 8 hex digits that tell recordings of a list of models apart."""
    return hashlib.sha256("|".join(sorted(set(ids))).encode()).hexdigest()[:8]
