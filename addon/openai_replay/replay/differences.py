"""Find the places where two JSON values differ, and show both values there, without secrets and cut short.

A recording that was made elsewhere may hold a secret, and of a secret that is cut short its look is gone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from ..format.json_text import showable
from ..format.recording import JSON
from ..format.short_text import ELLIPSIS, shortened
from ..request.ignoring import DATE, IGNORED, UUID
from ..request.normal_form import canonical
from ..request.redaction import Redactor
from ..request.secret_places import STAND_IN
from ..store.likeness import distance

_LONGEST_VALUE = 60

_LOOKS = Redactor()

# Values that programs make up for each run: whole numbers, numbers with a sign, a fraction or an exponent, and ids,
# which are words with a digit; and tokens, of which redaction left digits of their hash. A person would write the first
# expression that explains a difference.
_NUMBER = re.compile(r"\d+")
_DECIMAL = re.compile(r"-?\d+(?:[.,]\d+)*(?:[eE][-+]?\d+)?")
_ID = re.compile(r"\b(?=\w*\d)\w{6,}\b")
_PRESETS = ((UUID, "@uuid"), (DATE, "@date"))

# Members that hold a prompt: to leave out one of them as a whole would make all prompts equal.
_PROMPT = re.compile(r"(?:^|\.)(?:content|text|input|prompt|instructions|output|query)(?:\[\d+\])*$")

# The model and the content of a file are chosen, and not made up.
_CHOSEN = re.compile(r"model|__[a-z]+__(?:\[\d+\])?\.(?:size|sha256)")

# How many letters around a difference belong to the same date or id.
_MARGIN = 100

# Texts that differ in a longer part than this are other texts, and searching them takes seconds.
_LONGEST_SEARCHED = 50_000

# Names that a path has in quotes.
_SPECIAL = re.compile(r'[.\[\]="\x00-\x1f\x7f]|^\*?$|^\s|\s$')


type _Rule = tuple[re.Pattern[str], str]

_SOME_PRESETS: tuple[tuple[_Rule, ...], ...] = ((), _PRESETS[:1], _PRESETS[1:], _PRESETS)


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

    def ignore_rules(self) -> tuple[str, ...]:
        """Return the values of `recording_ignore` that leave the difference out, () if it does not look volatile.

        Volatile are UUIDs, dates, numbers, ids and tokens: values that programs make up for each run.
        """
        if not self.values or _CHOSEN.fullmatch(self.path):
            return ()
        one, other = self.values
        if not isinstance(one, str) or not isinstance(other, str):
            return (self.path,) if _is_number(one) and _is_number(other) else ()
        one, other = _around_difference(one, other)
        if max(len(one), len(other)) > _LONGEST_SEARCHED:
            return ()
        for rules in self._candidates():
            if _without(one, rules) == _without(other, rules):
                is_whole = {_without(one, rules), _without(other, rules)} == {IGNORED}
                is_path = is_whole and _PROMPT.search(self.path) is None
                return (self.path,) if is_path else tuple(text for _, text in rules)
        return ()

    def _candidates(self) -> list[tuple[_Rule, ...]]:
        """Return the sets of rules that may explain a difference, the smallest ones first."""
        parts = [(part, f"{self.path}={part.pattern}") for part in (STAND_IN, _NUMBER, _DECIMAL, _ID)]
        with_part = [(*presets, part) for presets in _SOME_PRESETS for part in parts]
        return sorted([*_SOME_PRESETS[1:], *with_part], key=len)

    def __str__(self) -> str:
        return f"{self.path}: recorded {self.recorded or 'nothing'}, asked {self.sent or 'nothing'}"

    def to_json(self) -> dict[str, JSON]:
        """Return the difference as the report has it."""
        return {"path": self.path, "recorded": self.recorded, "asked": self.sent}


def _without(text: str, rules: Iterable[_Rule]) -> str:
    for pattern, _ in rules:
        text = pattern.sub(IGNORED, text)
    return text


def _around_difference(one: str, other: str) -> tuple[str, str]:
    """Return the parts of two texts in which they differ, with a margin: searching long texts takes long."""
    start, end = _common_start(one, other), _common_start(one[::-1], other[::-1])
    first, rest = max(0, start - _MARGIN), max(0, min(end, len(one) - start, len(other) - start) - _MARGIN)
    return one[first : len(one) - rest], other[first : len(other) - rest]


def _common_start(one: str, other: str) -> int:
    """Return how many letters two texts have in common at their beginning."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((number for number, (left, right) in pairs if left != right), min(len(one), len(other)))


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
    name = _LOOKS.text(name)
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
    recorded, sent = _LOOKS.text(recorded), _LOOKS.text(sent)
    first = max(0, _common_start(recorded, sent) - _LONGEST_VALUE // 3)
    return _window(recorded, first), _window(sent, first)


def _window(text: str, first: int) -> str:
    if len(text) <= _LONGEST_VALUE:
        return _json(text)
    last = first + _LONGEST_VALUE
    cut = (ELLIPSIS if first else "") + text[first:last] + (ELLIPSIS if last < len(text) else "")
    return _json(cut)


def _json(value: JSON) -> str:
    return showable(json.dumps(value, ensure_ascii=False))


def shown(value: JSON) -> str:
    """Return a value as JSON, without secrets and cut short."""
    return shortened(_json(_LOOKS.json(value)), _LONGEST_VALUE)
