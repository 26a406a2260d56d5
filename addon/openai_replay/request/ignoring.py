"""`recording_ignore`: what a program puts into its requests anew each time, left out of matching.

A rule is a path, `metadata.run_id`, or a path and an expression, `messages[*].content=\\d{4}-\\d\\d-\\d\\d`. The
path goes through members and list items: `a.b`, `a[0]`, `a[*]` or `*` for each of them. Without an expression what
stands there is taken out; with one, its matches are replaced in every string there and below.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import BadOption
from ..format.recording import JSON

_STEP = re.compile(r"\[(?P<item>\*|[0-9]+)\]|\.?(?P<member>[^.\[\]=]+)")

IGNORED = "__IGNORED__"


@dataclass(frozen=True, slots=True)
class IgnoreRule:
    """One `recording_ignore`: steps are member names, item numbers, or None for each; `pattern` may be None."""

    text: str
    steps: tuple[str | int | None, ...]
    pattern: re.Pattern[str] | None

    def apply(self, body: JSON) -> JSON:
        """Return `body` less what the rule ignores; `body` itself is left as it is."""
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

    def _in_members(self, value: dict[str, JSON], step: str | int | None, depth: int) -> JSON:
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
            return self.pattern.sub(IGNORED, value)
        if isinstance(value, dict):
            return {name: self._replaced(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self._replaced(item) for item in value]
        return value


def ignore_rule(text: str) -> IgnoreRule:
    """Read one rule.

    Raises:
        BadOption: it is no path, or what follows `=` is no regular expression.
    """
    path, has_pattern, expression = text.partition("=")
    try:
        pattern = re.compile(expression) if has_pattern else None
    except re.error as exc:
        raise BadOption(f"recording_ignore={text!r}: expected a regular expression after '=', {exc}") from exc
    return IgnoreRule(text, _steps(path.strip(), text), pattern)


def _steps(path: str, text: str) -> tuple[str | int | None, ...]:
    steps: list[str | int | None] = []
    position = 0
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None:
            break
        steps.append(_step(match))
        position = match.end()
    if not steps or position != len(path):
        raise BadOption(
            f"recording_ignore={text!r}: expected a path such as metadata.run_id or messages[*].content, "
            f"stopped at character {position + 1}"
        )
    return tuple(steps)


def _step(match: re.Match[str]) -> str | int | None:
    if match["item"] is not None:
        return None if match["item"] == "*" else int(match["item"])
    return None if match["member"] == "*" else match["member"]
