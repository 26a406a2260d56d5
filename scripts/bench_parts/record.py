"""The cost of recording for a stream: the table `record`.

mitmdump with the addon that records, and mitmdump that only passes the stream on, take turns in front of an API that
costs next to nothing (`stream_source.py`); the client comes through CONNECT and TLS. The time to the first byte is
that of short streams, of which there can be many: no first byte knows how many follow it. All else is of streams of
5,000 chunks that come one by one. The processor's time includes the writing of the recording.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from support.proxy import REDIRECT_SCRIPT

from .load import HOST, connect, trusting
from .programs import (
    PATH,
    PROXY_MODE,
    Program,
    Running,
    plain_streaming,
    request_body,
    running,
    server,
    with_addon,
)
from .statistics_of import spread_of, table

LONG_STREAM, SHORT_STREAM = 5_000, 20
_GAP_US = 400
_DONE, _END = b"data: [DONE]\n\n", b"\r\n0\r\n\r\n"
_SCRIPTS = Path(__file__).resolve().parents[1]

FIRST_BYTE = "time to first byte, ms"
CPU_PER_CHUNK = "CPU per chunk, µs"
UNTIL_FILE = "last byte to file, ms"
UNTIL_END = "last byte to end of response, ms"


@dataclass(frozen=True, slots=True)
class Effort:
    """How often things are measured."""

    first_bytes: int
    streams: int


THOROUGH = Effort(first_bytes=400, streams=7)
QUICK = Effort(first_bytes=50, streams=1)


@dataclass(slots=True)
class Measured:
    """A program, and its measurements by row."""

    program: Running
    folder: Path | None  # of its recordings
    values: dict[str, list[float]] = field(default_factory=dict)

    def add(self, row: str, value: float) -> None:
        """Add one value to a row."""
        self.values.setdefault(row, []).append(value)

    def recordings(self) -> int:
        """Return how many recordings there are."""
        if self.folder is None or not self.folder.exists():
            return 0
        return sum(name.endswith(".json") and not name.startswith(".") for name in os.listdir(self.folder))


@dataclass(frozen=True, slots=True)
class Streamed:
    """When things came: the first byte after the request, and by the clock, the last byte and the end."""

    first_byte_s: float
    last_byte_at_s: float
    ended_at_s: float


class Client:
    """Asks for streams over one connection, through CONNECT and TLS."""

    def __init__(self, program: Running) -> None:
        self._socket = connect(program, trusting(program))

    def stream(self, chunks: int, gap_us: int, number: int) -> Streamed:
        """Ask for a stream, read all of it; with another number it is another request."""
        body = request_body(chunks)
        path = f"{PATH}?gap_us={gap_us}&number={number}"
        head = f"POST {path} HTTP/1.1\r\nhost: {HOST}\r\ncontent-type: application/json\r\n"
        self._socket.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        begun = time.perf_counter()
        received = self._more()
        while received.endswith(b"\r\n\r\n") and b"data:" not in received:
            received += self._more()
        first_byte_s = time.perf_counter() - begun
        if not received.startswith(b"HTTP/1.1 200"):
            raise AssertionError(f"expected a stream, got {received!r}")
        last_byte_at_s = 0.0
        while not received.endswith(_END):
            received = received[-len(_DONE) :] + self._more()
            if not last_byte_at_s and _DONE in received:
                last_byte_at_s = time.perf_counter()
        return Streamed(first_byte_s, last_byte_at_s, time.perf_counter())

    def _more(self) -> bytes:
        data = self._socket.recv(65536)
        if not data:
            raise AssertionError("the proxy closed the connection before the stream was complete")
        return data

    def close(self) -> None:
        """End the connection."""
        self._socket.close()


@contextmanager
def stream_source(ca_file: Path) -> Iterator[int]:
    """Run the API until the block ends; gives its port."""
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(_SCRIPTS), str(_SCRIPTS.parent / "tests")])
    }
    command = [sys.executable, "-m", "bench_parts.stream_source", str(ca_file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


def to_source(program: Program, port: int, ca_file: Path) -> Program:
    """Return a program whose connections to any host end at the API of this bench."""
    options = (f"upstream_port={port}", f"ssl_verify_upstream_trusted_ca={ca_file}")
    return Program(
        program.name, program.command, (*program.scripts, REDIRECT_SCRIPT), (*program.options, *options)
    )


def measure(top: Path, effort: Effort) -> list[Measured]:
    """Measure streaming alone, then recording by mitmdump and by the addon's own server; `top` is an empty folder."""
    recorded, served = top / "recorded", top / "served"
    ca_file = top / "ca.pem"
    with ExitStack() as stack:
        port = stack.enter_context(stream_source(ca_file))

        def started(program: Program, folder: Path | None) -> Measured:
            proxy = running(to_source(program, port, ca_file), top / "home", PROXY_MODE)
            return Measured(stack.enter_context(proxy), folder)

        everything = [
            started(plain_streaming(top), None),
            started(with_addon(recorded, "recording_mode=record"), recorded),
            started(server(served, "recording_mode=record"), served),
        ]
        clients = [Client(measured.program) for measured in everything]
        for client in clients:
            stack.callback(client.close)
        print(f"record: {effort.first_bytes} rounds of first bytes", flush=True)
        for number in range(effort.first_bytes + 10):
            for measured, client in zip(everything, clients, strict=True):
                streamed = client.stream(SHORT_STREAM, 0, number)
                if number >= 10:  # the first ones warm up
                    measured.add(FIRST_BYTE, streamed.first_byte_s * 1000)
        for number in range(effort.streams):
            print(f"record: stream {number + 1} of {effort.streams}", flush=True)
            for measured, client in zip(everything, clients, strict=True):
                _measure_stream(measured, client, number)
    return everything


