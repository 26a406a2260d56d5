"""`delays`: times in, one short line out, and the same times back."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.format.delays import decode, encode


@pytest.mark.parametrize(
    ("times_ms", "line"),
    [
        ((212, 212, 225, 237, 249, 261, 273, 273), "212 0 13 12*4 0"),
        ((0.4, 0.8, 1.2, 1.6), "0 1 0 1"),
        ((5, 3), "5 0"),
        ((), ""),
    ],
)
def test_the_line_has_the_delays(times_ms: tuple[float, ...], line: str) -> None:
    assert encode(times_ms) == line


@given(st.lists(st.integers(0, 10**9)).map(lambda delays: tuple(accumulate(delays))))
def test_the_times_come_back(times_ms: tuple[int, ...]) -> None:
    assert decode(encode(times_ms)) == times_ms


@given(st.lists(st.floats(0, 10**6)).map(sorted))
def test_rounding_errors_do_not_add_up(times_ms: list[float]) -> None:
    assert all(abs(read - time) <= 0.5 for read, time in zip(decode(encode(times_ms)), times_ms, strict=True))


@given(st.none() | st.integers() | st.lists(st.integers()) | st.text("0123456789* -.x"))
def test_any_value_can_be_read(value: object) -> None:
    times_ms = decode(value)
    assert list(times_ms) == sorted(times_ms)


@pytest.mark.parametrize("line", ["1 x", "1*", "-1", "1.5", "9*9999999 9*9999999", 5, None])
def test_a_value_that_is_no_such_line_is_no_times(line: object) -> None:
    assert decode(line) == ()
