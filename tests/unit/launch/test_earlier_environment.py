"""The variables that `openai-replay env` replaces are remembered and restored."""

import pytest

from openai_replay.launch.earlier_environment import EARLIER, before, remembering, restoring
from openai_replay.launch.environment import Changes, applied

MINE = {"HTTPS_PROXY": "http://company:3128", "PATH": "/bin", "OLD": "1"}
CHANGES: Changes = {"HTTPS_PROXY": "http://127.0.0.1:8080", "NEW": "2", "OLD": None}


def test_earlier_values_come_back_and_new_variables_go() -> None:
    evaluated = applied(remembering(CHANGES, MINE), MINE)
    assert evaluated["NEW"] == "2"
    assert before(evaluated) == MINE
    assert restoring(evaluated) == {
        "HTTPS_PROXY": "http://company:3128",
        "NEW": None,
        "OLD": "1",
        EARLIER: None,
    }


def test_evaluated_twice_is_as_once() -> None:
    once = applied(remembering(CHANGES, MINE), MINE)
    assert applied(remembering(CHANGES, before(once)), once) == once


@pytest.mark.parametrize("value", ["", "{", "[]", "null", '{"A": 1}'])
def test_a_memory_that_other_hands_have_changed_is_none(value: str) -> None:
    assert restoring({**MINE, EARLIER: value}) == {}
    assert restoring(MINE) == {}
