"""An HTTP/1.1 server on a free port of 127.0.0.1 that sends answers piece by piece: paced, broken, stalled or reset.

mitmproxy sends an answer set by an addon whole and at once. So a request that gets its answer in another way is
redirected here, and mitmproxy relays this server's bytes, pauses and breaks to its client as it would relay an API's.

One clock, the event loop's, drives all answers: each piece has an absolute time, so that delays do not add up, and an
answer that waits costs a timer and no task.
"""

from __future__ import annotations

import asyncio
import math
import os
import socket
import struct
from dataclasses import dataclass

from ..replay.delivery import Delivery, Ending, length_header, status_line
from ..service.progress import Progress
from ..service.timeline import Timeline
from .loopback_origin import HOST, LoopbackOrigin
from .shortcuts.direct_writing import ChunkWriter

_HEAD_END = b"\r\n\r\n"

# A request head from mitmproxy is a few KB, and its own limit for one line is 64 KiB.
_LONGEST_HEAD_BYTES = 1024 * 1024

# Clients that begin at once are not to wait for each other.
_BACKLOG = 4096

# SO_LINGER with 0 seconds: closing sends a TCP reset (socket(7)). Windows has shorter integers here.
_RESET_ON_CLOSE = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Due:
    """A prepared answer, and the time of the event loop's clock from which its delays count.

    `shortcut` takes chunks of a stream to the client without the relay, as far as it can.
    """

    delivery: Delivery
    start_s: float
    shortcut: ChunkWriter | None = None


class OwnOrigin(LoopbackOrigin[Due]):
    """Serves each prepared answer once."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._timeline: Timeline | None = None
        self._progress = progress

    async def prepare(self, delivery: Delivery, shortcut: ChunkWriter | None = None) -> str:
        """Return the path under which an answer can be fetched once. The delays of the answer count from now."""
        return await self.add(Due(delivery, self._clock().now_s(), shortcut))

    def _clock(self) -> Timeline:
        if self._timeline is None:
            self._timeline = Timeline()
        return self._timeline

    async def _listen(self) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        return await loop.create_server(
            lambda: _Connection(self._prepared, self._clock(), self._progress), HOST, 0, backlog=_BACKLOG
        )


class _Connection(asyncio.Protocol):
    """One connection of mitmproxy's, which may fetch several answers one after the other."""

    def __init__(self, due: dict[str, Due], timeline: Timeline, progress: Progress) -> None:
        self._due = due
        self._timeline = timeline
        self._progress = progress
        self._received = b""
        self._playback: Playback | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, rest = self._received.partition(_HEAD_END)
        if end:
            self._received = rest
            self._answer(head)
        elif len(self._received) > _LONGEST_HEAD_BYTES:
            self._close()

    def _answer(self, head: bytes) -> None:
        path = head.partition(b" ")[2].partition(b" ")[0]
        due = self._due.pop(path.decode("latin-1"), None)
        if due is None or self._transport is None:
            self._close()
        else:
            self._playback = Playback(due, self._transport, self._timeline, self._progress)
            self._playback.go_on()

    def pause_writing(self) -> None:
        if self._playback is not None:
            self._playback.pause()

    def resume_writing(self) -> None:
        if self._playback is not None:
            self._playback.resume()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._playback is not None:
            self._playback.abandon()

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class Playback:
    """Sends one answer over a transport, each part when its time has come. Part 0 is the head, then come the pieces."""

    def __init__(
        self, due: Due, transport: asyncio.Transport, timeline: Timeline, progress: Progress
    ) -> None:
        self._delivery = due.delivery
        self._pieces = due.delivery.pieces
        self._start_s = due.start_s
        self._transport = transport
        self._timeline = timeline
        self._is_chunked = due.delivery.length is None
        self._shortcut = due.shortcut if self._is_chunked else None
        self._relayed_bytes = 0
        self._next = 0
        self._waits_until_s: float | None = None
        self._is_paused = False
        self._progress = progress
        progress.began()
        self._is_open = True

    def go_on(self) -> None:
        """Send all parts that are due, and wait for the next one."""
        now_s = self._timeline.now_s()
        first = self._next
        while (at_s := self._time_of(self._next)) <= now_s and self._next <= len(self._pieces):
            self._next += 1
        if first < self._next:
            self._progress.late(now_s - self._time_of(self._next - 1))
            self._send(first, self._next)
        if self._is_paused or self._transport.is_closing():
            return
        if at_s > now_s:
            self._wait(at_s)
        else:
            self._end()

    def _time_of(self, number: int) -> float:
        """Return the time of a part, and of the end after the last one."""
        delivery = self._delivery
        if number == 0:
            return self._start_s + delivery.head_at_ms / 1000
        if number <= len(self._pieces):
            return self._start_s + delivery.times_ms[number - 1] / 1000
        return self._start_s + delivery.end_at_ms / 1000

    def _wait(self, at_s: float) -> None:
        self._waits_until_s = at_s
        if not math.isinf(at_s):  # else it stalls before its head
            self._timeline.wake_at(at_s, self._wake)

    def _wake(self, at_s: float) -> None:
        if at_s == self._waits_until_s:  # else it was paused, or stopped, in the meantime
            self.go_on()

    def _send(self, first: int, end: int) -> None:
        """Send parts, past the relay if that is possible."""
        data = b"".join([self._part(number) for number in range(first, end)])
        if self._shortcut is None or not self._shortcut.write(data, self._relayed_bytes):
            self._relayed_bytes += sum(map(len, self._pieces[max(0, first - 1) : end - 1]))
            self._transport.write(data)

    def pause(self) -> None:
        """Hold back: the client reads more slowly than the answer comes."""
        self._is_paused = True
        self.stop()

    def resume(self) -> None:
        """Send again."""
        self._is_paused = False
        self.go_on()

    def stop(self) -> None:
        """Forget the next part."""
        self._waits_until_s = None

    def abandon(self) -> None:
        """End before the end: the connection is closed."""
        self.stop()
        self._leave_progress()

    def _leave_progress(self) -> None:
        if self._is_open:
            self._is_open = False
            self._progress.ended()

    def _part(self, number: int) -> bytes:
        if number == 0:
            return head_of(self._delivery)
        data = self._pieces[number - 1]
        if self._is_chunked and data:  # an empty chunk would say that the answer is whole
            return b"%x\r\n%s\r\n" % (len(data), data)
        return data

    def _end(self) -> None:
        if self._delivery.ending is not Ending.STALL:
            self._leave_progress()
        match self._delivery.ending:
            case Ending.WHOLE if self._is_chunked:
                self._transport.write(b"0\r\n\r\n")
            case Ending.CUT | Ending.RESET:
                # A reset here would take bytes along that mitmproxy has yet to relay: the client alone gets one.
                self._transport.close()
            case _:  # a body with its length is whole; a stall has no end
                pass


def reset_on_close(connection: socket.socket) -> None:
    """Let a connection end with a TCP reset when it is closed."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)


def head_of(delivery: Delivery) -> bytes:
    """Return status line and headers of an answer (RFC 9112)."""
    framing = (
        (("transfer-encoding", "chunked"),)
        if delivery.length is None
        else length_header(delivery.status, delivery.length)
    )
    lines = [f"{name}: {value}" for name, value in (*delivery.headers, *framing)]
    return "\r\n".join([status_line(delivery.status), *lines, "", ""]).encode("utf-8", "surrogateescape")
