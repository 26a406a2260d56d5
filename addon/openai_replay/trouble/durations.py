"""Durations as options and headers write them: `80ms`, `1.5s`, `2m`, and as the API does: `6m0s`."""

from __future__ import annotations

import re

_DURATION = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)(?P<unit>ms|s|m)", re.ASCII)
# Fewer digits than would make a float infinite.
_SECONDS = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,18})?", re.ASCII)
_UNIT_MS = {"ms": 1.0, "s": 1000.0, "m": 60_000.0}

# A week. A larger number is a typing error, and asyncio's clock does not take every float.
_LONGEST_MS = 7 * 24 * 3_600_000.0


def duration_ms(text: str) -> float:
    """Return a duration in milliseconds.

    Raises:
        ValueError: the text is no number with one of the units ms, s and m, or is longer than a week.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"expected a duration such as 80ms, 1.5s or 2m, got {text!r}")
    milliseconds = float(match["number"]) * _UNIT_MS[match["unit"]]
    if milliseconds > _LONGEST_MS:
        raise ValueError(f"expected a duration of at most a week, got {text!r}")
    return milliseconds


def wait_s(text: str) -> float:
    """Return the time for a client to wait, in seconds; plain numbers are seconds, as in `retry-after`.

    Raises:
        ValueError: the text is neither a number of seconds nor a duration, or is a duration beyond a week.
    """
    if _SECONDS.fullmatch(text.strip()):
        return float(text)
    if _DURATION.fullmatch(text.strip()) is None:
        raise ValueError(f"expected seconds such as 2 or 0.5, or a duration such as 250ms, got {text!r}")
    return duration_ms(text) / 1000


def written_duration(milliseconds: int) -> str:
    """Return a duration as the API writes it: `0s`, `120ms`, `8.64s`, `6m0s`.

    This is the form of Go's `time.Duration` (https://pkg.go.dev/time#Duration.String), without hours.
    """
    if 0 < milliseconds < _UNIT_MS["s"]:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    seconds = f"{rest / 1000:.3f}".rstrip("0").rstrip(".")
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"
