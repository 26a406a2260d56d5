"""A cap for the time that a replayed failure makes a client wait before its retry.

Clients wait by `retry-after` (RFC 9110, 10.2.3: whole seconds, or a date), by the API's own `retry-after-ms`, or until
a rate limit is reset: `x-ratelimit-reset-requests: 6m0s`, which other servers write in seconds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from .durations import wait_s, written_duration

_SECONDS = re.compile(r"[0-9]+(?:\.[0-9]+)?", re.ASCII)
_DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:h|ms|m|s))+", re.ASCII)
_PART = re.compile(r"([0-9.]+)(h|ms|m|s)", re.ASCII)
_UNIT_S = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}

_RETRY_AFTER = "retry-after"
_RETRY_AFTER_MS = "retry-after-ms"
_RESET = "x-ratelimit-reset"

type Headers = tuple[tuple[str, str], ...]


def parse_cap(text: str) -> float:
    """Read `recording_retry_after`: most seconds, or a duration, or infinity for `recorded`.

    Raises:
        ValueError: it is none of them.
    """
    try:
        return math.inf if text == "recorded" else wait_s(text)
    except ValueError as exc:
        raise ValueError(f"{exc}; recorded leaves each wait as it is") from exc


def capped(headers: Iterable[tuple[str, str]], most_seconds: float) -> Headers:
    """Return headers, with names in lower case, in which no wait is longer than so many seconds.

    A date becomes the cap, for it says when the recorded client should have tried again. `retry-after` has whole
    seconds, rounded down; `retry-after-ms` has the fraction, and is added where a fraction would be lost.
    """
    recorded = tuple(headers)
    if math.isinf(most_seconds):
        return recorded
    shorter = tuple((name, _shorter(name, value, most_seconds)) for name, value in recorded)
    names = {name for name, _ in recorded}
    is_shorter = any(
        name == _RETRY_AFTER and one != other
        for (name, one), (_, other) in zip(recorded, shorter, strict=True)
    )
    if is_shorter and _RETRY_AFTER_MS not in names and most_seconds % 1:
        return (*shorter, (_RETRY_AFTER_MS, _number(most_seconds * 1000)))
    return shorter


def _shorter(name: str, value: str, cap: float) -> str:
    if name == _RETRY_AFTER_MS:
        return value if _wait_s(value) / 1000 <= cap else _number(cap * 1000)
    is_wait = name == _RETRY_AFTER or name.startswith(_RESET)
    if not is_wait or _wait_s(value) <= cap:
        return value
    is_duration = _DURATION.fullmatch(value.strip()) is not None
    return written_duration(_whole_ms(cap)) if is_duration else str(int(cap))


def _wait_s(value: str) -> float:
    """Return a number or a duration in seconds; infinity for a date and any other text."""
    text = value.strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    if _DURATION.fullmatch(text):
        return sum(float(number) * _UNIT_S[unit] for number, unit in _PART.findall(text))
    return math.inf


def _whole_ms(seconds: float) -> int:
    """Return the whole milliseconds of a time, rounded down; the float of 1.001 s in ms is a little less than 1001."""
    return int(round(seconds * 1000, 6))


def _number(value: float) -> str:
    """Return a number without an exponent, and without a fraction where it has none."""
    return f"{value:.6f}".rstrip("0").rstrip(".")
