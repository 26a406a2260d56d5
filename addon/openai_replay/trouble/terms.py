"""Choose the pacing, the faults and the longest wait of a request: from its headers, else from the options."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from ..errors import BadHeader
from .fault_rules import FaultRule, parse_faults_header
from .pacing import INSTANT, Pacing, parse_pacing

# Request headers, in lower case. They never go upstream.
PACING_HEADER = "x-replay-pacing"
FAULT_HEADER = "x-replay-fault"

# Begins each of them; another header that begins so is a misspelling.
PREFIX = "x-replay-"


_HEADERS = {PACING_HEADER: "X-Replay-Pacing", FAULT_HEADER: "X-Replay-Fault"}


@dataclass(frozen=True, slots=True)
class OwnHeaders:
    """The values of a request's headers for this proxy, None for a header that it does not have.

    Attributes:
        unknown: other names, in lower case, that begin like them.
    """

    pacing: str | None = None
    fault: str | None = None
    unknown: tuple[str, ...] = ()


NO_OWN_HEADERS = OwnHeaders()


@dataclass(frozen=True, slots=True)
class Terms:
    """How requests are answered. `most_wait_s` is a cap for `retry-after`, in seconds."""

    pacing: Pacing = INSTANT
    faults: tuple[FaultRule, ...] = ()
    most_wait_s: float = math.inf

    def are_plain(self) -> bool:
        """Tell whether recorded answers go out as they are and at once."""
        return not self.faults and self.are_plain_without_faults()

    def are_plain_without_faults(self) -> bool:
        """Tell whether only faults change recorded answers."""
        return self.pacing.is_instant() and math.isinf(self.most_wait_s)

    def summary(self) -> str:
        """Return the options that are not at their defaults, in words for the log."""
        parts = [f"recording_pacing={self.pacing.text}"] if not self.pacing.is_instant() else []
        parts += [f"recording_faults={rule.text}" for rule in self.faults]
        parts += [f"recording_retry_after={self.most_wait_s:g}"] if not math.isinf(self.most_wait_s) else []
        return ", ".join(parts)

    def of_request(self, headers: OwnHeaders) -> Terms:
        """Return the terms of a request: a header takes the place of its option.

        An empty `X-Replay-Fault` turns faults off.

        Raises:
            BadHeader: which header makes no sense, and the words that are allowed.
        """
        terms = self
        if headers.unknown:
            raise BadHeader(f"unknown header {headers.unknown[0]}: {_hint(headers.unknown[0])}")
        if headers.pacing is not None:
            terms = replace(terms, pacing=_read("X-Replay-Pacing", parse_pacing, headers.pacing))
        if headers.fault is not None:
            terms = replace(terms, faults=_read("X-Replay-Fault", parse_faults_header, headers.fault))
        return terms


def unknown_headers(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names, in lower case, that begin like a header for this proxy and are none, in order."""
    return tuple(sorted(name for name in names if name.startswith(PREFIX) and name not in _HEADERS))


def _hint(name: str) -> str:
    near = difflib.get_close_matches(name, _HEADERS, 1)
    return f"did you mean {_HEADERS[near[0]]}?" if near else f"expected {' or '.join(_HEADERS.values())}"


def _read[T](header: str, parse: Callable[[str], T], value: str) -> T:
    try:
        return parse(value)
    except ValueError as exc:
        raise BadHeader(f"{header}={value!r}: {exc}") from exc
