"""Wake many waiting answers at their times with one timer of the event loop.

A timer of asyncio for each chunk of each stream costs more than sending the chunk. Here a wait is a tuple in a heap,
and all waits of the same millisecond, which is the event loop's own resolution, are over at once.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

_TICK_S = 0.001

type Wake = Callable[[float], None]


class Timeline:
    """Waits on the clock of one event loop, in the loop's thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waits: list[tuple[float, int, Wake]] = []
        self._order = count()
        self._timer: asyncio.Handle | None = None
        self._timer_at_s = math.inf

    def now_s(self) -> float:
        """Return the time of the clock."""
        return self._loop.time()

    def wake_at(self, at_s: float, wake: Wake) -> None:
        """Call `wake(at_s)` at a time, or up to a millisecond later."""
        heappush(self._waits, (at_s, next(self._order), wake))
        if self._waits[0][0] == at_s:
            self._set_timer()

    def _set_timer(self) -> None:
        tick_s = math.ceil(self._waits[0][0] / _TICK_S) * _TICK_S
        if self._timer is not None:
            if self._timer_at_s <= tick_s:
                return
            self._timer.cancel()
        self._timer, self._timer_at_s = self._loop.call_at(tick_s, self._wake_all_due), tick_s

    def _wake_all_due(self) -> None:
        self._timer = None
        now_s = self._loop.time()
        waits = self._waits
        while waits and waits[0][0] <= now_s:
            at_s, _, wake = heappop(waits)
            wake(at_s)
        if waits:
            self._set_timer()
