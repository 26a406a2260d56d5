"""`timeline`: every wait is over at its time, in the order of times."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.service.timeline import Timeline

type NewLoop = Callable[[], asyncio.AbstractEventLoop]

# Those of the proxy and of the engine.
LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop]


def woken(delays_ms: list[float], new_loop: NewLoop) -> list[tuple[float, float]]:
    """Return (planned, actual) times in s of waits that begin at once."""

    async def run() -> list[tuple[float, float]]:
        timeline = Timeline()
        start_s = timeline.now_s()
        seen: list[tuple[float, float]] = []
        is_over = asyncio.Event()

        def wake(at_s: float) -> None:
            seen.append((at_s, timeline.now_s()))
            if len(seen) == len(delays_ms):
                is_over.set()

        for delay_ms in delays_ms:
            timeline.wake_at(start_s + delay_ms / 1000, wake)
        await is_over.wait()
        return seen

    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(run())


@pytest.mark.parametrize("new_loop", LOOPS)
@given(delays_ms=st.lists(st.sampled_from([0, 0.2, 0.4, 1, 2, 20]), min_size=1, max_size=20))
def test_no_wait_is_over_before_its_time(delays_ms: list[float], new_loop: NewLoop) -> None:
    seen = woken(delays_ms, new_loop)
    assert [planned for planned, _ in seen] == sorted(planned for planned, _ in seen)
    assert all(actual >= planned for planned, actual in seen)


@pytest.mark.parametrize("new_loop", LOOPS)
def test_a_wait_may_begin_in_a_wait(new_loop: NewLoop) -> None:
    async def run() -> list[str]:
        timeline = Timeline()
        seen: list[str] = []
        is_over = asyncio.Event()

        def first(at_s: float) -> None:
            seen.append("first")
            timeline.wake_at(at_s, second)
            timeline.wake_at(at_s + 0.002, third)

        def second(at_s: float) -> None:
            seen.append("second")

        def third(at_s: float) -> None:
            seen.append("third")
            is_over.set()

        timeline.wake_at(timeline.now_s() + 0.001, first)
        await is_over.wait()
        return seen

    with asyncio.Runner(loop_factory=new_loop) as runner:
        assert runner.run(run()) == ["first", "second", "third"]
