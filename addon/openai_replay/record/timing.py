"""Times of a response's parts, for pacing: recorded in one short line, `response.wire.delays`, see `format/delays.py`.

They are measured where the bytes arrive, not where they are written, and leave the comparison of recordings alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from ..format import delays
from ..wire import sse
from .exchange import End, Exchange, Recorded


def with_delays(recorded: Recorded, exchange: Exchange) -> Recorded:
    """Return a recording with the delays of its exchange, as it is where none were measured."""
    timing = exchange.timing
    if timing is None:
        return recorded
    is_streaming = recorded.recording.response.is_streaming
    parts = _event_times(timing.pieces, exchange.end) if is_streaming else ()
    return with_times(recorded, (timing.head_ms, *parts, timing.end_ms))


def with_times(recorded: Recorded, times_ms: Sequence[float] | None) -> Recorded:
    """Return a recording with the times of its head, its parts and its end, as it is where none were measured."""
    if times_ms is None:
        return recorded
    response = recorded.recording.response
    timed = replace(response, wire={**response.wire, delays.NAME: delays.encode(times_ms)})
    return replace(recorded, recording=replace(recorded.recording, response=timed))


def _event_times(pieces: Iterable[tuple[float, bytes]], end: End) -> Iterator[float]:
    """Yield when each event of a stream was complete; comments between events count as events."""
    parser = sse.Parser()
    at_ms = 0.0
    for at_ms, piece in pieces:
        for _ in parser.feed(piece):
            yield at_ms
    if end is End.COMPLETE:
        yield from (at_ms for _ in parser.close())
