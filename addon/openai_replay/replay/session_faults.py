"""Put a fault into the server's messages of a replayed session. Its chunk is a message of the server, from 1."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from ..trouble.fault_rules import FaultKind, FaultRule
from .socket_session import End, Pause, Send, Step

# The upgrade is refused with these, as the API refuses it; the session does not begin.
REFUSING = frozenset((FaultKind.RATE_LIMIT, FaultKind.ERROR))

_ENDING = frozenset((FaultKind.CUT_AFTER, FaultKind.RESET_AFTER))


def suits(rule: FaultRule, messages: int) -> bool:
    """Tell whether a session has the message that a rule is about; `messages` is how many the server sends."""
    return rule.kind in REFUSING or rule.kind is FaultKind.SLOW or rule.number <= messages


class SessionFault:
    """The fault of one session."""

    def __init__(self, rule: FaultRule) -> None:
        self._rule = rule
        self._sent = 0
        self._has_begun = False

    def put_into(self, steps: Iterable[Step]) -> Iterator[Step]:
        """Yield the session's next steps with the fault in them."""
        if not self._has_begun:
            self._has_begun = True
            yield from self._after_message(0.0)
        for step in steps:
            if isinstance(step, Send):
                yield from self._sending(step)
            else:
                yield step

    def _sending(self, step: Send) -> Iterator[Step]:
        self._sent += 1
        if self._rule.kind is FaultKind.SLOW:
            yield Pause(self._rule.pause_ms or 0.0)
        is_its_message = self._sent == self._rule.number
        if is_its_message and self._rule.kind is FaultKind.MALFORMED_AT:
            yield Send(step.message[: len(step.message) // 2], step.due_ms)
        else:
            yield step
        if is_its_message and self._rule.kind is FaultKind.DUPLICATE_AT:
            yield step
        yield from self._after_message(step.due_ms)

    def _after_message(self, at_ms: float) -> Iterator[Step]:
        """Yield the break or the stall that comes after as many messages as were sent."""
        if self._sent != self._rule.number:
            return
        if self._rule.kind in _ENDING:
            yield End(None, at_ms, is_reset=self._rule.kind is FaultKind.RESET_AFTER)
        elif self._rule.kind is FaultKind.STALL_AFTER:
            yield Pause(math.inf if self._rule.pause_ms is None else self._rule.pause_ms)
