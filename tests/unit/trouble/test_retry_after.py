"""`retry_after`: a cap shortens waits and never makes one longer."""

from __future__ import annotations

import math

import pytest

from openai_replay.trouble.retry_after import capped, parse_cap


@pytest.mark.parametrize(
    ("text", "cap"),
    [("recorded", math.inf), ("0", 0), ("2", 2), ("0.5", 0.5), ("0.001", 0.001), ("250ms", 0.25)],
)
def test_a_cap_is_read(text: str, cap: float) -> None:
    assert parse_cap(text) == cap


@pytest.mark.parametrize("text", ["", "never", "-1", "1h", "inf", "nan", "9" * 400])
def test_another_text_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"^expected seconds .*; recorded leaves each wait as it is$"):
        parse_cap(text)


@pytest.mark.parametrize(
    ("header", "cap", "value"),
    [
        (("retry-after", "20"), 2, "2"),
        (("retry-after", "1"), 2, "1"),
        (("retry-after", " 1 "), 2, " 1 "),
        (("retry-after", "1.5"), 2, "1.5"),
        (("retry-after", "20"), math.inf, "20"),
        (("retry-after", "20"), 0, "0"),
        (("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT"), 2, "2"),
        (("retry-after", "soon"), 2, "2"),
        (("retry-after", "-3"), 2, "2"),
        (("retry-after", "٣"), 2, "2"),
        (("retry-after-ms", "1500.5"), 0.5, "500"),
        (("retry-after-ms", "1500.5"), 0.0005, "0.5"),
        (("retry-after-ms", "100"), 0.5, "100"),
        (("retry-after-ms", "100"), 0, "0"),
        (("x-ratelimit-reset-requests", "6m0s"), 2, "2s"),
        (("x-ratelimit-reset-tokens", "1h2m3.5s"), 0.5, "500ms"),
        (("x-ratelimit-reset-tokens", "6m0s"), 0.001, "1ms"),
        (("x-ratelimit-reset-tokens", "6m0s"), 1.001, "1.001s"),
        (("x-ratelimit-reset-tokens", "6m0s"), 0.0005, "0s"),
        (("x-ratelimit-reset-tokens", "6m0s"), 90, "1m30s"),
        (("x-ratelimit-reset-tokens", "120ms"), 0.5, "120ms"),
        (("x-ratelimit-reset-tokens", "17"), 2, "2"),
        (("x-ratelimit-reset", "1760000000"), 2, "2"),
        (("x-ratelimit-limit-requests", "500"), 2, "500"),
        (("content-type", "20"), 2, "20"),
    ],
)
def test_a_wait_is_no_longer_than_the_cap(header: tuple[str, str], cap: float, value: str) -> None:
    assert capped([header], cap) == ((header[0], value),)


@pytest.mark.parametrize(
    ("headers", "result"),
    [
        ([("retry-after", "20")], [("retry-after", "1"), ("retry-after-ms", "1500")]),
        ([("retry-after", "1")], [("retry-after", "1")]),
        (
            [("retry-after", "20"), ("retry-after-ms", "20000")],
            [("retry-after", "1"), ("retry-after-ms", "1500")],
        ),
        ([("retry-after", "20"), ("retry-after-ms", "7")], [("retry-after", "1"), ("retry-after-ms", "7")]),
    ],
)
def test_a_fraction_of_a_second_is_said_in_ms(
    headers: list[tuple[str, str]], result: list[tuple[str, str]]
) -> None:
    assert capped(headers, 1.5) == (*result,)
