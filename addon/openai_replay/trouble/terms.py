"""The pacing, the faults and the longest wait that apply to a request: those of the options, or of its own headers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from .fault_rules import FaultRule, parse_faults_header
from .pacing import INSTANT, Pacing, parse_pacing

# Request headers, in lower case. They never go upstream.
PACING_HEADER = "x-replay-pacing"
FAULT_HEADER = "x-replay-fault"


@dataclass(frozen=True, slots=True)
class Terms:
    """How requests are answered. `most_wait_s` is a cap for `retry-after`, in seconds."""

    pacing: Pacing = INSTANT
    faults: tuple[FaultRule, ...] = ()
    most_wait_s: float = math.inf

    def are_plain(self) -> bool:
        """Tell whether recorded answers go out as they are and at once."""
        return not self.faults and self.pacing.is_instant() and math.isinf(self.most_wait_s)

    def of_request(self, pacing: str | None, fault: str | None) -> Terms:
        """Return the terms of a request with the values of its headers, None for one that it does not have.

        A header takes the place of its option; an empty `X-Replay-Fault` turns faults off.

        Raises:
            ValueError: which header makes no sense, and the words that are allowed.
        """
        terms = self
        if pacing is not None:
            terms = replace(terms, pacing=_read("X-Replay-Pacing", parse_pacing, pacing))
        if fault is not None:
            terms = replace(terms, faults=_read("X-Replay-Fault", parse_faults_header, fault))
        return terms


def _read[T](header: str, parse: Callable[[str], T], value: str) -> T:
    try:
        return parse(value)
    except ValueError as exc:
        raise ValueError(f"{header}={value!r}: {exc}") from exc
