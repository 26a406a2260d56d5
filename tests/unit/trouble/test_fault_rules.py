"""`fault_rules`: rules as text, and the attempts that they fire for."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.trouble.fault_rules import FaultKind, FaultRule, parse_fault, parse_faults_header
from unit.exchanges import chat, get

KINDS = "cut_after, duplicate_at, error, malformed_at, rate_limit, reset_after, slow, stall_after"
NO_WAIT = "retry_after: expected seconds such as 2 or 0.5, or a duration such as 250ms, got"
COMMON = "every, first, model, p, path, seed, test"


# --- reading ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ("rate_limit;retry_after=2", {"kind": FaultKind.RATE_LIMIT, "number": 429, "retry_after_ms": 2000}),
        ("error=503", {"kind": FaultKind.ERROR, "number": 503}),
        ("error=500;retry_after=250ms", {"number": 500, "retry_after_ms": 250}),
        ("error=500;retry_after=0.001", {"number": 500, "retry_after_ms": 1}),
        ("cut_after=0", {"kind": FaultKind.CUT_AFTER, "number": 0}),
        ("reset_after=12", {"kind": FaultKind.RESET_AFTER, "number": 12}),
        ("stall_after=3", {"kind": FaultKind.STALL_AFTER, "number": 3, "pause_ms": None}),
        ("stall_after=3;for=30s", {"pause_ms": 30_000}),
        ("malformed_at=5", {"kind": FaultKind.MALFORMED_AT, "number": 5}),
        ("duplicate_at=5", {"kind": FaultKind.DUPLICATE_AT, "number": 5}),
        ("slow=200ms", {"kind": FaultKind.SLOW, "pause_ms": 200}),
        ("rate_limit ; first=2; every=3 ;", {"first": 2, "every": 3}),
        ("rate_limit;p=0.1;seed=7", {"probability": 0.1, "seed": 7}),
        ("rate_limit;path=/v1/chat/*;model=gpt-4o*;test=a[1]*", {"path": "/v1/chat/*", "test": "a[1]*"}),
    ],
)
def test_a_rule_is_read(text: str, members: dict[str, object]) -> None:
    rule = parse_fault(text)
    assert {name: getattr(rule, name) for name in members} == members
    assert rule.text == text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("rate_limits", f"unknown word 'rate_limits': did you mean rate_limit? Allowed: {KINDS}"),
        ("", f"unknown word '': Allowed: {KINDS}"),
        ("rate_limit=3", "expected rate_limit without a value, got 'rate_limit=3'"),
        ("error=200", "error: expected an HTTP status from 400 to 599, got 200"),
        ("error", "error: expected a whole number, got ''"),
        ("cut_after=-1", "cut_after: expected a whole number, got '-1'"),
        ("malformed_at=0", "malformed_at: expected a whole number from 1, got 0"),
        ("slow=3", "slow: expected a duration such as 80ms, 1.5s or 2m, got '3'"),
        ("cut_after=3;frist=2", f"unknown word 'frist': did you mean first? Allowed: {COMMON}"),
        ("cut_after=3;for=2s", f"unknown word 'for': Allowed: {COMMON}"),
        ("rate_limit;p=1.5", "p: expected a number from 0 to 1, got '1.5'"),
        ("rate_limit;p=nan", "p: expected a number from 0 to 1, got 'nan'"),
        ("rate_limit;path=", "path: expected a text, in which * stands for any text, got ''"),
        ("rate_limit;first=0", "first: expected a whole number from 1, got 0"),
        ("rate_limit;first=-1", "first: expected a whole number, got '-1'"),
        ("rate_limit;first=²", "first: expected a whole number, got '²'"),
        ("rate_limit;first=1;first=3", "first: expected it once"),
        ("rate_limit;every=0", "every: expected a whole number from 1, got 0"),
        ("rate_limit;p=-0.1", "p: expected a number from 0 to 1, got '-0.1'"),
        ("rate_limit;p=٠.١", "p: expected a number from 0 to 1, got '٠.١'"),
        ("rate_limit;seed=x", "seed: expected a whole number, got 'x'"),
        ("rate_limit;retry_after=²", f"{NO_WAIT} '²'"),
        ("rate_limit;retry_after=-1", f"{NO_WAIT} '-1'"),
        ("error=٥٠٣", "error: expected a whole number, got '٥٠٣'"),
        ("error=600", "error: expected an HTTP status from 400 to 599, got 600"),
        ("cut_after=1.5", "cut_after: expected a whole number, got '1.5'"),
        ("cut_after=" + "9" * 19, f"cut_after: expected a whole number, got '{'9' * 19}'"),
        ("stall_after=1;for=banana", "for: expected a duration such as 80ms, 1.5s or 2m, got 'banana'"),
        ("stall_after=1;for=8d", "for: expected a duration such as 80ms, 1.5s or 2m, got '8d'"),
        ("slow=99999999999m", "slow: expected a duration of at most a week, got '99999999999m'"),
        (";first=2", f"unknown word '': Allowed: {KINDS}"),
        ("first=2", f"unknown word 'first': Allowed: {KINDS}"),
        (
            "rate_limit,error=500",
            f"unknown word 'rate_limit,error': did you mean rate_limit? Allowed: {KINDS}",
        ),
    ],
)
def test_another_text_is_an_error_with_what_is_allowed(text: str, problem: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the whole text is compared
        parse_fault(text)
    assert str(caught.value) == problem


def test_a_header_holds_several_rules() -> None:
    assert parse_faults_header("error=500;first=1, rate_limit,") == (
        parse_fault("error=500;first=1"),
        parse_fault("rate_limit"),
    )


@given(st.text(alphabet="=;,.5*p rate_limit"))
def test_no_text_raises_another_error(text: str) -> None:
    try:
        rule = parse_fault(text)
    except ValueError:
        return
    assert isinstance(rule, FaultRule)


# --- firing -------------------------------------------------------------------------------------------------------


def fired(text: str, attempts: int = 6, **request: str) -> list[int]:
    rule = parse_fault(text)
    return [attempt for attempt in range(attempts) if rule.fires(chat(**request), attempt)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "attempts"),
    [
        ("rate_limit", [0, 1, 2, 3, 4, 5]),
        ("rate_limit;first=2", [0, 1]),
        ("rate_limit;every=3", [2, 5]),
        ("rate_limit;every=2;first=2", [1]),
        ("rate_limit;p=0", []),
        ("rate_limit;p=1", [0, 1, 2, 3, 4, 5]),
        ("rate_limit;path=/v1/chat/*", [0, 1, 2, 3, 4, 5]),
        ("rate_limit;path=/v1/responses", []),
        ("rate_limit;model=gpt-4*", [0, 1, 2, 3, 4, 5]),
        ("rate_limit;model=gpt-4", []),
        ("rate_limit;test=a", []),
    ],
)
def test_conditions_choose_attempts(text: str, attempts: list[int]) -> None:
    assert fired(text) == attempts


@pytest.mark.parametrize(("pattern", "fires"), [("gpt-realtime*", True), ("gpt-4*", False)])
def test_the_model_of_a_realtime_session_is_in_its_query(pattern: str, fires: bool) -> None:
    session = get("/v1/realtime?model=gpt-realtime-mini")

    assert parse_fault(f"rate_limit;model={pattern}").fires(session, 0) is fires


def test_a_pattern_takes_brackets_as_they_are() -> None:
    assert fired("rate_limit;test=t.py::test_a[1]*", 1, test_id="t.py::test_a[1]-x") == [0]
    assert fired("rate_limit;test=t.py::test_a[1]*", 1, test_id="t.py::test_a1") == []


def draws(texts: Iterable[str], seed: int, test_id: str | None = None) -> set[tuple[str, int]]:
    rule = parse_fault(f"rate_limit;p=0.1;seed={seed}")
    return {
        (text, attempt)
        for text in texts
        for attempt in (0, 1)
        if rule.fires(chat(text, test_id=test_id), attempt)
    }


def test_a_draw_is_even_and_the_same_in_any_order() -> None:
    texts = [f"request {number}" for number in range(1000)]
    drawn = draws(texts, seed=7)

    assert 140 < len(drawn) < 260  # of 2,000 draws with p=0.1: 200, give or take four and a half deviations
    assert draws(reversed(texts), seed=7) == drawn


def test_seed_test_and_attempt_each_change_a_draw() -> None:
    texts = [f"request {number}" for number in range(200)]
    drawn = draws(texts, seed=7)

    assert draws(texts, seed=8) != drawn
    assert draws(texts, seed=7, test_id="t") != drawn
    assert {text for text, attempt in drawn if attempt} != {text for text, attempt in drawn if not attempt}


@pytest.mark.parametrize(
    ("text", "spends"), [("rate_limit", False), ("stall_after=1;for=1s", False), ("slow=1ms", True)]
)
def test_only_a_fault_that_leaves_the_answer_whole_spends_it(text: str, spends: bool) -> None:
    assert parse_fault(text).spends_the_answer() is spends
