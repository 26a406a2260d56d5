"""`raw_exchange`: headers by name, and problems as a line."""

from __future__ import annotations

from openai_replay.record.raw_exchange import NotTaken, header


def test_a_header_is_found_in_any_case_and_the_first_one_counts() -> None:
    headers = (("Content-Type", "a"), ("content-type", "b"))
    assert (header(headers, "content-type"), header(headers, "accept")) == ("a", "")


def test_a_problem_says_where_and_why() -> None:
    assert str(NotTaken("a.yaml, interaction 3", "no host")) == "a.yaml, interaction 3: no host"
