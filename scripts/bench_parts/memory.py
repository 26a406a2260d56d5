"""What memory the addon takes: the table `memory`.

Resident memory grows by what is kept of 10,000 different answers that are replayed one after the other, of as many
again (the same ones, so that nothing new is there to be kept), and, at its highest, of a stream of 100,000 chunks
that is recorded. The baselines are mitmdump with a constant, mitmproxy's server replay of the same exchanges, and
mitmdump that passes the stream on without recording it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mitmproxy import http
from mitmproxy.io import FlowReader, FlowWriter

from .programs import (
    BASE_URL_MODE,
    PROXY_MODE,
    Program,
    ask,
    constant,
    make_flows,
    plain_streaming,
    running,
    server,
    server_replay,
    with_addon,
)
from .record import Client as StreamClient
from .record import stream_source, to_source
from .scale import Client, by_name, make_recordings
from .statistics_of import table

ANSWERS, CHUNKS = 10_000, 100_000
_WARM_UP = 200

# What Python's allocator does not give back at once comes and goes.
_NOISE_MIB = 3


@dataclass(frozen=True, slots=True)
class Measured:
    """The memory of one program, in MiB: at first, then what each step added to it."""

    program: str
    at_first: float
    added: tuple[float, ...]


def replay_memory(top: Path, answers: int) -> list[Measured]:
    """Measure what replaying many different answers, and then all of them again, adds; `top` is an empty folder."""
    make_recordings(top / "recordings", answers)
    addon = with_addon(top / "recordings")
    with running(addon, top / "home", BASE_URL_MODE) as proxy:
        (top / "answer").write_bytes(ask(proxy, by_name(0)))
    _make_flows(top, answers)
    programs = (
        constant(top / "answer", top),
        server_replay(top / "flows"),
        addon,
        server(top / "recordings"),
    )
    return [_replay_memory(program, top, answers) for program in programs]


def _make_flows(top: Path, answers: int) -> None:
    """Write flows of the same requests, each with the answer to the first of them."""
    make_flows(top / "flow", top / "home", [by_name(0)])
    with open(top / "flow", "rb") as source, open(top / "flows", "wb") as target:
        flow = next(iter(FlowReader(source).stream()))
        assert isinstance(flow, http.HTTPFlow)
        assert flow.response is not None
        flow.response.content = (top / "answer").read_bytes()
        writer = FlowWriter(target)
        for number in range(answers):
            flow.request.content = by_name(number)
            writer.add(flow)


def _replay_memory(program: Program, top: Path, answers: int) -> Measured:
    print(f"memory: {answers:,} answers by {program.name}", flush=True)
    with running(program, top / "home", BASE_URL_MODE) as proxy:
        client = Client(proxy)
        for number in range(_WARM_UP):
            client.ask(by_name(number))
        levels = [proxy.resident_mib()]
        for _ in range(2):
            for number in range(answers):
                client.ask(by_name(number))
            levels.append(proxy.resident_mib())
        client.close()
    return Measured(program.name, levels[0], (levels[1] - levels[0], levels[2] - levels[1]))


def record_memory(top: Path, chunks: int) -> list[Measured]:
    """Measure what passing on, and recording, a long stream adds at its highest, and until the file is there."""
    ca_file = top / "ca.pem"
    folder = top / "recorded"
    measured = []
    with stream_source(ca_file) as port:
        for program in (plain_streaming(top), with_addon(folder, "recording_mode=record")):
            print(f"memory: a stream of {chunks:,} chunks by {program.name}", flush=True)
            with running(to_source(program, port, ca_file), top / "home", PROXY_MODE) as proxy:
                client = StreamClient(proxy)
                client.stream(100, 0, 0)
                at_first = proxy.resident_mib()
                with _highest(proxy.resident_mib) as highest:
                    client.stream(chunks, 0, 1)
                    _wait_for_files(folder, 2 if program.name.startswith("mitmdump -s") else 0)
                measured.append(Measured(program.name, at_first, (highest() - at_first,)))
                client.close()
    return measured


def _wait_for_files(folder: Path, count: int) -> None:
    while len(list(folder.glob("[!.]*.json"))) < count:
        time.sleep(0.01)


@contextmanager
def _highest(measure: Callable[[], float]) -> Iterator[Callable[[], float]]:
    """Measure again and again until the block ends; gives what tells the highest value."""
    values = [measure()]
    has_ended = threading.Event()

    def look() -> None:
        while not has_ended.wait(0.02):
            values.append(measure())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield lambda: max(values)
    finally:
        has_ended.set()
        thread.join()


def report(replayed: list[Measured], recorded: list[Measured], answers: int, chunks: int) -> str:
    """Return both tables."""
    first = [["MiB", "at first", f"+ {answers:,} answers", "+ the same again"], *map(_row, replayed)]
    second = [["MiB", "at first", f"+ a stream of {chunks:,} chunks, at its highest"], *map(_row, recorded)]
    return f"{table(first)}\n\n{_verdict(replayed)}\n\n{table(second)}"


def _verdict(replayed: list[Measured]) -> str:
    """Say whether memory grows with the requests served: once what is kept is full, the same ones must add nothing."""
    grown = {one.program: one.added[-1] for one in replayed}
    verdict = "met" if max(grown.values()) <= _NOISE_MIB else "missed"
    return f"Target: the same answers again add nothing, which is up to {_NOISE_MIB} MiB: {verdict}"


def _row(measured: Measured) -> list[str]:
    return [measured.program, *(f"{value:.1f}" for value in (measured.at_first, *measured.added))]


def run(*, quick: bool) -> tuple[Any, str]:
    """Measure everything; return it as JSON and as tables."""
    answers, chunks = (ANSWERS // 20, CHUNKS // 20) if quick else (ANSWERS, CHUNKS)
    with ExitStack() as stack:
        top = Path(stack.enter_context(TemporaryDirectory(prefix="openai-replay-bench-")))
        replayed, recorded = replay_memory(top, answers), record_memory(top, chunks)
    result = {
        "replay": {one.program: {"at_first": one.at_first, "added": one.added} for one in replayed},
        "record": {one.program: {"at_first": one.at_first, "added": one.added} for one in recorded},
    }
    return result, report(replayed, recorded, answers, chunks)
