r"""`recording_ignore`: leave out of matching the values that a program changes with each run.

A rule is a path, `metadata.run_id`, or a path and an expression, `messages[*].content=\d{4}-\d\d-\d\d`. The path goes
through members and list items: `a.b`, `a["b.c"]`, `a[0]`, `a[*]` or `*` for each of them. Without an expression the
value there is taken out; with one, its matches are replaced in every string there and below.

A rule may also be a preset. `@uuid` and `@date` are for UUIDs, and for dates and times, in every string of the body;
`@codex` is for the values that the Codex CLI makes up; `@reference` reads bodies as the reference recorder's hash does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..errors import BadOption
from ..format.recording import JSON
from . import expressions
from .escapes import Span
from .reference_hash import reference_body

_STEP = re.compile(
    r'\[(?P<item>\*|[0-9]+)\]|\[(?P<quoted>"(?:[^"\\]|\\.)*")\]|\.?(?P<member>[^.\[\]="]+)', re.DOTALL
)

IGNORED = "__IGNORED__"

type Step = str | int | None


@dataclass(frozen=True, slots=True)
class IgnoreRule:
    """One rule: `steps` are member names, item numbers, or None for each; `pattern` may be None.

    `text` is the option's value that the rule comes from.
    """

    text: str
    steps: tuple[Step, ...]
    pattern: re.Pattern[str] | None

    def fingerprint(self) -> str:
        """Return a text that is another one for each other rule."""
        return repr(
            (self.steps, None if self.pattern is None else (self.pattern.pattern, self.pattern.flags))
        )

    def goes_into(self, path: str) -> bool:
        """Tell whether the rule takes values out of the one at a path, as `metadata.run_id` does out of `metadata`."""
        steps, _ = _steps(path)
        is_longer = self.pattern is None and len(self.steps) > len(steps)
        return is_longer and all(
            mine is None or mine == step for mine, step in zip(self.steps, steps, strict=False)
        )

    def apply(self, body: JSON) -> JSON:
        """Return `body` without the values that the rule ignores; `body` itself stays as it is."""
        return self._applied(body, 0)

    def _applied(self, value: JSON, depth: int) -> JSON:
        if depth == len(self.steps):
            return self._replaced(value)
        step = self.steps[depth]
        if isinstance(value, dict):
            return self._in_members(value, step, depth)
        if isinstance(value, list) and not isinstance(step, str):
            return self._in_items(value, step, depth)
        return value

    def _in_members(self, value: dict[str, JSON], step: Step, depth: int) -> JSON:
        names = list(value) if step is None else [name for name in (str(step),) if name in value]
        result = dict(value)
        for name in names:
            if self._takes_out(depth):
                del result[name]
            else:
                result[name] = self._applied(value[name], depth + 1)
        return result

    def _in_items(self, value: list[JSON], step: int | None, depth: int) -> JSON:
        hit = [step is None or step == number for number in range(len(value))]
        if self._takes_out(depth):
            return [item for item, is_hit in zip(value, hit, strict=True) if not is_hit]
        return [
            self._applied(item, depth + 1) if is_hit else item
            for item, is_hit in zip(value, hit, strict=True)
        ]

    def _takes_out(self, depth: int) -> bool:
        return self.pattern is None and depth == len(self.steps) - 1

    def _replaced(self, value: JSON) -> JSON:
        if isinstance(value, str) and self.pattern is not None:
            return _without(expressions.spans(self.pattern, value, "recording_ignore"), value)
        if isinstance(value, dict):
            return {name: self._replaced(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self._replaced(item) for item in value]
        return value


def _without(spans: Iterable[Span], text: str) -> str:
    """Return a text with the spans, which are in order, replaced."""
    pieces: list[str] = []
    done = 0
    for start, end in spans:
        pieces += (text[done:start], IGNORED)
        done = end
    return "".join((*pieces, text[done:]))


@dataclass(frozen=True, slots=True)
class ReferenceReading:
    """The preset `@reference`: scores, attributes, document ids and long decimals count as in the request hash."""

    text: str

    def fingerprint(self) -> str:
        """Return a text that is another one for each other rule."""
        return self.text

    def apply(self, body: JSON) -> JSON:
        """Return `body` as the reference recorder's hash reads it."""
        return reference_body(body)


UUID = re.compile(
    r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}(?![0-9A-Fa-f])"
)

