"""The recorded delays of an answer as one short line, `response.wire.delays`: `"212 0 13 12*4 0"`.

Milliseconds, each after the entry before it: from the request to the response's head, to each event of the stream (to
each message of a WebSocket), and to the end. `12*4` is four times 12. An answer that is no stream has two entries, head
and end. The line is one string, because a JSON list would take a line of the file for each number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import accumulate, groupby, pairwise

NAME = "delays"

_ENTRY = re.compile(r"([0-9]{1,12})(?:\*([0-9]{1,7}))?", re.ASCII)

# No recording has more; a line that says so would fill the memory.
_MOST_ENTRIES = 10_000_000


def encode(times_ms: Sequence[float]) -> str:
    """Return the line for times in ms after the request, in rising order.

    The times are rounded and not the delays, so that the errors do not add up.
    """
    rounded = [0, *(round(time) for time in accumulate(times_ms, max))]
    delays = (later - earlier for earlier, later in pairwise(rounded))
    return " ".join(_entry(delay, sum(1 for _ in equal)) for delay, equal in groupby(delays))


def _entry(delay: int, times: int) -> str:
    return f"{delay}*{times}" if times > 1 else str(delay)


def decode(line: object) -> tuple[int, ...]:
    """Return the times in ms after the request; () for anything that is no such line, as an edit may leave it."""
    matches = [_ENTRY.fullmatch(entry) for entry in line.split()] if isinstance(line, str) else []
    entries = [(int(match[1]), int(match[2] or 1)) for match in matches if match is not None]
    if len(entries) < len(matches) or sum(times for _, times in entries) > _MOST_ENTRIES:
        return ()
    return tuple(accumulate(_repeated(entries)))


def _repeated(entries: Iterable[tuple[int, int]]) -> Iterable[int]:
    return (delay for delay, times in entries for _ in range(times))
