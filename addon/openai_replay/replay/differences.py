"""Find the places where two JSON values differ, and show both values there, cut short."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..format.recording import JSON

_LONGEST_VALUE = 60


@dataclass(frozen=True, slots=True)
class Difference:
    """A place where two requests differ. The values are JSON texts, cut around the difference, or None: absent."""

    path: str
    recorded: str | None
    sent: str | None

    def __str__(self) -> str:
        return f"{self.path}: recorded {self.recorded or 'nothing'}, asked {self.sent or 'nothing'}"

    def to_json(self) -> dict[str, JSON]:
        """Return the difference as the report has it."""
        return {"path": self.path, "recorded": self.recorded, "asked": self.sent}


def differences_between(recorded: JSON, sent: JSON, path: str = "") -> Iterator[Difference]:
    """Yield each place below `path` where two values differ."""
    if isinstance(recorded, dict) and isinstance(sent, dict):
        for name in [*sent, *(name for name in recorded if name not in sent)]:
            yield from _of_member(recorded, sent, name, f"{path}.{name}" if path else name)
    elif isinstance(recorded, list) and isinstance(sent, list):
        for number in range(max(len(recorded), len(sent))):
            yield from _of_item(recorded, sent, number, f"{path}[{number}]")
    elif type(recorded) is not type(sent) or recorded != sent:
        one, other = _cut_around_difference(recorded, sent)
        yield Difference(path or "body", one, other)


def _of_member(
    recorded: dict[str, JSON], sent: dict[str, JSON], name: str, path: str
) -> Iterator[Difference]:
    if name not in recorded:
        yield Difference(path, None, shown(sent[name]))
    elif name not in sent:
        yield Difference(path, shown(recorded[name]), None)
    else:
        yield from differences_between(recorded[name], sent[name], path)


def _of_item(recorded: Sequence[JSON], sent: Sequence[JSON], number: int, path: str) -> Iterator[Difference]:
    if number >= len(recorded):
        yield Difference(path, None, shown(sent[number]))
    elif number >= len(sent):
        yield Difference(path, shown(recorded[number]), None)
    else:
        yield from differences_between(recorded[number], sent[number], path)


def _cut_around_difference(recorded: JSON, sent: JSON) -> tuple[str, str]:
    if not isinstance(recorded, str) or not isinstance(sent, str):
        return shown(recorded), shown(sent)
    start = next(
        (number for number, (one, other) in enumerate(zip(recorded, sent, strict=False)) if one != other),
        min(len(recorded), len(sent)),
    )
    first = max(0, start - _LONGEST_VALUE // 3)
    return _window(recorded, first), _window(sent, first)


def _window(text: str, first: int) -> str:
    if len(text) <= _LONGEST_VALUE:
        return json.dumps(text, ensure_ascii=False)
    last = first + _LONGEST_VALUE
    cut = ("…" if first else "") + text[first:last] + ("…" if last < len(text) else "")
    return json.dumps(cut, ensure_ascii=False)


def shown(value: JSON) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"
