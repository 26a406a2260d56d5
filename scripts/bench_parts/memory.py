"""The memory that the addon takes: the table `memory`.

Resident memory grows by 10,000 different answers that are kept when they are replayed one after the other, by as many
again (the same ones, so that nothing new is there to be kept), and, at its highest, by a stream of 100,000 chunks
that is recorded; by one large answer that is recorded, at its highest, for each byte of it; and by 1,000 paced streams
that wait for their next chunk, for each of them. The baselines are mitmdump with a constant, mitmproxy's server replay
of the same exchanges, and mitmdump that passes the stream on without recording it.
"""

from __future__ import annotations

import json
import resource
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mitmproxy import http
from mitmproxy.io import FlowReader, FlowWriter

from support.proxy import wait_until

from .programs import (
    BASE_URL_MODE,
    PATH,
    PROXY_MODE,
    Program,
    Running,
    ask,
    constant,
    engine,
    make_flows,
    plain_streaming,
    request_body,
    running,
    server,
    server_replay,
    with_addon,
)
from .programs import make_recordings as make_one_recording
from .record import Client as StreamClient
from .record import stream_source, to_source
from .scale import Client, by_name, make_recordings
from .statistics_of import table

ANSWERS, CHUNKS, STREAMS, LARGE_MIB = 10_000, 100_000, 1_000, 64
_WARM_UP = 200

# Memory that Python's allocator does not give back at once comes and goes.
_NOISE_MIB = 3


# A paced stream takes less than this, in KiB; how many there are before it is measured; and how long each waits.
_MOST_STREAM_KIB = 100
_WARM_UP_STREAMS = 100
_WAIT_S = 3600


@dataclass(frozen=True, slots=True)
class StreamMemory:
    """The memory of one waiting stream, in KiB."""

    program: str
    kib: float


@dataclass(frozen=True, slots=True)
class Measured:
    """The memory of one program, in MiB: at first, then the growth in each step."""

    program: str
    at_first: float
    added: tuple[float, ...]


def replay_memory(top: Path, answers: int) -> list[Measured]:
    """Measure the memory that many different answers add, and the same ones once more; `top` is an empty folder."""
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
    """Measure the peak of memory that a long stream adds, passed on and recorded, until the file is there."""
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


@dataclass(frozen=True, slots=True)
class BodyMemory:
    """The memory that recording one answer takes at its highest, for each byte of its body."""

    kind: str
    mib: float
    ratio: float


