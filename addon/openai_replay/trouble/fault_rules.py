"""Rules for fault injection: rate limits, errors, broken and stalled streams, bad chunks.

A rule is a kind and its conditions, separated by semicolons:

    rate_limit;retry_after=2;first=2
    error=503;p=0.1;seed=7
    cut_after=12;path=/v1/chat/*;model=gpt-4o*;test=tests/test_a.py*

Whether a rule fires depends on its seed, the test id, the request and the attempt (how often this test made this
request before) and on nothing else, so it is the same in every run, in any order and with any number of workers.
"""

from __future__ import annotations

import enum
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ..request.identity import ApiRequest
from .choices import unknown_word
from .durations import duration_ms, wait_s
from .pacing import whole_number


class FaultKind(enum.Enum):
    """The word that a rule begins with."""

    RATE_LIMIT = "rate_limit"
    ERROR = "error"
    CUT_AFTER = "cut_after"
    RESET_AFTER = "reset_after"
    STALL_AFTER = "stall_after"
    MALFORMED_AT = "malformed_at"
    DUPLICATE_AT = "duplicate_at"
    SLOW = "slow"


_HARMLESS = frozenset((FaultKind.DUPLICATE_AT, FaultKind.SLOW))


@dataclass(frozen=True, slots=True)
class FaultRule:
    """One rule.

    `number` is the status of an error or the number of a chunk. `pause_ms` is how long a stall or a slow chunk takes;
    None: a stall that never ends. `retry_after_ms` is for the client to wait. The patterns of `path`, `model` and
    `test` are texts in which `*` stands for any text.
    """

    text: str
    kind: FaultKind
    number: int = 0
    pause_ms: float | None = None
    retry_after_ms: float | None = None
    first: int | None = None
    every: int | None = None
    probability: float = 1.0
    seed: int = 0
    path: str = "*"
    model: str = "*"
    test: str = "*"

    def fires(self, api_request: ApiRequest, attempt: int) -> bool:
        """Tell whether the rule fires for an attempt, counted from 0."""
        return (
            self.concerns(api_request)
            and (self.first is None or attempt < self.first)
            and (self.every is None or (attempt + 1) % self.every == 0)
            and (self.probability >= 1 or _draw(self.seed, api_request, attempt) < self.probability)
        )

    def concerns(self, api_request: ApiRequest) -> bool:
        """Tell whether the rule is about such requests."""
        return (
            _matches(self.path, api_request.endpoint())
            and _matches(self.model, _model_of(api_request))
            and _matches(self.test, api_request.test_id or "")
        )

    def hides(self, other: FaultRule) -> bool:
        """Tell whether the rule fires for each request of another rule, so that one behind it never does."""
        patterns = ((self.path, other.path), (self.model, other.model), (self.test, other.test))
        is_always = self.first is None and self.every is None and self.probability >= 1
        return is_always and all(pattern in ("*", narrower) for pattern, narrower in patterns)

    def spends_the_answer(self) -> bool:
        """Tell whether the client gets the recorded answer all the same, so that a repeat gets the next one."""
        return self.kind in _HARMLESS


def _model_of(api_request: ApiRequest) -> str:
    """Return the model that a request names, in its body or, for a Realtime session, in its query; "" without one."""
    body = api_request.body
    model = body.get("model") if isinstance(body, dict) else None
    if isinstance(model, str):
        return model
    return dict(parse_qsl(urlsplit(api_request.url).query)).get("model", "")


def _matches(pattern: str, text: str) -> bool:
    if pattern == "*":
        return True
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None


def _draw(seed: int, api_request: ApiRequest, attempt: int) -> float:
    """Return a number from 0 to 1, even over all requests."""
    parts = (str(seed), api_request.test_id or "", api_request.identity.key, str(attempt))
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:7]) / 2**56


# --- reading rules ------------------------------------------------------------------------------------------------


