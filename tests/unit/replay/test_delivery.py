"""`delivery`: an answer and its times become one schedule."""

from __future__ import annotations

import pytest

from openai_replay.replay.delivery import Delivery, Ending, Step, at_once, cut, deliver, with_length
from openai_replay.trouble.pacing import parse_pacing, plan
from unit.deliveries import STREAM_HEADERS, a_body, a_stream, chunks


def test_a_stream_is_sent_by_its_times() -> None:
    answer = a_stream(*chunks(2))
    delivery = deliver(answer, plan(parse_pacing("ttft=5ms,gap=1ms"), (), 2, ""))

    one, two = chunks(2)
    assert delivery == Delivery(
        answer.path,
        200,
        STREAM_HEADERS,
        (one, two),
        (5, 6),
        head_at_ms=5,
        end_at_ms=6,
        is_paced=True,
    )
    assert delivery.steps == (Step(5, one), Step(6, two))
    assert delivery.body() == one + two
    assert not delivery.is_instant()


def test_a_whole_body_says_its_length_and_can_go_out_at_once() -> None:
    delivery = at_once(a_body(b"{}"))
    assert delivery.length == 2
    assert delivery.is_instant()


def test_a_recorded_break_stays_a_break() -> None:
    delivery = at_once(a_stream(*chunks(1), is_broken=True))
    assert delivery.ending is Ending.CUT
    assert not delivery.is_instant()


@pytest.mark.parametrize(("kept", "end_ms"), [(0, 5), (1, 5), (2, 6)])
def test_a_cut_comes_right_after_the_last_step(kept: int, end_ms: float) -> None:
    whole = deliver(a_stream(*chunks(3)), plan(parse_pacing("ttft=5ms,gap=1ms"), (), 3, ""))
    broken = cut(whole, whole.steps[:kept], Ending.STALL)

    assert (broken.steps, broken.end_at_ms, broken.ending) == (whole.steps[:kept], end_ms, Ending.STALL)


def test_a_length_tells_a_whole_stream_from_one_that_broke() -> None:
    whole, broken = (at_once(a_stream(*chunks(2), is_broken=is_broken)) for is_broken in (False, True))

    assert with_length(whole).length == whole.size()
    assert with_length(broken).length == broken.size() + 1


def test_a_length_that_is_said_already_stays() -> None:
    body = at_once(a_body(b"{}"))
    assert with_length(body) == body
