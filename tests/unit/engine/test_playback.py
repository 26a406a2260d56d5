"""`playback`: each part of an answer when it is due, its ending, and clients that leave."""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import replace
from pathlib import Path

import pytest

from openai_replay.engine.messages import END, Message
from openai_replay.engine.playback import Streams
from openai_replay.replay.delivery import Delivery, Ending
from openai_replay.service.progress import Progress

DELIVERY = Delivery(
    path=Path("a.json"),
    status=200,
    headers=(("content-type", "text/event-stream"),),
    pieces=(b"one", b"two"),
    times_ms=(10, 20),
    head_at_ms=5,
    end_at_ms=30,
)


def played(
    delivery: Delivery, *, version: str = "1.1", leaves_after: int | None = None
) -> tuple[list[Message], list[float], Progress]:
    """Return the sent messages and when, in ms; the client leaves after so many messages, or when all is sent."""
    progress = Progress()
    streams = Streams(progress)

    async def play() -> tuple[list[Message], list[float]]:
        loop = asyncio.get_running_loop()
        start_s = loop.time()
        sent: list[Message] = []
        times_ms: list[float] = []
        has_left = asyncio.Event()

        async def receive() -> Message:
            await has_left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            assert progress.totals()[0] == 1
            sent.append(message)
            times_ms.append((loop.time() - start_s) * 1000)
            if len(sent) == leaves_after:
                has_left.set()

        scope = {"http_version": version, "client": ("127.0.0.1", 0)}
        await streams.play(delivery, scope, receive, send)
        return sent, times_ms

    sent, times_ms = asyncio.run(play())
    assert progress.totals()[0] == 0
    return sent, times_ms, progress


def bodies(sent: list[Message]) -> list[bytes]:
    return [message["body"] for message in sent[1:]]


def test_no_part_is_sent_before_its_time() -> None:
    sent, times_ms, _ = played(DELIVERY)
    assert bodies(sent) == [b"one", b"two", b""]
    assert sent[-1] is END
    assert all(at >= due for at, due in zip(times_ms, (5, 10, 20, 30), strict=True))


def test_a_part_that_is_late_is_counted() -> None:
    _, _, progress = played(replace(DELIVERY, head_at_ms=-50, pieces=(), times_ms=(), end_at_ms=-50))
    assert progress.totals()[1] >= 0.04


@pytest.mark.parametrize("ending", [Ending.CUT, Ending.RESET])
def test_a_cut_has_no_end_and_over_http2_a_length_that_it_does_not_reach(ending: Ending) -> None:
    cut = replace(DELIVERY, ending=ending, end_at_ms=20)
    assert END not in played(cut)[0]
    sent, times_ms, _ = played(cut, version="2")
    assert dict(sent[0]["headers"])[b"content-length"] == b"7"
    assert sent[-1] is END
    assert times_ms[-1] >= 120  # so late that a client has read the last piece


def test_a_recorded_break_comes_at_its_time() -> None:
    start_s = time.monotonic()
    played(replace(DELIVERY, ending=Ending.CUT, end_at_ms=60))
    assert time.monotonic() - start_s >= 0.06


def test_a_body_with_a_length_says_it_and_each_one_over_http_1_0() -> None:
    for sent, _, _ in (played(replace(DELIVERY, length=6)), played(DELIVERY, version="1.0")):
        assert dict(sent[0]["headers"])[b"content-length"] == b"6"
        assert sent[-1] is END


@pytest.mark.parametrize("ending", [Ending.CUT, Ending.RESET])
def test_a_cut_over_http_1_0_does_not_reach_its_length(ending: Ending) -> None:
    sent, _, _ = played(replace(DELIVERY, ending=ending, end_at_ms=20), version="1.0")
    assert dict(sent[0]["headers"])[b"content-length"] == b"7"
    assert END not in sent


def test_a_head_without_a_body_is_sent() -> None:
    sent, _, _ = played(replace(DELIVERY, pieces=(), times_ms=(), end_at_ms=5, ending=Ending.CUT))
    assert bodies(sent) == [b""]


@pytest.mark.parametrize("end_at_ms", [20, math.inf])
def test_a_stall_lasts_until_the_client_leaves(end_at_ms: float) -> None:
    sent, _, _ = played(replace(DELIVERY, ending=Ending.STALL, end_at_ms=end_at_ms), leaves_after=3)
    assert bodies(sent) == [b"one", b"two"]


def test_a_client_that_leaves_gets_no_more() -> None:
    sent, _, _ = played(replace(DELIVERY, times_ms=(10, 60_000)), leaves_after=2)
    assert bodies(sent) == [b"one"]
