"""The gain of more workers: the table `workers`, of a streamed chat completion of 40 chunks in base-URL mode.

The same load meets `openai-replay serve` with one worker, with two, and so on up to the cores of this machine, in turn.
The load generator takes a part of a core, so that the last worker cannot bring a whole one. A request that has several
recorded answers also takes its place among them from the workers' shared positions.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from support.proxy import wait_until

from . import load
from .load import Request
from .programs import BASE_URL_MODE, Running, ask, make_recordings, request_body, running, server
from .replay import CHUNKS, Effort
from .statistics_of import spread_of, table

_CLIENTS = 64
THOROUGH = Effort(rounds=5, seconds=3)
QUICK = Effort(rounds=1, seconds=1)

ONE, SEVERAL = "one recorded answer", "several recorded answers"


@dataclass(slots=True)
class Measured:
    """The answers of so many workers to one kind of request, by round."""

    workers: int
    kind: str
    requests_per_s: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)

    def ratio(self, to: Measured) -> float:
        """Return the median ratio of the throughput in the same rounds."""
        pairs = zip(self.requests_per_s, to.requests_per_s, strict=True)
        return spread_of([one / other for one, other in pairs]).median


def numbers_of_workers() -> list[int]:
    """Return 1, 2, 4 and so on, up to the cores that this process may use."""
    cores = len(os.sched_getaffinity(0))
    return sorted({*(2**power for power in range(cores.bit_length()) if 2**power <= cores), cores})


def measure(top: Path, effort: Effort) -> list[Measured]:
    """Measure all numbers of workers; `top` is an empty folder."""
    everything = []
    for kind in (ONE, SEVERAL):
        request = _prepared(top / kind, kind)
        rows = [Measured(workers, kind) for workers in numbers_of_workers()]
        for number in range(effort.rounds):
            for row in rows:
                print(f"workers: round {number + 1} of {effort.rounds}, {kind}, {row.workers}", flush=True)
                with _serving(top / kind, row.workers) as proxy:
                    load.wrk_keep_alive(proxy, request, _CLIENTS, 1)
                    sample = load.wrk_keep_alive(proxy, request, _CLIENTS, effort.seconds)
                row.requests_per_s.append(sample.requests_per_s)
                row.p50_ms.append(sample.p50_ms)
                row.p99_ms.append(sample.p99_ms)
        everything += rows
    return everything


def _prepared(top: Path, kind: str) -> Request:
    top.mkdir()
    body, body_file = request_body(CHUNKS), top / "request.json"
    body_file.write_bytes(body)
    make_recordings(top / "recordings", top / "home", [body])
    if kind == SEVERAL:
        [first] = (top / "recordings").glob("*.json")
        other = json.loads(first.read_bytes())
        other["response"]["body"][1]["__data__"]["choices"][0]["delta"]["content"] = "Another answer"
        first.with_stem(f"{first.stem}-2").write_text(json.dumps(other))
    return Request(body, body_file)


@contextmanager
def _serving(top: Path, workers: int) -> Iterator[Running]:
    alone = server(top / "recordings")
    program = replace(alone, command=(*alone.command, "--workers", str(workers)))
    with running(program, top / "home", BASE_URL_MODE) as proxy:
        if workers > 1:
            wait_until(lambda: f"{workers} workers answer" in proxy.log(), "all workers answer")
        ask(proxy, request_body(CHUNKS))
        yield proxy


def report(everything: list[Measured]) -> str:
    """Return the measurements as a table."""
    rows = [["request with", "workers", "requests", "p50 ms", "p99 ms", "/ one worker"]]
    for one in everything:
        alone = next(other for other in everything if other.kind == one.kind)
        rows.append(
            [
                one.kind,
                str(one.workers),
                spread_of(one.requests_per_s).shown("/s"),
                f"{spread_of(one.p50_ms).median:.2f}",
                f"{spread_of(one.p99_ms).median:.2f}",
                f"{one.ratio(alone):.2f}",
            ]
        )
    return table(rows)


def run(*, quick: bool) -> tuple[Any, str]:
    """Measure everything; return it as JSON and as a table."""
    with TemporaryDirectory(prefix="openai-replay-bench-") as top:
        everything = measure(Path(top), QUICK if quick else THOROUGH)
    result = [
        {
            "request": one.kind,
            "workers": one.workers,
            "requests_per_s": spread_of(one.requests_per_s).to_json(),
            "p50_ms": spread_of(one.p50_ms).to_json(),
            "p99_ms": spread_of(one.p99_ms).to_json(),
        }
        for one in everything
    ]
    return result, report(everything)
