"""`likeness`: the liker two bodies are, the liker their sketches."""

from __future__ import annotations

from hypothesis import given

from openai_replay.format.recording import JSON
from openai_replay.store import likeness
from unit.exchanges import JSON_VALUES, chat


def alike(one: JSON, other: JSON) -> float:
    return likeness.likeness(likeness.opened(likeness.of(one)), likeness.opened(likeness.of(other)))


@given(JSON_VALUES)
def test_a_body_is_as_like_itself_as_can_be(body: JSON) -> None:
    assert alike(body, body) == 1


@given(JSON_VALUES, JSON_VALUES)
def test_likeness_is_between_none_and_all_and_the_same_both_ways(one: JSON, other: JSON) -> None:
    assert 0 <= alike(one, other) == alike(other, one) <= 1


def test_a_request_that_differs_in_a_word_is_liker_than_another() -> None:
    api_request = chat("What is the weather in Paris today?").body
    assert (
        alike(api_request, chat("What is the weather in Rome today?").body)
        > alike(api_request, chat("Translate this to French.").body)
        > alike(api_request, {"input": "x"})
    )


def test_the_order_of_members_and_the_form_of_numbers_do_not_count() -> None:
    assert alike({"a": 1.0, "b": [2]}, {"b": [2.0], "a": 1}) == 1


def test_a_huge_body_has_a_small_sketch() -> None:
    assert len(likeness.of([[f"item {number}"] for number in range(10_000)])) <= 1024