def _measure_stream(measured: Measured, client: Client, number: int) -> None:
    before, cpu_before_s = measured.recordings(), measured.program.cpu_s()
    streamed = client.stream(LONG_STREAM, _GAP_US, number)
    while measured.folder is not None and measured.recordings() == before:
        time.sleep(0.0005)
    if measured.folder is not None:
        measured.add(UNTIL_FILE, (_written_at_s(measured.folder) - streamed.last_byte_at_s) * 1000)
    measured.add(UNTIL_END, (streamed.ended_at_s - streamed.last_byte_at_s) * 1000)
    measured.add(CPU_PER_CHUNK, (measured.program.cpu_s() - cpu_before_s) / LONG_STREAM * 1e6)


def _written_at_s(folder: Path) -> float:
    """Return when the newest file of a folder took its place, by the clock of the streams."""
    newest = max(entry.stat().st_ctime for entry in os.scandir(folder))
    return newest - time.time() + time.perf_counter()


ROWS = (FIRST_BYTE, CPU_PER_CHUNK, UNTIL_FILE, UNTIL_END)

# The allowed cost of recording by mitmdump, against streaming without it.
TARGETS = {FIRST_BYTE: 1.02, CPU_PER_CHUNK: 1.15}


def ratio(row: str, measured: Measured, baseline: Measured) -> float:
    """Return the median ratio of two programs' values in the same round."""
    pairs = zip(measured.values[row], baseline.values[row], strict=True)
    return spread_of([one / another for one, another in pairs]).median


def report(everything: list[Measured]) -> str:
    """Return the measurements as a table, and which targets were met."""
    baseline, *others = everything
    heading = [
        "",
        *(one.program.name for one in everything),
        *(f"{one.program.name} / streaming" for one in others),
    ]
    rows = [[row, *_cells(row, everything)] for row in ROWS]
    verdicts = [
        f"Target: {row}, at most {most} of streaming: {'met' if found <= most else 'missed'}, {found:.3f}"
        for row, most in TARGETS.items()
        for found in [ratio(row, others[0], baseline)]
    ]
    return "\n".join([table([heading, *rows]), "", *verdicts])


def _cells(row: str, everything: list[Measured]) -> Iterator[str]:
    baseline, *others = everything
    for measured in everything:
        yield spread_of(measured.values[row]).shown("") if row in measured.values else ""
    for measured in others:
        yield f"{ratio(row, measured, baseline):.3f}" if row in TARGETS else ""


def run(*, quick: bool) -> tuple[Any, str]:
    """Measure everything; return it as JSON and as a table."""
    with TemporaryDirectory(prefix="openai-replay-bench-") as top:
        everything = measure(Path(top), QUICK if quick else THOROUGH)
    result = {
        measured.program.name: {row: spread_of(values).to_json() for row, values in measured.values.items()}
        for measured in everything
    }
    return result, report(everything)
