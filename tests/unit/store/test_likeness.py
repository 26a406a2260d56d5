"""`likeness`: the recording that a person would pick is among the nearest, however many there are."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.format.recording import JSON
from openai_replay.store.likeness import Neighbours, distance, likeness, sketch
from unit.exchanges import JSON_VALUES

SHORT_TEXTS = st.text("ab \u00fc\ud800", max_size=12)


def steps(one: str, other: str) -> int:
    """Return the edit distance by its definition."""

    @cache
    def of(left: int, right: int) -> int:
        if not left or not right:
            return left + right
        replaced = of(left - 1, right - 1) + (one[left - 1] != other[right - 1])
        return min(replaced, of(left - 1, right) + 1, of(left, right - 1) + 1)

    return of(len(one), len(other))


@given(SHORT_TEXTS, SHORT_TEXTS)
def test_the_distance_is_the_number_of_letters_to_change(one: str, other: str) -> None:
    assert distance(one, other) == steps(one, other)


def test_long_texts_have_a_distance_too() -> None:
    common = "word " * 10_000
    assert distance(f"{common}one{common}", f"{common}two{common}") == 3
    assert distance("a" * 50_000, "b" * 3) == 50_000


@given(JSON_VALUES)
def test_a_body_has_one_sketch(body: JSON) -> None:
    assert sketch(body).packed == sketch(body).packed


def test_a_huge_body_has_a_small_sketch() -> None:
    huge = sketch([[f"item {number}"] for number in range(10_000)])
    assert len(huge.packed) <= 8 * 1024
    [(_, text)] = sketch("x" * 1_000_000).texts.values()
    assert len(text) < 5000


@given(JSON_VALUES, JSON_VALUES)
def test_likeness_is_between_none_and_all_and_the_same_both_ways(one: JSON, other: JSON) -> None:
    rating = likeness(sketch(one), sketch(other))
    assert 0 <= rating <= 1
    assert likeness(sketch(other), sketch(one)) == pytest.approx(rating)
    assert likeness(sketch(one), sketch(one)) == 1


def test_the_liker_two_bodies_are_the_higher_their_likeness() -> None:
    wanted = sketch(body("Tell me of cats and dogs", seed=1))
    others: list[JSON] = [
        body("Tell me of cats and dogs", seed=2),
        body("Tell me of cats and bats", seed=2),
        body("Something else", seed=2),
        {"model": "other"},
    ]
    ratings = [likeness(wanted, sketch(other)) for other in others]
    assert ratings == sorted(ratings, reverse=True)
    assert len(set(ratings)) == 4


# --- the nearest --------------------------------------------------------------------------------------------------


def neighbours(
    bodies: Iterable[JSON], test_ids: Callable[[int], str | None] = lambda number: None
) -> Neighbours:
    sketches = [sketch(body) for body in bodies]
    texts = {leaf: text for one in sketches for leaf, text in one.texts.items()}
    return Neighbours(
        ((str(number), test_ids(number), one.packed) for number, one in enumerate(sketches)),
        ((leaf, place, text) for leaf, (place, text) in texts.items()),
    )


WORDS = (
    "alpha",
    "beta",
    "gamma",
    "delta",
    "epsilon",
    "zeta",
    "eta",
    "theta",
    "iota",
    "kappa",
    "lambda",
    "mu",
)


def prompt(number: int) -> str:
    """Return a prompt of the one shape of them all."""
    chosen = random.Random(number)
    return f"Write {chosen.randint(2, 9)} lines on {' '.join(chosen.choices(WORDS, k=6))} for customer c{number:05}."


def body(text: str, **members: JSON) -> JSON:
    messages: list[JSON] = [
        {"role": "system", "content": "Answer in one sentence. " * 20},
        {"role": "user", "content": text},
    ]
    return {"model": "gpt-4o", "messages": messages, **members}


@pytest.fixture(scope="module")
def ten_thousand() -> Neighbours:
    return neighbours(body(prompt(number)) for number in range(10_000))


def changed_word(text: str, chosen: random.Random) -> str:
    words = text.split(" ")
    place = chosen.randrange(len(words) - 1)
    words[place] = chosen.choice(["another", "Wrte", words[place] + "s", words[place][1:]])
    return " ".join(words)


def test_one_changed_word_leads_to_the_recording_of_that_prompt_among_ten_thousand(
    ten_thousand: Neighbours,
) -> None:
    chosen = random.Random(1)
    for number in chosen.sample(range(10_000), 50):
        wanted = sketch(body(changed_word(prompt(number), chosen)))
        assert ten_thousand.nearest(wanted, None, 1) == [str(number)]


def test_where_the_one_word_that_differs_is_unknown_the_most_alike_one_is_nearest(
    ten_thousand: Neighbours,
) -> None:
    for number in range(0, 10_000, 397):
        wanted = sketch(body(prompt(number).replace(f"c{number:05}", f"c{number:05}x")))
        assert ten_thousand.nearest(wanted, None, 1) == [str(number)]


@pytest.mark.parametrize("number", [3, 4711, 9999])
def test_another_member_leads_to_the_recording_of_the_same_prompt(
    ten_thousand: Neighbours, number: int
) -> None:
    for other in (
        body(prompt(number), seed=1),
        body(prompt(number), model="x"),
        body(prompt(number), tools=[]),
    ):
        assert ten_thousand.nearest(sketch(other), None, 1) == [str(number)]


def test_the_same_test_comes_first() -> None:
    texts = ["one two three", "one two four", "something else"]
    found = neighbours(map(body, texts), lambda number: "ab"[number // 2])
    assert found.nearest(sketch(body("one two three")), "b", 8) == ["2"]
    assert found.nearest(sketch(body("one two five")), "c", 3)[:2] == ["1", "0"]


@given(st.lists(JSON_VALUES, max_size=6), JSON_VALUES)
def test_something_is_near_whatever_it_is(bodies: list[JSON], wanted: JSON) -> None:
    found = neighbours(bodies).nearest(sketch(wanted), None, 8)
    assert len(found) == len(set(found)) == len(bodies)
