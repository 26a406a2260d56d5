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
