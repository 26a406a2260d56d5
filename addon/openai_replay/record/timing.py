"""Times of a response's parts, for pacing: recorded in one short line, `response.wire.delays`, see `format/delays.py`.

They are measured where the bytes arrive, not where they are written, and leave the comparison of recordings alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from ..format import delays
from ..wire import sse
from .exchange import End, Exchange, Recorded


def with_delays(recorded: Recorded, exchange: Exchange) -> Recorded:
    """Return a recording with the delays of its exchange, as it is where none were measured."""
    timing = exchange.timing
    if timing is None:
        return recorded
    response = recorded.recording.response
    parts = _event_times(timing.pieces, exchange.end) if response.is_streaming else ()
    line = delays.encode((timing.head_ms, *parts, timing.end_ms))
    timed = replace(response, wire={**response.wire, delays.NAME: line})
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
