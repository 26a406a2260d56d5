"""How well paced streams keep to their plan: the table `pacing`, of streams of 200 chunks at 20 chunks a second.

First, recorded gaps are compared with replayed ones (`gaps.py`).

So many streams are open at once on one `openai-replay serve` in base-URL mode, and on its engine. For each chunk the
client notes how much later it came than planned. The zero of the plan's clock is taken from the earliest chunk of the
stream: so the constant way of a chunk to the client does not count, and each delay of a chunk does. The client is one
process on the same machine, which is better idle: every other process delays chunks.
"""

from __future__ import annotations

import asyncio
import resource
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from . import gaps
from .programs import (
    BASE_URL_MODE,
    PATH,
    Running,
    ask,
    engine,
    make_recordings,
    request_body,
    running,
    server,
)
from .statistics_of import table

CHUNKS = 200
GAP_MS = 50

# The share of chunks that may be later, and by how much a paced stream may lag.
_SHARE = 0.99
_MOST_LATE_MS = 10

WANTED = 2000

# The last of 2,000 streams begins before the first one ends, which takes 10 s.
_OPENED_PER_S = 240
_COUNTS = (50, 100, 200, 300, 400, 500, 750, 1000, 1500, WANTED)
_QUICK_COUNTS = (50, 200, 500)


@dataclass(frozen=True, slots=True)
class Measured:
    """So many streams at once: how late their chunks were, and their share of the server."""

    program: str
    streams: int
    whole: int
    p50_ms: float
    p99_ms: float
    worst_ms: float
    cores: float
    mib: float

    def holds(self) -> bool:
        """Tell whether all streams came whole and on time."""
        return self.whole == self.streams and self.p99_ms <= _MOST_LATE_MS


class _Stream(asyncio.Protocol):
    """Asks for one stream, and notes when each of its chunks comes."""

    def __init__(self, request: bytes, done: asyncio.Future[None]) -> None:
        self._request = request
        self.done = done
        self._rest = b""
        self.times_s: list[float] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        now = perf_counter()
        # A chunk's first bytes may end one read, and begin no other.
        text = self._rest + data
        begun = text.count(b"\ndata: ")
        self._rest = text[-6:]
        self.times_s += [now] * (begun - self._rest.count(b"\ndata: "))
        if text.endswith(b"0\r\n\r\n"):
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)

    def lateness_ms(self) -> list[float]:
        """Return how much later than planned each chunk came."""
        offsets = [time - number * GAP_MS / 1000 for number, time in enumerate(self.times_s)]
        return [(offset - min(offsets)) * 1000 for offset in offsets]


async def _streamed(port: int, request: bytes, count: int) -> list[_Stream]:
    """Open so many streams, one after the other in even steps; at the end of that all are open."""
    loop = asyncio.get_running_loop()
    start_s = loop.time()
    streams = [_Stream(request, loop.create_future()) for _ in range(count)]
    for number, stream in enumerate(streams):
        await asyncio.sleep(start_s + number / _OPENED_PER_S - loop.time())
        await loop.create_connection(partial(_itself, stream), "127.0.0.1", port)
    await asyncio.gather(*(stream.done for stream in streams))
    return streams


def _itself(stream: _Stream) -> _Stream:
    return stream


def measure(proxy: Running, body: bytes, count: int) -> Measured:
    """Measure so many streams at once."""
    chunks, request = ask(proxy, body).count(b"data: "), _request(body)
    cpu_s, start = proxy.cpu_s(), perf_counter()
    streams = asyncio.run(_streamed(proxy.port, request, count))
    cores = (proxy.cpu_s() - cpu_s) / (perf_counter() - start)
    late = sorted(ms for stream in streams for ms in stream.lateness_ms())
    whole = sum(len(stream.times_s) == chunks for stream in streams)
    p50, p99 = (late[int(len(late) * share)] for share in (0.5, _SHARE))
    return Measured(proxy.name, count, whole, p50, p99, late[-1], cores, proxy.resident_mib())


def _request(body: bytes) -> bytes:
    head = (
        f"POST {PATH} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _measure_all(top: Path, counts: tuple[int, ...]) -> list[Measured]:
    body = request_body(CHUNKS)
    make_recordings(top / "recordings", top / "home", [body])
    pacing = f"recording_pacing=ttft={GAP_MS}ms,gap={GAP_MS}ms"
    programs = [program(top / "recordings", pacing) for program in (server, engine)]
    everything = []
    for program, count in product(programs, counts):
        print(f"pacing: {program.name}, {count} streams", flush=True)
        with running(program, top / "home", BASE_URL_MODE) as proxy:
            measure(proxy, body, 20)
            everything.append(measure(proxy, body, count))
    return everything


def report(everything: list[Measured]) -> str:
    """Return the measurements as a table, and the largest number of streams that keeps to its plan."""
    rows = [["program", "streams", "whole", "late p50 ms", "late p99 ms", "latest ms", "cores", "MiB"]]
    for one in everything:
        rows.append(
            [
                one.program,
                str(one.streams),
                str(one.whole),
                f"{one.p50_ms:.2f}",
                f"{one.p99_ms:.2f}",
                f"{one.worst_ms:.1f}",
                f"{one.cores:.2f}",
                f"{one.mib:.0f}",
            ]
        )
    said = [_verdict(program, everything) for program in dict.fromkeys(one.program for one in everything)]
    return "\n".join((table(rows), "", *said))


def _verdict(program: str, everything: list[Measured]) -> str:
    most = max((one.streams for one in everything if one.program == program and one.holds()), default=0)
    share = f"within {_MOST_LATE_MS} ms of their plan in the 99th percentile"
    return f"{program}: {most} streams at once are {share} (wanted: {WANTED})."


def run(*, quick: bool) -> tuple[Any, str]:
    """Measure everything; return it as JSON and as a table."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits[1], limits[1]))
    with TemporaryDirectory(prefix="openai-replay-bench-") as top:
        print("pacing: recorded and replayed gaps", flush=True)
        compared = gaps.measure(Path(top))
        everything = _measure_all(Path(top), _QUICK_COUNTS if quick else _COUNTS)
    streams = [
        {
            "program": one.program,
            "streams": one.streams,
            "whole": one.whole,
            "late_p50_ms": one.p50_ms,
            "late_p99_ms": one.p99_ms,
            "cores": one.cores,
            "resident_mib": one.mib,
        }
        for one in everything
    ]
    ratios = [
        {"protocol": one.protocol, "ratio": one.ratio(), "differences_ms": one.differences_ms()}
        for one in compared
    ]
    return {"gaps": ratios, "streams": streams}, f"{gaps.report(compared)}\n\n{report(everything)}"
