"""Pacing of a WebSocket's session, such as Realtime: when each message of it is due, client's and server's, in order.

Made-up delays give the times of a session whose client answers at once; recorded delays give the times of the recorded
session. How a live client's own pace shifts them is in `replay/session_schedule.py`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from .pacing import MadeUpDelays, Pacing, Times, plan


def session_times(
    pacing: Pacing, recorded_ms: Sequence[int], of_client: Sequence[bool], draw_key: str
) -> Times:
    """Return the times of a session's messages, in ms after the upgrade.

    Args:
        pacing: how fast. `ttft` is the delay of the server's first message after one of the client, `gap` of each
            further one.
        recorded_ms: the recorded times of acceptance, messages and end; empty without them.
        of_client: for each message, whether the client sent it.
        draw_key: with the seed it decides the drawn delays; the same for upgrades that are the same.
    """
    if pacing.made_up is None:
        return plan(pacing, recorded_ms, len(of_client), draw_key)
    at = tuple(_made_up(pacing.made_up, of_client, draw_key))
    return Times(0.0, at, at[-1] if at else 0.0)


def _made_up(delays: MadeUpDelays, of_client: Sequence[bool], draw_key: str) -> Iterator[float]:
    numbers = random.Random(f"{delays.seed}\n{draw_key}")  # has to be repeatable, not secret
    at_ms, follows_client = 0.0, True
    for is_of_client in of_client:
        if not is_of_client:
            at_ms += (delays.ttft if follows_client else delays.gap).drawn(numbers)
        follows_client = is_of_client
        yield at_ms