# A long text, as of a transcript; small numbers, as of embeddings; and sound, which is no JSON.
BODIES: dict[str, Callable[[int], tuple[str, bytes]]] = {
    "text": lambda size: ("application/json", json.dumps({"text": "A word. " * (size // 8)}).encode()),
    "numbers": lambda size: ("application/json", json.dumps({"data": [0.0123456] * (size // 11)}).encode()),
    "sound": lambda size: ("audio/mpeg", b"\xff\xfb" * (size // 2)),
}


@contextmanager
def _body_source(content_type: str, body: bytes) -> Iterator[int]:
    """Run an API with one answer until the block ends; gives its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", content_type)
            self.send_header("content-length", f"{len(body)}")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server_of_body:
        thread = threading.Thread(target=server_of_body.serve_forever)
        thread.start()
        try:
            yield server_of_body.server_address[1]
        finally:
            server_of_body.shutdown()
            thread.join()


def body_memory(top: Path, mebibytes: int) -> list[BodyMemory]:
    """Measure the peak of memory that recording one large answer of each kind adds."""
    return [_body_memory(top / kind, kind, mebibytes) for kind in BODIES]


def _body_memory(top: Path, kind: str, mebibytes: int) -> BodyMemory:
    print(f"memory: an answer of {mebibytes} MiB of {kind}", flush=True)
    content_type, body = BODIES[kind](mebibytes * 1024 * 1024)
    folder = top / "recordings"
    folder.mkdir(parents=True)
    with _body_source(content_type, body) as port:
        host = f"127.0.0.1:{port}"
        program = with_addon(folder, "recording_mode=record", f"recording_hosts={host}")
        with running(program, top / "home", f"reverse:http://{host}") as proxy:
            before = proxy.resident_mib()
            with _highest(proxy.resident_mib) as highest:
                with urllib.request.urlopen(f"{proxy.url}/v1/large") as response:
                    while response.read(1024 * 1024):
                        pass
                _wait_for_files(folder, 1)
            grown = highest() - before
    return BodyMemory(kind, grown, grown / (len(body) / 1024 / 1024))


def _wait_for_files(folder: Path, count: int) -> None:
    while len(list(folder.glob("[!.]*.json"))) < count:
        time.sleep(0.01)


@contextmanager
def _highest(measure: Callable[[], float]) -> Iterator[Callable[[], float]]:
    """Measure again and again until the block ends; gives a function that tells the highest value."""
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


def stream_memory(top: Path, streams: int) -> list[StreamMemory]:
    """Measure the memory of each of many paced streams while it waits."""
    body = request_body(40)
    recordings = top / "paced"
    make_one_recording(recordings, top / "home", [body])
    pacing = f"recording_pacing=ttft={_WAIT_S}s,gap=1s"
    return [
        _stream_memory(program, top, body, streams)
        for program in (engine(recordings, pacing), server(recordings, pacing))
    ]


def _stream_memory(program: Program, top: Path, body: bytes, streams: int) -> StreamMemory:
    print(f"memory: {streams:,} paced streams of {program.name}", flush=True)
    with running(program, top / "home", BASE_URL_MODE) as proxy, ExitStack() as connections:
        _wait_for_open_streams(proxy, connections, body, _WARM_UP_STREAMS)
        before = proxy.resident_mib()
        _wait_for_open_streams(proxy, connections, body, streams)
        grown = proxy.resident_mib() - before
    return StreamMemory(program.name, grown * 1024 / streams)


def _wait_for_open_streams(proxy: Running, connections: ExitStack, body: bytes, more: int) -> None:
    """Ask for so many streams more, and return when all of them are under way."""
    head = f"POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    request = f"{head}content-length: {len(body)}\r\n\r\n".encode() + body
    expected = _open_streams(proxy) + more
    for _ in range(more):
        connection = connections.enter_context(socket.create_connection(("127.0.0.1", proxy.port)))
        connection.sendall(request)
    wait_until(lambda: _open_streams(proxy) == expected, "all streams are under way")


def _open_streams(proxy: Running) -> int:
    with urllib.request.urlopen(f"{proxy.url}/@/metrics") as response:
        text = response.read().decode()
    return int(text.partition("\nopenai_replay_open_streams ")[2].partition("\n")[0])


def report(
    replayed: list[Measured],
    recorded: list[Measured],
    bodies: list[BodyMemory],
    waiting: list[StreamMemory],
    answers: int,
    chunks: int,
) -> str:
    """Return all tables."""
    large = [["MiB", "a large answer that is recorded, at its highest", "for each byte"]]
    large += [[one.kind, f"{one.mib:.1f}", f"{one.ratio:.1f}"] for one in bodies]
    first = [["MiB", "at first", f"+ {answers:,} answers", "+ the same again"], *map(_row, replayed)]
    second = [["MiB", "at first", f"+ a stream of {chunks:,} chunks, at its highest"], *map(_row, recorded)]
    third = [["KiB", "a paced stream that waits"], *([one.program, f"{one.kib:.1f}"] for one in waiting)]
    most = next(one.kib for one in waiting if one.program == "engine")
    verdict = "met" if most < _MOST_STREAM_KIB else "missed"
    return "\n\n".join(
        [
            table(first),
            _verdict(replayed),
            table(second),
            table(large),
            table(third),
            f"Target: a stream of the engine takes less than {_MOST_STREAM_KIB} KiB: {verdict}",
        ]
    )


def _verdict(replayed: list[Measured]) -> str:
    """Say whether memory grows with the requests served: once the kept answers fill their share, it must not."""
    grown = {one.program: one.added[-1] for one in replayed}
    verdict = "met" if max(grown.values()) <= _NOISE_MIB else "missed"
    return f"Target: the same answers again add nothing, which is up to {_NOISE_MIB} MiB: {verdict}"


def _row(measured: Measured) -> list[str]:
    return [measured.program, *(f"{value:.1f}" for value in (measured.at_first, *measured.added))]


def raise_file_limit() -> None:
    """Let this process and its children have as many connections as the system allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def run(*, quick: bool) -> tuple[Any, str]:
    """Measure everything; return it as JSON and as tables."""
    answers, chunks = (ANSWERS // 20, CHUNKS // 20) if quick else (ANSWERS, CHUNKS)
    raise_file_limit()
    with ExitStack() as stack:
        top = Path(stack.enter_context(TemporaryDirectory(prefix="openai-replay-bench-")))
        replayed, recorded = replay_memory(top, answers), record_memory(top, chunks)
        bodies = body_memory(top, LARGE_MIB // 4 if quick else LARGE_MIB)
        waiting = stream_memory(top, STREAMS)
    result = {
        "replay": {one.program: {"at_first": one.at_first, "added": one.added} for one in replayed},
        "large answer": {one.kind: {"mib": one.mib, "ratio": one.ratio} for one in bodies},
        "paced stream": {one.program: {"kib": one.kib} for one in waiting},
        "record": {one.program: {"at_first": one.at_first, "added": one.added} for one in recorded},
    }
    return result, report(replayed, recorded, bodies, waiting, answers, chunks)
