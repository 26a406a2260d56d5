"""Other servers of recorded or made-up answers side by side with this one: the table `peers`.

Base-URL mode, a streamed chat completion of 40 chunks, each client on one connection. All servers run at once and are
asked in turns, so that other work of this machine meets each of them alike; a ratio is of rounds that came right after
each other. The load generator shares the machine with them. Where Go is installed, a server of its standard library
that answers with a constant is compiled and takes part. `--peer NAME=URL` adds a server that runs already, and answers
the request that is shown when the table begins. No peer is downloaded.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from argparse import ArgumentTypeError
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from support.proxy import wait_until

from . import load
from .load import Listening, Request
from .programs import BASE_URL_MODE, PATH, engine, running
from .replay import ADDON, QUICK, SERVE, SERVER_REPLAY, THOROUGH, Effort, prepared
from .statistics_of import spread_of, table

CLIENTS = 32
ENGINE, ENGINE_WITH_TWO, GO = "engine", "engine, 2 workers", "Go, a constant"
_CONSTANT = Path(__file__).with_name("constant.go")

# The least ratio of the engine with two workers to another server in the same round.
TARGETS = {SERVE: 6.0, GO: 0.6}


@dataclass(frozen=True, slots=True)
class Peer:
    """A server that runs already; `url` has no path."""

    name: str
    url: str


@dataclass(slots=True)
class Measured:
    """The requests per second of each server, by round."""

    requests_per_s: dict[str, list[float]] = field(default_factory=dict)
    p99_ms: dict[str, list[float]] = field(default_factory=dict)

    def take(self, server: Listening, request: Request, seconds: float) -> None:
        """Measure one round of one server."""
        sample = load.wrk_keep_alive(server, request, CLIENTS, seconds)
        self.requests_per_s.setdefault(server.name, []).append(sample.requests_per_s)
        self.p99_ms.setdefault(server.name, []).append(sample.p99_ms)

    def ratio(self, server: str, other: str) -> float:
        """Return the median ratio of two servers' throughput in the same round."""
        pairs = zip(self.requests_per_s[server], self.requests_per_s[other], strict=True)
        return spread_of([one / another for one, another in pairs]).median


def peer(text: str) -> Peer:
    """Read `NAME=URL`.

    Raises:
        ArgumentTypeError: it is not of that form.
    """
    name, _, url = text.partition("=")
    if not name or not url.startswith("http://"):
        raise ArgumentTypeError(f"{text!r}: expected NAME=http://HOST:PORT")
    return Peer(name, url.rstrip("/"))


def measure(top: Path, effort: Effort, peers: Sequence[Peer]) -> Measured:
    """Measure all servers; `top` is an empty folder."""
    for other in peers:
        _refuse_absent(other)
    request, programs = prepared(top)
    ours = [program for program in programs if program.name in (ADDON, SERVE, SERVER_REPLAY)]
    one = engine(top / "recordings")
    two = replace(one, name=ENGINE_WITH_TWO, command=(*one.command, "--workers", "2"))
    print(f"peers: the request is POST {PATH} with {request.body.decode()}", flush=True)
    with ExitStack() as stack:
        servers: list[Listening] = [
            stack.enter_context(running(program, top / "home", BASE_URL_MODE))
            for program in (*ours, one, two)
        ]
        if shutil.which("go"):
            servers.append(stack.enter_context(_constant_server(top)))
        return _in_turns([*servers, *peers], request, effort)


def _refuse_absent(other: Peer) -> None:
    """End the program where a peer does not listen, before anything is measured."""
    address = urlsplit(other.url)
    if not _is_listening(address.hostname or "", address.port or 80):
        sys.exit(
            f"bench: --peer {other.name}={other.url}: nothing listens there, expected a server that runs already"
        )


def _in_turns(servers: Sequence[Listening], request: Request, effort: Effort) -> Measured:
    for server in servers:  # to warm up
        load.wrk_keep_alive(server, request, CLIENTS, 1)
    measured = Measured()
    for number in range(effort.rounds):
        print(f"peers: round {number + 1} of {effort.rounds}", flush=True)
        shift = number % len(servers)
        for server in (*servers[shift:], *servers[:shift]):
            measured.take(server, request, effort.seconds)
    return measured


@contextmanager
def _constant_server(top: Path) -> Iterator[Peer]:
    """Compile and run the server that answers with a constant, until the block ends."""
    program, port = top / "constant", _free_port()
    subprocess.run(["go", "build", "-o", str(program), str(_CONSTANT)], check=True, cwd=top)
    process = subprocess.Popen([str(program), str(port), str(top / "answer")])
    try:
        wait_until(lambda: _is_listening("127.0.0.1", port), "the constant server listens")
        yield Peer(GO, f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        port: int = holder.getsockname()[1]
        return port


def _is_listening(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port)).close()
    except OSError:
        return False
    return True


def report(measured: Measured) -> str:
    """Return the measurements as a table, and which targets were met."""
    names = list(measured.requests_per_s)
    heading = ["server", "requests", "p99 ms", *(f"/ {name}" for name in names)]
    rows = [
        [
            name,
            spread_of(measured.requests_per_s[name]).shown("/s"),
            f"{spread_of(measured.p99_ms[name]).median:.1f}",
            *(f"{measured.ratio(name, other):.2f}" for other in names),
        ]
        for name in names
    ]
    verdicts = [_verdict(measured, other, least) for other, least in TARGETS.items() if other in names]
    if GO not in names:
        verdicts.append(f"Not measured: {GO}, because Go is not installed.")
    return "\n".join([table([heading, *rows]), "", *verdicts])


def _verdict(measured: Measured, other: str, least: float) -> str:
    ratio = measured.ratio(ENGINE_WITH_TWO, other)
    verdict = "met" if ratio >= least else "missed"
    return f"Target: {ENGINE_WITH_TWO} at least {least:g} times {other}: {ratio:.2f}, {verdict}"


def run(*, quick: bool, peers: Sequence[Peer] = ()) -> tuple[Any, str]:
    """Measure everything; return it as JSON and as a table."""
    with TemporaryDirectory(prefix="openai-replay-bench-") as top:
        measured = measure(Path(top), QUICK if quick else THOROUGH, peers)
    result = {
        name: {
            "requests_per_s": spread_of(values).to_json(),
            "p99_ms": spread_of(measured.p99_ms[name]).to_json(),
            "ratio": {other: measured.ratio(name, other) for other in measured.requests_per_s},
        }
        for name, values in measured.requests_per_s.items()
    }
    return result, report(measured)