_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?"
    r"|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)"
)
_WEEKDAY = r"(?:(?:Mon|Tues?|Wed(?:nes)?|Thu(?:rs?)?|Fri|Sat(?:ur)?|Sun)(?:day)?,? )?"
_DAY = (
    rf"{_WEEKDAY}"
    r"(?:\d{4}-\d\d-\d\d|\d{4}/\d\d/\d\d|\d\d?[/.]\d\d?[/.]\d{4}"
    rf"|\d\d?(?:st|nd|rd|th)? {_MONTH},? \d{{4}}|{_MONTH} \d\d?(?:st|nd|rd|th)?,? \d{{4}})"
)
_NOON = r" ?[AaPp]\.?[Mm](?![A-Za-z])\.?"
_SECONDS = r":\d\d(?:[.,]\d{1,9})?"
_TIME = rf"\d\d?:\d\d(?:{_SECONDS})?(?:{_NOON})?(?: ?(?:Z|UTC|GMT|[-+]\d\d:?\d\d))?"

# A day (ISO 8601, RFC 9110, or in English), with or without its weekday and a time; and a time by itself, with seconds
# or with am or pm.
DATE = re.compile(
    rf"(?<!\d)(?:{_DAY}(?:(?:[T_]|,? (?:at )?){_TIME})?|\d\d?:\d\d(?:{_SECONDS}(?:{_NOON})?|{_NOON}))(?!\d)"
)

# The Codex CLI's ids, its folder, and the times that it measures.
_CODEX = (
    "input[*].id",
    "input[*].internal_chat_message_metadata_passthrough",
    "input[*].content[*].text=<cwd>[^<]*</cwd>",
    "input[*].content[*].text=<current_date>[^<]*</current_date>",
    "input[*].content[*].text=<timezone>[^<]*</timezone>",
    r"input[*].output=Chunk ID: [0-9a-f]+|Wall time: [0-9.]+ seconds|\"duration_seconds\": ?[0-9.]+",
)

_PRESETS = ("@uuid", "@date", "@codex", "@reference")


def ignore_rules(texts: Iterable[str]) -> tuple[IgnoreRule | ReferenceReading, ...]:
    """Read the values of `recording_ignore`.

    Raises:
        BadOption: one is no path and no preset, or has no regular expression after `=`.
    """
    return tuple(rule for text in texts for rule in _rules_of(text))


def _rules_of(text: str) -> Iterator[IgnoreRule | ReferenceReading]:
    match text.strip():
        case "@uuid":
            yield IgnoreRule(text, (), UUID)
        case "@date":
            yield IgnoreRule(text, (), DATE)
        case "@codex":
            for path in _CODEX:
                rule = ignore_rule(path)
                yield IgnoreRule(text, rule.steps, rule.pattern)
        case "@reference":
            yield ReferenceReading(text)
        case preset if preset.startswith("@"):
            raise BadOption(f"recording_ignore={text!r}: expected a path or one of {', '.join(_PRESETS)}")
        case _:
            yield ignore_rule(text)


def ignore_rule(text: str) -> IgnoreRule:
    """Read one rule that is a path.

    Raises:
        BadOption: it is no path, or has no regular expression after `=`.
    """
    path = text.lstrip()
    steps, end = _steps(path)
    rest = path[end:].strip()
    if not steps or (rest and not rest.startswith("=")):
        raise BadOption(
            f"recording_ignore={text!r}: expected a path such as metadata.run_id or messages[*].content, "
            f"stopped at character {end + 1}"
        )
    if not rest:
        return IgnoreRule(text, steps, None)
    expression = path[path.index("=", end) + 1 :]
    try:
        pattern = expressions.compiled(expression, "recording_ignore")
    except re.error as exc:
        raise BadOption(f"recording_ignore={text!r}: expected a regular expression after '=', {exc}") from exc
    return IgnoreRule(text, steps, pattern)


def _steps(path: str) -> tuple[tuple[Step, ...], int]:
    """Return the steps of the path that a rule begins with, and where it ends."""
    steps: list[Step] = []
    position = 0
    while match := _STEP.match(path, position):
        try:
            steps.append(_step(match))
        except ValueError:  # a quoted name that is no JSON string
            break
        position = match.end()
    return tuple(steps), position


def _step(match: re.Match[str]) -> Step:
    if match["item"] is not None:
        return None if match["item"] == "*" else int(match["item"])
    if match["quoted"] is not None:
        return str(json.loads(match["quoted"]))
    name = match["member"]
    return None if name == "*" else name
