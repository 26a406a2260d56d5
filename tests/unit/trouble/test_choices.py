"""`choices`: an unknown word is answered with the nearest one and all that are allowed."""

from __future__ import annotations

from openai_replay.trouble.choices import unknown_word


def test_a_misspelt_word_gets_the_nearest_one() -> None:
    assert unknown_word("ttf", ("ttft", "gap")) == "unknown word 'ttf': did you mean ttft? Allowed: gap, ttft"


def test_a_word_like_no_other_gets_all_of_them() -> None:
    assert unknown_word("zzz", ("ttft", "gap")) == "unknown word 'zzz': Allowed: gap, ttft"
