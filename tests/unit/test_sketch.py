"""`sketch`: the liker two bodies are, the liker their sketches."""

from __future__ import annotations

from hypothesis import given

from openai_replay import sketch
from openai_replay.recording import JSON
from unit.exchanges import JSON_VALUES, chat


def likeness(one: JSON, other: JSON) -> float:
    return sketch.likeness(sketch.opened(sketch.of(one)), sketch.opened(sketch.of(other)))


@given(JSON_VALUES)
def test_a_body_is_as_like_itself_as_can_be(body: JSON) -> None:
    assert likeness(body, body) == 1


@given(JSON_VALUES, JSON_VALUES)
def test_likeness_is_between_none_and_all_and_the_same_both_ways(one: JSON, other: JSON) -> None:
    assert 0 <= likeness(one, other) == likeness(other, one) <= 1


def test_a_request_that_differs_in_a_word_is_liker_than_another() -> None:
    asked = chat("What is the weather in Paris today?").body
    assert (
        likeness(asked, chat("What is the weather in Rome today?").body)
        > likeness(asked, chat("Translate this to French.").body)
        > likeness(asked, {"input": "x"})
    )


def test_the_order_of_members_and_the_form_of_numbers_do_not_count() -> None:
    assert likeness({"a": 1.0, "b": [2]}, {"b": [2.0], "a": 1}) == 1


def test_a_huge_body_has_a_small_sketch() -> None:
    assert len(sketch.of([[f"item {number}"] for number in range(10_000)])) <= 1024
