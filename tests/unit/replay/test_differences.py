"""The places where two values differ."""

from __future__ import annotations

import pytest

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


@pytest.mark.parametrize("path", ["model", "__multipart__[0].sha256", "__bytes__.size"])
def test_a_value_that_somebody_chose_is_not_to_be_ignored(path: str) -> None:
    assert Difference(path, "1", "2", (1, 2)).ignore_rules() == ()
    assert Difference(path, '"a1"', '"a2"', ("a1", "a2")).ignore_rules() == ()


def test_a_token_that_changes_with_each_run_can_be_ignored() -> None:
    one, other = "my token is REDACTED-9df4 ok", "my token is REDACTED-52ad ok"

    assert Difference("messages[0].content", "", "", (one, other)).ignore_rules() == (
        "messages[0].content=REDACTED-[0-9a-f]{4}",
    )
    assert Difference("tools[0].headers.X", "", "", (one[12:25], other[12:25])).ignore_rules() == (
        "tools[0].headers.X",
    )


def test_long_texts_that_differ_throughout_are_other_texts() -> None:
    assert Difference("x", "", "", ("1 b " * 50_000, "2 b " * 50_000)).ignore_rules() == ()


def test_a_long_text_is_searched_around_the_difference() -> None:
    one, other = (f"{'1 ' * 200_000}run {number}{' 2' * 200_000}" for number in (7, 8))

    assert Difference("x", "", "", (one, other)).ignore_rules() == (r"x=\d+",)


KEY = "sk-proj-aB3dEfGh1jKlMnOpQrStUvWxYz0123456789aB3dEfGh1jKlMnOpQrStUvWxYz0123456789"
RECORDED: list[JSON] = [f"my key is {KEY}", f"{'x' * 50}{KEY}", {"deep": [KEY]}, [KEY], {KEY: 1}]


@pytest.mark.parametrize("recorded", RECORDED)
def test_no_part_of_a_secret_is_shown(recorded: JSON) -> None:
    others: list[JSON] = ["my key is nothing", None, {}, []]
    for sent in others:
        for found in differences_between({"a": recorded}, {"a": sent}):
            assert "sk-proj" not in str(found)
            assert "sk-proj" not in str(found.to_json())
