"""Rules of recording_faults that changed no answer, with the rule that hides them."""

from __future__ import annotations

import pytest

from openai_replay.service.fault_use import FaultUse
from openai_replay.trouble.fault_rules import parse_fault


def lines(rules: list[str], *fired: str) -> list[str]:
    use = FaultUse([parse_fault(rule) for rule in rules])
    for rule in fired:
        use.note(rule)
    return use.without_effect()


def test_a_rule_that_never_fired_is_named() -> None:
    rules = ["rate_limit;path=/v1/nope", "error=503"]
    assert lines(rules, "", "error=503") == [
        "recording_faults='rate_limit;path=/v1/nope' changed no answer of this run."
    ]


@pytest.mark.parametrize(
    ("earlier", "is_reason"),
    [
        ("rate_limit", True),
        ("rate_limit;path=/v1/responses", True),
        ("rate_limit;model=gpt-4o", False),
        ("rate_limit;first=2", False),
        ("rate_limit;every=2", False),
        ("rate_limit;p=0.5", False),
    ],
)
def test_a_rule_that_an_earlier_one_hides_names_it(earlier: str, is_reason: bool) -> None:
    (line,) = lines([earlier, "error=503;path=/v1/responses"], earlier)
    assert line.endswith(f" of this run: {earlier} comes first for all its requests.") is is_reason


def test_chance_and_a_run_without_answers_say_nothing() -> None:
    assert lines(["error=503;p=0.1"], "") == []
    assert lines(["error=503"]) == []
