"""Faults in a session: each at its message of the server, wherever the client's messages lie between."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from openai_replay.replay.session_faults import SessionFault, suits
from openai_replay.replay.socket_session import End, Pause, Send, Step
from openai_replay.trouble.fault_rules import FaultKind, parse_fault
from openai_replay.wire.socket_notes import Close

ONE, TWO, THREE = Send('{"n":1}', 10), Send('{"n":2}', 20), Send('{"n":3}', 30)
WHOLE: tuple[Step, ...] = (ONE, TWO, THREE, End(Close(1000), 40))


def served(rule: str, *turns: Sequence[Step]) -> list[Step]:
    """Return the steps that a client gets up to an end, from the turns between its own messages."""
    fault = SessionFault(parse_fault(rule))
    found = [step for turn in turns for step in fault.put_into(turn)]
    ends = [number for number, step in enumerate(found) if isinstance(step, End)]
    return found[: ends[0] + 1] if ends else found


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("cut_after=0", [End(None)]),
        ("cut_after=2", [ONE, TWO, End(None, 20)]),
        ("reset_after=2", [ONE, TWO, End(None, 20, is_reset=True)]),
        ("stall_after=0", [Pause(math.inf), *WHOLE]),
        ("stall_after=2", [ONE, TWO, Pause(math.inf), *WHOLE[2:]]),
        ("stall_after=1;for=30s", [ONE, Pause(30_000), *WHOLE[1:]]),
        ("malformed_at=2", [ONE, Send('{"n', 20), *WHOLE[2:]]),
        ("duplicate_at=2", [ONE, TWO, TWO, *WHOLE[2:]]),
        ("slow=50ms", [Pause(50), ONE, Pause(50), TWO, Pause(50), THREE, WHOLE[3]]),
    ],
)
def test_each_fault_is_at_its_message(rule: str, expected: list[Step]) -> None:
    for cut in range(4):
        assert served(rule, (), WHOLE[:cut], WHOLE[cut:]) == expected


def test_every_kind_of_fault_is_known_here() -> None:
    rules = ["rate_limit", *(f"{kind.value}=503" for kind in FaultKind if kind is not FaultKind.RATE_LIMIT)]
    suitable = {rule for rule in rules if suits(parse_fault(rule.replace("slow=503", "slow=503ms")), 3)}

    assert suitable == {"rate_limit", "error=503", "slow=503"}


@pytest.mark.parametrize(("number", "does"), [(3, True), (4, False)])
def test_a_rule_about_a_message_that_a_session_does_not_have_does_not_suit(number: int, does: bool) -> None:
    assert suits(parse_fault(f"cut_after={number}"), 3) is does
