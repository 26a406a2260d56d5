"""Approximate cost of a request, from its recorded token counts: an upper bound for a limit, no bill.

Prices are list prices in US dollars for a million tokens of input and of output. A model that is not named counts as a
dear one.
"""

from __future__ import annotations

import json
from fnmatch import fnmatchcase

from ..format.recording import Recording
from ..transcript.transcript import transcript

# The first pattern that fits counts.
_PRICES: tuple[tuple[str, float, float], ...] = (
    ("text-embedding-3-small*", 0.02, 0.0),
    ("text-embedding-*", 0.13, 0.0),
    ("*moderation*", 0.0, 0.0),
    ("gpt-5*-nano*", 0.05, 0.4),
    ("gpt-5*-mini*", 0.25, 2.0),
    ("gpt-5*-pro*", 15.0, 120.0),
    ("gpt-5*", 1.75, 14.0),
    ("gpt-4.1-nano*", 0.1, 0.4),
    ("gpt-4.1-mini*", 0.4, 1.6),
    ("gpt-4.1*", 2.0, 8.0),
    ("gpt-4o-mini*", 0.15, 0.6),
    ("gpt-4o*", 2.5, 10.0),
    ("gpt-3.5*", 0.5, 1.5),
    ("o4-mini*", 1.1, 4.4),
    ("o3-mini*", 1.1, 4.4),
    ("o3-pro*", 20.0, 80.0),
    ("o3*", 2.0, 8.0),
)
_DEAR = (30.0, 120.0)
_MILLION = 1_000_000

# A token is at least about so many characters of a JSON text.
_CHARACTERS_OF_A_TOKEN = 3


def cost_of(recording: Recording) -> float:
    """Return the approximate cost of asking a recording's request again, in US dollars."""
    request = recording.request
    if request.method != "POST":
        return 0.0
    usage = transcript(recording).usage
    sent = usage.get("input") or len(json.dumps(request.body)) / _CHARACTERS_OF_A_TOKEN
    received = usage.get("output") or len(json.dumps(recording.response.body)) / _CHARACTERS_OF_A_TOKEN
    of_input, of_output = _price(request.model)
    return (sent * of_input + received * of_output) / _MILLION


def _price(model: str) -> tuple[float, float]:
    return next(
        ((of_input, of_output) for pattern, of_input, of_output in _PRICES if fnmatchcase(model, pattern)),
        _DEAR,
    )
