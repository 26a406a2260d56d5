"""`short_text`: a text that fits stays, a longer one is cut; line breaks become spaces."""

from __future__ import annotations

import pytest

from openai_replay.format.short_text import number_of, one_line, shortened


@pytest.mark.parametrize(("text", "expected"), [("", ""), ("abc", "abc"), ("abcd", "abc…"), ("ab cd", "ab…")])
def test_a_text_that_is_too_long_is_cut(text: str, expected: str) -> None:
    assert shortened(text, 3) == expected


def test_white_space_counts_as_one_space() -> None:
    assert one_line("  a\n\n\tb  ", 3) == "a b"
    assert one_line("a\nb\nc", 3) == "a b…"


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 problems"), (1, "1 problem"), (2, "2 problems"), (1200, "1,200 problems")]
)
def test_a_count_agrees_with_its_noun(count: int, text: str) -> None:
    assert number_of(count, "problem") == text
