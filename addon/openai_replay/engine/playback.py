"""Play an answer that takes its time, or breaks: each part is sent when it is due, by the event loop's clock."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from typing import Any

from ..replay.delivery import Delivery, Ending, length_header, with_length
from ..service.progress import Progress
from ..service.timeline import Timeline
from . import messages
from .messages import HTTP1_0, HTTP2, Receive, Scope, Send, transport_of
from .sockets import can_reset, has_received_all, reset

# How often it is looked whether a client has acknowledged all bytes.
_ACKNOWLEDGED_INTERVAL_S = 0.005

# A client of HTTP/2 that gets the end of a stream that is too short together with its last bytes forgets these bytes
# (nghttp2 does). So the end comes later by so much.
_READ_BEFORE_BREAK_MS = 100


class Pauses:
    """The waits of one answer, each until its time or until the client leaves: a future for each costs little.

    It does not hold `leaving`, which holds it: the garbage collector does not look into Granian's futures.
    """

    def __init__(self, timeline: Timeline, leaving: asyncio.Future[messages.Message]) -> None:
        self._timeline = timeline
        self._loop = asyncio.get_running_loop()
        self._pause = self._loop.create_future()
        self.has_left = False
        leaving.add_done_callback(self._leave)

    async def until(self, at_s: float) -> None:
        """Wait until a time of the loop's clock, infinity for ever."""
        if self.has_left:
            return
        self._pause = self._loop.create_future()
        if not math.isinf(at_s):
            self._timeline.wake_at(at_s, self._end)
        await self._pause

    def _leave(self, _: object) -> None:
        self.has_left = True
        self._end(None)

    def _end(self, _: object) -> None:
        if not self._pause.done():
            self._pause.set_result(None)


class Streams:
    """Plays answers in one event loop, and takes note of their progress."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._timeline: Timeline | None = None

    async def play(self, delivery: Delivery, scope: Scope, receive: Receive, send: Send) -> None:
        """Send an answer by its schedule, whose delays count from now; end early when the client leaves.

        Args:
            receive: has given the whole request.
        """
        with self._progress.under_way():
            leaving = asyncio.ensure_future(receive())
            try:
                await self._play_to_end(delivery, scope, leaving, send)
            finally:
                leaving.cancel()

    async def _play_to_end(
        self, delivery: Delivery, scope: Scope, leaving: asyncio.Future[messages.Message], send: Send
    ) -> None:
        version: str = scope["http_version"]
        if version == HTTP1_0:  # which has no chunks (RFC 9112, section 6.1)
            delivery = with_length(delivery)
        await self._play(delivery, leaving, send, version)
        # The other streams of an HTTP/2 connection are none of this fault's business.
        client = transport_of(scope)
        if delivery.ending is Ending.RESET and client is not None:
            await end_by_reset(client, leaving)

    async def _play(
        self, delivery: Delivery, leaving: asyncio.Future[messages.Message], send: Send, version: str
    ) -> None:
        if self._timeline is None:
            self._timeline = Timeline()
        timeline, pauses = self._timeline, Pauses(self._timeline, leaving)
        start_s = timeline.now_s()
        for at_ms, message in _plan(delivery, version):
            at_s = start_s + at_ms / 1000
            if at_s > timeline.now_s():
                await pauses.until(at_s)
            if pauses.has_left:
                return
            self._progress.late(timeline.now_s() - at_s)
            await send(message)
        if delivery.ending is Ending.STALL:
            await leaving
        elif delivery.ending is not Ending.WHOLE:
            await pauses.until(start_s + delivery.end_at_ms / 1000)


async def end_by_reset(client: asyncio.Transport, leaving: asyncio.Future[Any]) -> None:
    """End a connection with a TCP reset, once the client has all bytes; only where the system can tell that."""
    if can_reset():
        while not leaving.done() and not has_received_all(client):
            await asyncio.wait((leaving,), timeout=_ACKNOWLEDGED_INTERVAL_S)
        reset(client)


def _plan(delivery: Delivery, version: str) -> Iterator[tuple[float, messages.Message]]:
    """Yield the messages of an answer, each with its time in ms."""
    head_at_ms = delivery.head_at_ms
    yield head_at_ms, _start(delivery, version)
    if not delivery.pieces:
        yield head_at_ms, messages.piece(b"")  # the head is sent with the first piece
    for at_ms, data in zip(delivery.times_ms, delivery.pieces, strict=True):
        yield at_ms, messages.piece(data)
    if delivery.ending is Ending.WHOLE:
        yield delivery.end_at_ms, messages.END
    elif version == HTTP2 and delivery.ending is not Ending.STALL:  # a reset by the length
        last_ms = max((head_at_ms, *delivery.times_ms))
        yield max(delivery.end_at_ms, last_ms + _READ_BEFORE_BREAK_MS), messages.END


def _start(delivery: Delivery, version: str) -> messages.Message:
    if delivery.length is not None:
        length = length_header(delivery.status, delivery.length)
        return messages.start(delivery.status, (*delivery.headers, *length))
    if delivery.ending in (Ending.CUT, Ending.RESET):
        return messages.start_of_broken(delivery.status, delivery.headers, delivery.pieces, version)
    return messages.start(delivery.status, delivery.headers)
