"""`durations`: a number with a unit, or an error that shows one."""

from __future__ import annotations

import pytest

from openai_replay.trouble.durations import duration_ms


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
