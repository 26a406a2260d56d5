"""Finds secrets that lie in recordings already: in requests, in answers, and in bodies beside them."""

from __future__ import annotations

from collections.abc import Iterator

from ..format.recording import JSON, Recording
from ..request.rules import Rules

# How many places of one file are named.
_MOST_PLACES = 3


def secret_places(recording: Recording, value: JSON, raw: bytes, rules: Rules) -> list[str]:
    """Return the places of a recording that hold a secret, as paths into its JSON `value`.

    Args:
        raw: the file, in which a quick look may tell that there is none.
    """
    redactor = rules.redactor
    if not redactor.may_match(raw.decode("utf-8", "replace")):
        return []
    return [
        place
        for place, _ in zip(_changed(value, redactor.json(value), "$"), range(_MOST_PLACES), strict=False)
    ]


def secret_in_bytes(content: bytes, rules: Rules) -> bool:
    """Tell whether a body that is no JSON holds a secret."""
    text = content.decode("utf-8", "surrogateescape")
    return rules.redactor.may_match(text) and rules.redactor.text(text) != text


def _changed(before: JSON, after: JSON, place: str) -> Iterator[str]:
    """Yield the places in which two JSON values of one shape differ; a changed member name is told as its object."""
    if isinstance(before, dict) and isinstance(after, dict) and before.keys() == after.keys():
        for name in before:
            yield from _changed(before[name], after[name], f"{place}.{name}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _changed(one, other, f"{place}[{number}]")
    elif before != after:
        yield place
