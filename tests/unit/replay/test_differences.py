"""The places where two values differ."""

from __future__ import annotations

from openai_replay.format.recording import JSON
from openai_replay.replay.differences import Difference, differences_between


def test_each_place_is_named_by_its_path() -> None:
    recorded: JSON = {"a": 1, "b": [1, 2], "c": {"d": "x"}}
    sent: JSON = {"a": 1, "b": [1], "c": {"d": "y"}, "e": None}

    assert list(differences_between(recorded, sent)) == [
        Difference("b[1]", "2", None),
        Difference("c.d", '"x"', '"y"'),
        Difference("e", None, "null"),
    ]


def test_long_texts_are_cut_around_the_difference() -> None:
    (found,) = differences_between({"a": "x" * 500 + "1" + "y" * 500}, {"a": "x" * 500 + "2" + "y" * 500})

    assert found.recorded is not None
    assert len(found.recorded) < 80
    assert "1" in found.recorded


def test_equal_values_differ_nowhere() -> None:
    assert list(differences_between({"a": [1, {"b": None}]}, {"a": [1, {"b": None}]})) == []
