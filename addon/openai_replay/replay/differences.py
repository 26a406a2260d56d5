"""Find the places where two JSON values differ, and show both values there, cut short."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ..format.json_text import showable
from ..format.recording import JSON
from ..request.ignoring import DATE, UUID
from ..request.normal_form import canonical
from ..store.likeness import distance

_LONGEST_VALUE = 60

_NUMBER = re.compile(r"\d+")

# Names that a path has in quotes.
_SPECIAL = re.compile(r'[.\[\]="]|^\*?$|^\s|\s$')


@dataclass(frozen=True, slots=True)
class Difference:
    """A place where two requests differ. The values are JSON texts, cut around the difference, or None: absent.

    `values` are the whole values, recorded and sent; () where one is absent.
    """

    path: str
    recorded: str | None
    sent: str | None
    values: tuple[JSON, ...] = field(default=(), compare=False, repr=False)

    def size(self) -> int:
        """Return how many letters of the values differ (an edit distance)."""
        if self.values:
            one, other = (value if isinstance(value, str) else canonical(value) for value in self.values)
            return distance(one, other)
        return len(self.recorded or "") + len(self.sent or "")

    def ignore_rule(self) -> str | None:
        """Return the `recording_ignore` that leaves the difference out, None if it does not look like a volatile one.

        Volatile are UUIDs, dates and numbers: values that programs make up for each run.
        """
        if not self.values:
            return None
        one, other = self.values
        if not isinstance(one, str) or not isinstance(other, str):
            return self.path if _is_number(one) and _is_number(other) else None
        for expression, rule in ((UUID, "@uuid"), (DATE, "@date"), (_NUMBER, rf"{self.path}=\d+")):
            if expression.sub("", one) == expression.sub("", other):
                is_whole = expression.fullmatch(one) and expression.fullmatch(other)
                return self.path if is_whole else rule
        return None

    def __str__(self) -> str:
        return f"{self.path}: recorded {self.recorded or 'nothing'}, asked {self.sent or 'nothing'}"

    def to_json(self) -> dict[str, JSON]:
        """Return the difference as the report has it."""
        return {"path": self.path, "recorded": self.recorded, "asked": self.sent}


def differences_between(recorded: JSON, sent: JSON, path: str = "") -> Iterator[Difference]:
    """Yield each place below `path` where two values differ."""
    if isinstance(recorded, dict) and isinstance(sent, dict):
        for name in [*sent, *(name for name in recorded if name not in sent)]:
            yield from _of_member(recorded, sent, name, _joined(path, name))
    elif isinstance(recorded, list) and isinstance(sent, list):
        for number in range(max(len(recorded), len(sent))):
            yield from _of_item(recorded, sent, number, f"{path}[{number}]")
    elif type(recorded) is not type(sent) or recorded != sent:
        one, other = _cut_around_difference(recorded, sent)
        yield Difference(path or "body", one, other, (recorded, sent))


def _joined(path: str, name: str) -> str:
    """Return the path of a member, as `recording_ignore` reads it."""
    if _SPECIAL.search(name):
        return f"{path}[{json.dumps(name, ensure_ascii=False)}]"
    return f"{path}.{name}" if path else name


def _is_number(value: JSON) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


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
        return _json(text)
    last = first + _LONGEST_VALUE
    cut = ("…" if first else "") + text[first:last] + ("…" if last < len(text) else "")
    return _json(cut)


def _json(value: JSON) -> str:
    return showable(json.dumps(value, ensure_ascii=False))


def shown(value: JSON) -> str:
    text = _json(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"