def parse_fault(text: str) -> FaultRule:
    """Read one rule.

    Raises:
        ValueError: in one line, the fault and the words that are allowed.
    """
    first, *others = [part.strip() for part in text.split(";")]
    kind, members = _kind(first)
    allowed = _conditions(kind)
    for name, value in map(_name_and_value, filter(None, others)):
        if name not in allowed:
            raise ValueError(unknown_word(name, allowed))
        member, read = allowed[name]
        if member in members:
            raise ValueError(f"{name}: expected it once")
        members[member] = _read(name, read, value)
    return FaultRule(text=text.strip(), kind=kind, **members)


def parse_faults_header(value: str) -> tuple[FaultRule, ...]:
    """Read the value of `X-Replay-Fault`, in which a comma separates rules, as it joins repeated headers.

    Raises:
        ValueError: see `parse_fault`.
    """
    return tuple(parse_fault(text) for text in value.split(",") if text.strip())


def _kind(text: str) -> tuple[FaultKind, dict[str, Any]]:
    name, value = _name_and_value(text)
    names = {kind.value: kind for kind in FaultKind}
    if name not in names:
        raise ValueError(unknown_word(name, names))
    kind = names[name]
    if kind is FaultKind.RATE_LIMIT:
        if value:
            raise ValueError(f"expected rate_limit without a value, got {text!r}")
        return kind, {"number": 429}
    member, read = _VALUES[kind]
    return kind, {member: _read(name, read, value)}


def _name_and_value(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip(), value.strip()


def _read(name: str, read: Callable[[str], object], value: str) -> object:
    try:
        return read(value)
    except ValueError as exc:
        raise ValueError(f"{name}: {exc}") from exc


def _status(text: str) -> int:
    status = whole_number(text)
    if not 400 <= status <= 599:
        raise ValueError(f"expected an HTTP status from 400 to 599, got {text}")
    return status


def _from_one(text: str) -> int:
    number = whole_number(text)
    if number < 1:
        raise ValueError(f"expected a whole number from 1, got {text}")
    return number


def _probability(text: str) -> float:
    if _FRACTION.fullmatch(text) is None or float(text) > 1:
        raise ValueError(f"expected a number from 0 to 1, got {text!r}")
    return float(text)


_FRACTION = re.compile(r"[0-9]*\.?[0-9]+", re.ASCII)


def _wait_ms(text: str) -> float:
    return wait_s(text) * 1000


def _pattern(text: str) -> str:
    if not text:
        raise ValueError("expected a text, in which * stands for any text, got ''")
    return text


type _Reader = tuple[str, Callable[[str], object]]

_VALUES: Mapping[FaultKind, _Reader] = {
    FaultKind.ERROR: ("number", _status),
    FaultKind.CUT_AFTER: ("number", whole_number),
    FaultKind.RESET_AFTER: ("number", whole_number),
    FaultKind.STALL_AFTER: ("number", whole_number),
    FaultKind.MALFORMED_AT: ("number", _from_one),
    FaultKind.DUPLICATE_AT: ("number", _from_one),
    FaultKind.SLOW: ("pause_ms", duration_ms),
}

_COMMON: Mapping[str, _Reader] = {
    "first": ("first", _from_one),
    "every": ("every", _from_one),
    "p": ("probability", _probability),
    "seed": ("seed", whole_number),
    "path": ("path", _pattern),
    "model": ("model", _pattern),
    "test": ("test", _pattern),
}

_OF_KIND: Mapping[FaultKind, Mapping[str, _Reader]] = {
    FaultKind.RATE_LIMIT: {"retry_after": ("retry_after_ms", _wait_ms)},
    FaultKind.ERROR: {"retry_after": ("retry_after_ms", _wait_ms)},
    FaultKind.STALL_AFTER: {"for": ("pause_ms", duration_ms)},
}


def _conditions(kind: FaultKind) -> Mapping[str, _Reader]:
    return {**_COMMON, **_OF_KIND.get(kind, {})}
