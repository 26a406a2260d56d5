"""`urls`: the same place is the same however it is written."""

from __future__ import annotations

import pytest

from openai_replay.request.identity import Identity, identify
from unit.exchanges import API, NO_RULES


def of(url: str) -> Identity:
    return identify("GET", url, {}, NO_RULES)


def test_query_and_host_have_no_form() -> None:
    one = of("https://api.openai.com/v1/files?limit=2&after=x")
    assert one == of("https://API.OpenAI.com.:443/v1/files?after=x&&limit=2")
    assert one == of("https://api.openai.com/v1/v1/files?after=x&limit=2")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a=1&b=2", "a=2&b=1"),
        ("a=1&a=1", "a=1"),
        ("a=b%26c", "a=b&c"),
    ],
)
def test_parameters_are_not_mixed_up(one: str, other: str) -> None:
    assert of(f"{API}/v1/files?{one}").key != of(f"{API}/v1/files?{other}").key
