"""`headers`: a kept header is written only where it does not go without saying, and comes back the same."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from openai_replay.wire.headers import KEPT, implied, said, sent

VALUES = st.text("abc", min_size=1)
HEADERS = st.dictionaries(st.sampled_from([*KEPT, "content-type"]), VALUES)


def test_the_version_goes_without_saying_at_the_api_alone() -> None:
    assert implied("https://api.openai.com/v1/models") == {"openai-version": "2020-10-01"}
    assert implied("https://openrouter.ai/api/v1/models") == {}


def test_a_header_that_goes_without_saying_is_not_written() -> None:
    assert said({"openai-version": "2020-10-01", "retry-after": "1"}, {"openai-version": "2020-10-01"}) == {
        "retry-after": "1"
    }


def test_a_missing_header_that_goes_without_saying_is_written_as_empty() -> None:
    assert said({}, {"openai-version": "2020-10-01"}) == {"openai-version": ""}


def test_white_space_around_a_value_is_no_part_of_it() -> None:
    recorded = {"Retry-After": " \t1 \t", "x-request-id": "a  b", "etag": "  "}
    assert sent(recorded, {}) == {"retry-after": "1", "x-request-id": "a  b"}


@given(HEADERS, HEADERS)
def test_the_headers_of_an_answer_come_back(kept: dict[str, str], usual: dict[str, str]) -> None:
    assert sent(said(kept, usual), usual) == kept
