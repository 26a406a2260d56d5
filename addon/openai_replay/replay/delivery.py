"""An answer as a schedule: which bytes are sent when, and how it ends.

Every sender of answers (the proxy's own origin, the engine) follows this schedule, and needs no other rules.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path

from ..trouble.pacing import INSTANT, Times, plan
from ..wire.socket_notes import NO_SOCKET, SocketNotes
from .answer import Answer, chunks_of


class Ending(enum.Enum):
    """How a delivery ends."""

    WHOLE = "whole"  # as HTTP ends a complete message
    CUT = "cut"  # the connection is closed (HTTP/2: the stream is reset) before the message is complete
    RESET = "reset"  # the same, by a TCP reset where the transport has one
    STALL = "stall"  # nothing more is sent, and the connection stays open until the client leaves


@dataclass(frozen=True, slots=True)
class Step:
    """Bytes that are sent at once, so many ms after the request."""

    at_ms: float
    data: bytes


@dataclass(frozen=True, slots=True)
class Delivery:
    """A response and when each part of it is sent, in ms after its request.

    Each of the `pieces` of the body has its time in `times_ms`: two tuples, which the collector of garbage need not
    look into, because thousands of deliveries may be under way.
    `length` is the value for `content-length`; None for a stream, which says no length. `path` is the recording,
    `fault` the kind of the injected fault and `rule` the text of its rule, both "" without one; `is_paced`: the answer
    takes its time for its pacing; `lacks_times`: it should, and its recording has no times. `passed_over` is the text
    of a rule about a chunk that the answer does not have. `socket` is for a stream that is sent over a WebSocket.
    `label` names the request for a person.
    """

    path: Path
    status: int
    headers: tuple[tuple[str, str], ...]
    pieces: tuple[bytes, ...]
    times_ms: tuple[float, ...]
    head_at_ms: float = 0.0
    end_at_ms: float = 0.0
    ending: Ending = Ending.WHOLE
    length: int | None = None
    fault: str = ""
    rule: str = ""
    is_paced: bool = False
    lacks_times: bool = False
    passed_over: str = ""
    socket: SocketNotes = NO_SOCKET
    label: str = ""

    @property
    def steps(self) -> tuple[Step, ...]:
        """The pieces, each with its time."""
        return tuple(map(Step, self.times_ms, self.pieces))

    def chunks(self) -> int | None:
        """Return how many chunks a stream has, None for another body."""
        return chunks_of(self.pieces) if self.length is None else None

    def is_instant(self) -> bool:
        """Tell whether it is one complete message that goes out at once, so that any server can send it."""
        return self.ending is Ending.WHOLE and self.end_at_ms <= 0

    def size(self) -> int:
        """Return how many bytes the body has."""
        return sum(map(len, self.pieces))

    def body(self) -> bytes:
        """Return all bytes of the body."""
        return b"".join(self.pieces)


def status_line(status: int) -> str:
    """Return the first line of a response in HTTP/1.1 (RFC 9112, section 4), with the reason of a registered status."""
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase if status in HTTPStatus else ''}"


def length_header(status: int, size: int, *, is_head: bool = False) -> tuple[tuple[str, str], ...]:
    """Return the header with the length of a body, if the response may have it (RFC 9110, section 8.6).

    The status 204 has none. In the answer to a HEAD it would be the length that a GET gets, which is not known.
    """
    return () if is_head or status == HTTPStatus.NO_CONTENT else (("content-length", str(size)),)


def at_once(answer: Answer) -> Delivery:
    """Return the schedule of an answer that is not paced."""
    return deliver(answer, plan(INSTANT, (), len(answer.pieces), ""))


def deliver(answer: Answer, times: Times) -> Delivery:
    """Return the schedule of an answer without faults; a recorded break stays a break."""
    return Delivery(
        path=answer.path,
        status=answer.status,
        headers=answer.headers,
        pieces=answer.pieces,
        times_ms=times.pieces,
        head_at_ms=times.head,
        end_at_ms=times.end,
        ending=Ending.CUT if answer.is_broken else Ending.WHOLE,
        length=None if answer.is_stream else answer.size(),
        is_paced=not times.is_instant(),
        socket=answer.socket,
        label=answer.label,
    )


def with_steps(delivery: Delivery, steps: Sequence[Step]) -> Delivery:
    """Return a delivery with other steps."""
    pieces, times_ms = tuple(step.data for step in steps), tuple(step.at_ms for step in steps)
    return replace(delivery, pieces=pieces, times_ms=times_ms)


def cut(delivery: Delivery, steps: Sequence[Step], ending: Ending) -> Delivery:
    """Return a delivery that ends after some first steps."""
    last = steps[-1].at_ms if steps else delivery.head_at_ms
    return replace(with_steps(delivery, steps), end_at_ms=last, ending=ending)


def with_length(delivery: Delivery) -> Delivery:
    """Return a delivery that says a length; one that breaks off says more than it sends, so that the break shows."""
    if delivery.length is not None:
        return delivery
    is_whole = delivery.ending is Ending.WHOLE
    return replace(delivery, length=delivery.size() + (0 if is_whole else 1))
