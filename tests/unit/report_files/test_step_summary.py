"""`step_summary`: Markdown whose code blocks hold any text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from openai_replay.report_files.step_summary import step_summary

from .reports import EMPTY, MISS, report


def test_the_counts_are_a_table_and_each_miss_a_block() -> None:
    text = step_summary(report())
    assert "| 1 | 0 | 2 | 1 | 1 |\n" in text
    assert '    messages[0].content: recorded "<b>Hi", asked "Ho"\n' in text
    assert "test t\nNot recorded: POST /v1/x: the response broke off\n" in text
    assert text.endswith("Unused recordings (1):\n\n```text\nef56.json\n```\n")


def test_a_run_without_requests_is_a_table_alone() -> None:
    assert step_summary(EMPTY).endswith("|---|---|---|---|---|\n| 0 | 0 | 0 | 0 | 0 |\n")


def test_misses_beyond_fifty_are_counted() -> None:
    many = {**EMPTY, "missed": [{**MISS, "request": f"{number:064}"} for number in range(60)]}
    assert "… and 10 more." in step_summary(many)


@given(st.text(alphabet="`a\n"))
def test_no_text_ends_its_block(sent: str) -> None:
    miss = {**MISS, "differences": [{"path": "x", "recorded": "1", "asked": f"z{sent}z"}]}
    lines = step_summary({**EMPTY, "missed": [miss]}).splitlines()
    opening = next(line for line in lines if line.endswith("```text"))
    fence = opening.removesuffix("text")
    assert lines.count(fence) == 1
    assert lines[-1] == fence
