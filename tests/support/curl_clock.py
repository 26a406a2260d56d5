"""When curl receives the events of a stream, by its own clock (`--trace-time`)."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from typing import Any

from .proxy import CEILING_S, Proxy
from .requests import CHAT_URL


def event_times(running: Proxy, body: dict[str, Any], *arguments: str, url: str = CHAT_URL) -> list[float]:
    """Return when each event of an answer came to curl, in ms after it had sent its request."""
    trace = ["--trace-ascii", "-", "--trace-time", "-o", "/dev/null"]
    done = subprocess.run(
        ["curl", "-sS", "-N", *trace, "-d", json.dumps(body), *arguments, url],
        capture_output=True,
        env=running.environment(),
        timeout=CEILING_S,
        check=True,
    )
    times: list[float] = []
    for at_ms, count in _events_in(done.stdout.decode()):
        times += [at_ms] * (count - len(times))
    return times


_BEGIN = "data: "
_TRACED = re.compile(r"^(\d\d:\d\d:\d\d\.\d+) (<= Recv data|=> Send data)|^[0-9a-f]{4}: (.*)$", re.MULTILINE)


def _events_in(trace: str) -> Iterator[tuple[float, int]]:
    """Yield (ms after the request's body was sent, events that have begun) for each piece of received data."""
    sent_at = None
    count = 0
    before = ""  # the end of the text before a line: curl breaks its lines anywhere
    at = datetime.min
    is_received = False
    for match in _TRACED.finditer(trace):
        if match[1]:
            at, is_received = datetime.strptime(match[1], "%H:%M:%S.%f"), "Recv" in match[2]
            if not is_received:
                sent_at = at
        elif is_received:
            text = before + match[3]
            before = text[1 - len(_BEGIN) :]
            if begun := text.count(_BEGIN):
                count += begun
                assert sent_at is not None
                yield (at - sent_at).total_seconds() * 1000, count


def gaps(times: list[float]) -> list[float]:
    """Return the times between neighbours."""
    return [later - earlier for earlier, later in pairwise(times)]
