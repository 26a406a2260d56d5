"""`ranges`: sets of numbers as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.format.ranges import numbers_in, range_text, ranges_of
from openai_replay.format.recording import JSON


@pytest.mark.parametrize(
    ("numbers", "text"), [([], ""), ([0], "0"), ([0, 1, 2, 7], "0-2,7"), ([3, 5], "3,5"), ([8, 9], "8-9")]
)
def test_neighbours_are_joined(numbers: list[int], text: str) -> None:
    assert range_text(numbers) == text


@pytest.mark.parametrize(
    "text", [None, 3, [], "", "x", "-", "-3", "3-", "1e3", "9-3", "٣", "1000000", "0-999999999"]
)
def test_what_is_no_range_names_nothing(text: JSON) -> None:
    assert list(numbers_in(text)) == []


def test_spaces_between_ranges_are_allowed_and_what_is_no_range_is_left_out() -> None:
    assert list(numbers_in("0-1, 7 ,x")) == [0, 1, 7]


@given(st.sets(st.integers(0, 300)))
def test_what_is_written_is_read(numbers: set[int]) -> None:
    assert list(numbers_in(range_text(sorted(numbers)))) == sorted(numbers)


def test_equal_values_share_a_range_in_the_order_they_first_came() -> None:
    assert list(ranges_of([(0, "b"), (1, "a"), (2, "b"), (3, "b")])) == [("0,2-3", "b"), ("1", "a")]
