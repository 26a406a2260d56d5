"""`durations`: a number with a unit, or an error that shows one."""

from __future__ import annotations

import pytest

from openai_replay.trouble.durations import duration_ms, wait_s, written_duration


@pytest.mark.parametrize(
    ("text", "ms"), [("80ms", 80), ("1.5s", 1500), (" 2m ", 120_000), ("0ms", 0), ("0.25ms", 0.25)]
)
def test_a_duration_is_read(text: str, ms: float) -> None:
    assert duration_ms(text) == ms


@pytest.mark.parametrize("text", ["", "80", "ms", "-1s", "1 s", "1h", "1e3s", "nans", "1.s", "٣s"])
def test_another_text_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"^expected a duration such as 80ms, 1\.5s or 2m, got "):
        duration_ms(text)


def test_a_duration_beyond_a_week_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"^expected a duration of at most a week, got '99999m'$"):
        duration_ms("99999m")


@pytest.mark.parametrize(
    ("text", "seconds"), [("2", 2), ("0.001", 0.001), (" 0 ", 0), ("250ms", 0.25), ("1.5s", 1.5), ("2m", 120)]
)
def test_a_wait_is_seconds_or_a_duration(text: str, seconds: float) -> None:
    assert wait_s(text) == seconds


@pytest.mark.parametrize("text", ["", "-1", "1e3", "1.", "²", "٣", "1h", "9" * 19])
def test_another_text_is_no_wait(text: str) -> None:
    with pytest.raises(
        ValueError, match=r"^expected seconds such as 2 or 0\.5, or a duration such as 250ms, got "
    ):
        wait_s(text)


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "0s"),
        (1, "1ms"),
        (120, "120ms"),
        (999, "999ms"),
        (1000, "1s"),
        (8640, "8.64s"),
        (28_143, "28.143s"),
        (60_000, "1m0s"),
        (60_010, "1m0.01s"),
        (392_401, "6m32.401s"),
        (5_400_000, "90m0s"),
    ],
)
def test_a_duration_is_written_as_the_api_writes_it(milliseconds: int, text: str) -> None:
    assert written_duration(milliseconds) == text
