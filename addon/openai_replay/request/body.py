"""Read the bytes of a request's body as JSON: JSON itself, a multipart form, other text, or opaque bytes."""

from __future__ import annotations

import hashlib
import json
import math

from ..format.recording import JSON
from .multipart import BYTES, MULTIPART, MultipartParser, boundary_of, bytes_body
from .upgrade import WEBSOCKET

TEXT = "__text__"

_DESCRIPTIONS = frozenset({TEXT, BYTES, MULTIPART, WEBSOCKET})


def parse_body(content: bytes, content_type: str) -> JSON:
    """Return a request's body as JSON. Only a form is recognised by its content type.

    A JSON text is its value; no body is `{}`; a form is `{"__multipart__": [part, …]}`; other text is
    `{"__text__": text}` and anything else, an incomplete form too, `{"__bytes__": {"size", "sha256"}}`. Also text is
    JSON that a value cannot hold without loss: numbers that are not finite, members that stand twice in an object,
    nesting deeper than the functions here go, and an object that looks like one of these descriptions.
    """
    if not content.strip():
        return {}
    boundary = boundary_of(content_type)
    if boundary is not None:
        parser = MultipartParser(boundary)
        parser.feed(content)
        return parser.result()
    try:
        value: JSON = json.loads(
            content, parse_float=_finite, parse_constant=_finite, object_pairs_hook=_object
        )
    except (ValueError, RecursionError):
        return opaque_body(content)
    may_be_deep = content.count(b"[") + content.count(b"{") > DEEPEST
    return opaque_body(content) if may_be_deep and is_deeper(value, DEEPEST) else value


# The functions that go through bodies call themselves once or twice per level, and Python allows 1,000 calls.
DEEPEST = 200


def is_deeper(value: JSON, levels: int) -> bool:
    """Tell whether a value has more than so many levels of objects and lists."""
    level: list[JSON] = [value]
    for _ in range(levels + 1):
        level = [
            item
            for part in level
            if isinstance(part, (dict, list))
            for item in (part.values() if isinstance(part, dict) else part)
        ]
    return bool(level)


def _object(members: list[tuple[str, JSON]]) -> JSON:
    """Return the object of some members, which must differ in their names (RFC 8259, section 4)."""
    value = dict(members)
    if len(value) < len(members):
        raise ValueError("expected an object whose members have different names")
    if value.keys() & _DESCRIPTIONS and len(value) == 1:
        raise ValueError("expected an object that is no description of a body")
    return value


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"expected a finite number, got {digits}")
    return number


def opaque_body(content: bytes) -> JSON:
    """Return the JSON that stands for a body which is neither JSON nor a form."""
    try:
        return {TEXT: content.decode()}
    except UnicodeDecodeError:
        return bytes_body(len(content), hashlib.sha256(content).hexdigest())
