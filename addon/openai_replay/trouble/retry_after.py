"""A cap for the time that a replayed failure makes a client wait before its retry."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

_SECONDS = re.compile(r"[0-9]+(?:\.[0-9]+)?", re.ASCII)


def parse_cap(text: str) -> float:
    """Read `recording_retry_after`: most seconds, or infinity for `recorded`.

    Raises:
        ValueError: it is neither.
    """
    if text == "recorded":
        return math.inf
    if _SECONDS.fullmatch(text) is None:
        raise ValueError("expected recorded, or the most seconds that a client waits, such as 0 or 0.5")
    return float(text)


def capped(headers: Iterable[tuple[str, str]], most_seconds: float) -> tuple[tuple[str, str], ...]:
    """Return headers in which `retry-after` and `retry-after-ms` are no longer than so many seconds.

    A date (RFC 9110, 10.2.3) becomes the cap: it says when the recorded client should have tried again.
    """
    if math.isinf(most_seconds):
        return tuple(headers)
    caps = {"retry-after": most_seconds, "retry-after-ms": most_seconds * 1000}
    return tuple((name, _least(value, caps[name]) if name in caps else value) for name, value in headers)


def _least(value: str, cap: float) -> str:
    if _SECONDS.fullmatch(value.strip()) is not None and float(value) <= cap:
        return value
    return str(int(cap)) if cap == int(cap) else str(cap)
