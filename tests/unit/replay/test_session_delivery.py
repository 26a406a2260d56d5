"""How a recorded session is served: its pacing, its fault, or a refusal in its place."""

from __future__ import annotations

import re
from typing import Any

import pytest

from openai_replay.format import delays
from openai_replay.replay.delivery import Delivery
from openai_replay.replay.session_delivery import SessionDelivery, rule_for_session, session_delivery
from openai_replay.store.store import Stored
from openai_replay.trouble.fault_rules import parse_fault
from openai_replay.trouble.pacing import Times, parse_pacing
from openai_replay.trouble.terms import Terms
from unit.sessions import API_REQUEST, Messages, recording

MESSAGES: Messages = [
    ("server", {"type": "session.created", "event_id": "event_1", "session": {"type": "realtime"}}),
    ("client", {"type": "response.create"}),
    ("server", {"type": "response.done", "event_id": "event_2"}),
]
TIMES_MS = (3.0, 10.0, 100.0, 150.0, 151.0)


@pytest.fixture(scope="module")
def untimed(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    return recording(tmp_path_factory.mktemp("untimed"), MESSAGES)


@pytest.fixture(scope="module")
def timed(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    return recording(tmp_path_factory.mktemp("timed"), MESSAGES, times_ms=TIMES_MS)


def served(stored: Stored, pacing: str, rule: str = "") -> Any:
    terms = Terms(parse_pacing(pacing))
    return session_delivery(stored, API_REQUEST, terms, parse_fault(rule) if rule else None, ())


def test_times_are_one_line_and_change_nothing_else(untimed: Stored, timed: Stored) -> None:
    line = '"delays": "3 7 90 50 1"'
    text = timed.path.read_text()

    assert [one.strip() for one in text.splitlines() if "delays" in one] == [line]
    assert re.sub(r',\s+"delays": "[^"]*"', "", text) == untimed.path.read_text()
    assert delays.decode(timed.recording.response.wire["delays"]) == (3, 10, 100, 150, 151)


def test_recorded_times_are_kept_to(timed: Stored) -> None:
    assert served(timed, "recorded") == SessionDelivery(
        timed, Times(3, (10, 100, 150), 151), None, is_paced=True, lacks_times=False
    )


def test_a_session_without_times_says_so(untimed: Stored) -> None:
    delivery = served(untimed, "2x")

    assert (delivery.is_paced, delivery.lacks_times) == (False, True)


@pytest.mark.parametrize(("rule", "status"), [("rate_limit;retry_after=2", 429), ("error=503", 503)])
def test_a_failure_refuses_the_upgrade(untimed: Stored, rule: str, status: int) -> None:
    refusal = served(untimed, "instant", rule)

    assert isinstance(refusal, Delivery)
    assert (refusal.status, refusal.fault, refusal.path) == (
        status,
        rule.split("=")[0].split(";")[0],
        untimed.path,
    )


def test_the_first_rule_that_suits_is_taken(untimed: Stored) -> None:
    rules = [parse_fault(text) for text in ("cut_after=3", "malformed_at=2", "slow=1s")]

    assert rule_for_session(rules, untimed) == rules[1]
    assert rule_for_session(rules[:1], untimed) is None
