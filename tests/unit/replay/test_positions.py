"""`positions`: repeats of a request are counted for each test by itself."""

from __future__ import annotations

from openai_replay.replay.positions import Positions
from unit.exchanges import chat


def test_repeats_go_from_the_first_to_the_last_answer() -> None:
    positions = Positions()
    assert [positions.take(chat("a", test_id="t"), 3) for _ in range(5)] == [0, 1, 2, 2, 2]
    assert positions.take(chat("b", test_id="t"), 3) == 0
    assert positions.take(chat("a", test_id="u"), 3) == 0
    assert positions.take(chat("a", test_id="t"), 1) == 0


def test_a_reset_is_for_one_test_or_for_all() -> None:
    positions = Positions()
    one, other = chat(test_id="t"), chat(test_id="u")
    for request in (one, other):
        positions.take(request, 3)
    positions.reset("t", all_tests=False)
    assert (positions.take(one, 3), positions.take(other, 3)) == (0, 1)
    positions.reset(None, all_tests=True)
    assert (positions.take(one, 3), positions.take(other, 3)) == (0, 0)


def test_sessions_answer_in_order_and_the_last_one_again() -> None:
    positions, names = Positions(), ["1", "2", "3"]
    assert [positions.reserve_session(chat(test_id="t"), names) for _ in range(5)] == [
        "1",
        "2",
        "3",
        "3",
        "3",
    ]
    assert positions.reserve_session(chat(test_id="u"), names) == "1"
    positions.reset("t", all_tests=False)
    assert positions.reserve_session(chat(test_id="t"), names) == "1"


def test_a_session_that_another_one_replaced_is_the_next_one() -> None:
    positions, names = Positions(), ["1", "2", "3"]
    positions.exchange_session(chat(), positions.reserve_session(chat(), names), "3")
    assert positions.sessions_in_turn(chat(), names) == ["1", "2", "3"]
    assert [positions.reserve_session(chat(), names) for _ in range(3)] == ["1", "2", "3"]
