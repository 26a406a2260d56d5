"""The planned times of a session's messages, made up or recorded."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.trouble.pacing import Times, parse_pacing
from openai_replay.trouble.session_times import session_times

# Server, client, server, server, client, server: acceptance, six messages and the end.
OF_CLIENT = (False, True, False, False, True, False)
RECORDED_MS = (10, 12, 100, 150, 170, 400, 420, 500)


@pytest.mark.parametrize(
    ("pacing", "times"),
    [
        ("instant", Times(0, (0,) * 6, 0)),
        ("recorded", Times(10, (12, 100, 150, 170, 400, 420), 500)),
        ("2x", Times(5, (6, 50, 75, 85, 200, 210), 250)),
        ("ttft=80ms,gap=5ms", Times(0, (80, 80, 160, 165, 165, 245), 245)),
    ],
)
def test_the_times_of_a_session(pacing: str, times: Times) -> None:
    assert session_times(parse_pacing(pacing), RECORDED_MS, OF_CLIENT, "") == times


def test_a_session_without_recorded_times_is_not_paced_by_them() -> None:
    assert session_times(parse_pacing("recorded"), (), OF_CLIENT, "").is_instant()


@given(st.lists(st.booleans()), st.text(max_size=3))
def test_made_up_times_rise_and_are_the_same_each_time(of_client: list[bool], draw_key: str) -> None:
    pacing = parse_pacing("ttft=80ms±50%,gap=5ms±100%,seed=3")
    times = session_times(pacing, (), of_client, draw_key)

    assert times == session_times(pacing, (), of_client, draw_key)
    assert all(one <= other for one, other in pairwise((times.head, *times.pieces, times.end)))
    assert len(times.pieces) == len(of_client)
