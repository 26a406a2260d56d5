"""`expressions`: a user's expression that holds up the clients is named."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable

import pytest

from openai_replay.format.recording import JSON
from openai_replay.request import expressions
from openai_replay.request.expressions import compiled, may_explode, spans
from openai_replay.request.ignoring import IGNORED, ignore_rules
from openai_replay.request.redaction import redactor


def test_matches_are_where_they_are_and_never_empty() -> None:
    assert spans(re.compile("[0-9]*"), "a12b3", "recording_redact") == [(1, 3), (4, 5)]


@pytest.mark.parametrize("expression", ["(a+)+", "(?:a*b?)*", "(x(y+)z)*", "(?:a|b+){2,}", "((a+)?)+"])
def test_nested_repetitions_are_recognised(expression: str) -> None:
    assert may_explode(expression)


@pytest.mark.parametrize(
    "expression", ["a+b+", "(ab)+", "(a+){3}", "[a-z]+@[a-z]+", "(?:a{2}){1,5}", "(?i)x|y+"]
)
def test_other_expressions_are_not_pointed_out(expression: str) -> None:
    assert not may_explode(expression)


@pytest.mark.parametrize("read", [lambda text: redactor([text]), lambda text: ignore_rules([f"a={text}"])])
def test_an_expression_whose_cost_may_explode_is_named_with_its_option(
    read: Callable[[str], object], caplog: pytest.LogCaptureFixture
) -> None:
    read("(x+)+y")
    read("x+y")

    (record,) = caplog.records
    assert "=(x+)+y has a repetition inside a repetition" in record.getMessage()
    assert record.getMessage().startswith("recording_")


def test_a_slow_rule_of_matching_is_named(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expressions, "_SLOW_S", -1.0)  # every search is slow, on any machine
    (rule,) = ignore_rules(["messages[*].content=run-[0-9]+-of-this-test"])
    body: JSON = {"messages": [{"content": "run-12-of-this-test, run-13-of-this-test"}]}

    assert rule.apply(body) == {"messages": [{"content": f"{IGNORED}, {IGNORED}"}]}
    assert caplog.records[0].getMessage().startswith("recording_ignore=run-[0-9]+-of-this-test took ")


def test_no_regular_expression_is_an_error_of_its_option() -> None:
    with pytest.raises(re.error):
        compiled("(", "recording_redact")


def test_a_slow_expression_is_named_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expressions, "_SLOW_S", -1.0)  # every search is slow, on any machine
    slow = re.compile("[0-9]+[0-9]+x")
    text = "1" * 80
    with caplog.at_level(logging.WARNING):
        spans(slow, text, "recording_redact")
        spans(slow, text, "recording_redact")

    (record,) = caplog.records
    assert record.getMessage().startswith("recording_redact=[0-9]+[0-9]+x took ")
    assert "on a text of 80 characters" in record.getMessage()
