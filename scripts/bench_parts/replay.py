"""The cost of a replayed answer: the table `replay`, of a streamed chat completion of 40 chunks.

The same request is answered with the same stream by the addon on mitmdump, by the addon's own server, by mitmdump
with a constant (the floor), and by mitmproxy's server replay. They take turns, so that other work of this machine
meets each of them alike; a ratio is of rounds that came right after each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from . import load
from .load import Load, Request
from .programs import (
    BASE_URL_MODE,
    PROXY_MODE,
    Program,
    Running,
    ask,
    constant,
    make_flows,
    make_recordings,
    request_body,
    running,
    server,
    server_replay,
    with_addon,
)
from .statistics_of import spread_of, table

CHUNKS = 40
ADDON, SERVE, FLOOR, SERVER_REPLAY = (
    "mitmdump -s",
    "openai-replay serve",
    "floor: a constant",
    "mitmproxy's server replay",
)


@dataclass(frozen=True, slots=True)
class Target:
    """The least ratio of one program's throughput to another's, in each way to ask."""

    program: str
    other: str
    least: float


TARGETS = (Target(ADDON, FLOOR, 0.95), Target(ADDON, SERVER_REPLAY, 1.4), Target(SERVE, ADDON, 1.9))


@dataclass(frozen=True, slots=True)
class Connection:
    """A way to ask."""

    name: str
    mode: str
    load: Load


CONNECTIONS = (
    Connection("base URL, keep-alive", BASE_URL_MODE, load.wrk_keep_alive),
    Connection("base URL, new connections", BASE_URL_MODE, load.wrk_new_connections),
    Connection("base URL, HTTP/2 with TLS", BASE_URL_MODE, load.h2load),
    Connection("CONNECT and TLS, keep-alive", PROXY_MODE, load.connect_keep_alive),
    Connection("CONNECT and TLS, new connections", PROXY_MODE, load.connect_new_connections),
)
CLIENTS = (1, 32)


@dataclass(frozen=True, slots=True)
class Effort:
    """How long and how often each program is asked in each way."""

    rounds: int
    seconds: float


THOROUGH = Effort(rounds=5, seconds=2)
QUICK = Effort(rounds=1, seconds=1)


@dataclass(slots=True)
class Measured:
    """The rounds of all programs for one way to ask with so many clients; by program, in the order of the rounds."""

    connection: str
    clients: int
    requests_per_s: dict[str, list[float]] = field(default_factory=dict)
    p50_ms: dict[str, list[float]] = field(default_factory=dict)
    p99_ms: dict[str, list[float]] = field(default_factory=dict)
    cpu_us: dict[str, list[float]] = field(default_factory=dict)

    def take(self, program: Running, load: Load, request: Request, seconds: float) -> None:
        """Measure one round of one program."""
        cpu_before_s = program.cpu_s()
        sample = load(program, request, self.clients, seconds)
        cpu_s = program.cpu_s() - cpu_before_s
        for values, value in (
            (self.requests_per_s, sample.requests_per_s),
            (self.p50_ms, sample.p50_ms),
            (self.p99_ms, sample.p99_ms),
            (self.cpu_us, cpu_s / sample.requests * 1e6),
        ):
            values.setdefault(program.name, []).append(value)

    def ratio(self, program: str, other: str) -> float:
        """Return the median ratio of two programs' throughput in the same round."""
        pairs = zip(self.requests_per_s[program], self.requests_per_s[other], strict=True)
        return spread_of([one / another for one, another in pairs]).median

    def cpu_ratio(self, program: str, other: str) -> float:
        """Return how many requests one program answers in the processor time that the other takes for one."""
        pairs = zip(self.cpu_us[program], self.cpu_us[other], strict=True)
        return spread_of([another / one for one, another in pairs]).median

    def row(self, program: str) -> list[str]:
        """Return the measurements of a program, as texts."""
        return [
            f"{self.connection}, {self.clients}",
            program,
            spread_of(self.requests_per_s[program]).shown("/s"),
            f"{spread_of(self.p50_ms[program]).median:.2f}",
            f"{spread_of(self.p99_ms[program]).median:.2f}",
            f"{spread_of(self.cpu_us[program]).median:.0f}",
            *(
                f"{self.ratio(program, other):.2f} {self.cpu_ratio(program, other):.2f}"
                for other in (FLOOR, SERVER_REPLAY, ADDON)
            ),
        ]

    def to_json(self) -> dict[str, Any]:
        """Return the measurements."""
        return {
            program: {
                "requests_per_s": spread_of(self.requests_per_s[program]).to_json(),
                "p50_ms": spread_of(self.p50_ms[program]).to_json(),
                "p99_ms": spread_of(self.p99_ms[program]).to_json(),
                "cpu_us_per_request": spread_of(self.cpu_us[program]).to_json(),
                "ratio": {other: self.ratio(program, other) for other in self.requests_per_s},
                "cpu_ratio": {other: self.cpu_ratio(program, other) for other in self.requests_per_s},
            }
            for program in self.requests_per_s
        }


HEADING = [
    "connection, clients",
    "program",
    "requests",
    "p50 ms",
    "p99 ms",
    "CPU µs",
    "/ floor",
    "/ server replay",
    "/ mitmdump -s",
]


def prepared(top: Path) -> tuple[Request, list[Program]]:
    """Record the exchange in every program's form; return the request and the programs that answer it."""
    body, body_file, answer_file = request_body(CHUNKS), top / "request.json", top / "answer"
    body_file.write_bytes(body)
    make_recordings(top / "recordings", top / "home", [body])
    make_flows(top / "flows", top / "home", [body])
    addon = with_addon(top / "recordings")
    with running(addon, top / "home", BASE_URL_MODE) as proxy:
        answer_file.write_bytes(ask(proxy, body))
    return Request(body, body_file), [
        constant(answer_file, top),
        server_replay(top / "flows"),
        addon,
        server(top / "recordings"),
    ]


def measure(top: Path, effort: Effort) -> list[Measured]:
    """Measure all programs in every way; `top` is an empty folder."""
    request, programs = prepared(top)
    everything = []
    for mode in (BASE_URL_MODE, PROXY_MODE):
        with ExitStack() as stack:
            proxies = [stack.enter_context(running(program, top / "home", mode)) for program in programs]
            for connection in (one for one in CONNECTIONS if one.mode == mode):
                for clients in CLIENTS:
                    print(f"replay: {connection.name}, {clients} clients", flush=True)
                    everything.append(_measure(connection, clients, proxies, request, effort))
    return everything


def _measure(
    connection: Connection, clients: int, proxies: Sequence[Running], request: Request, effort: Effort
) -> Measured:
    for proxy in proxies:  # to warm up
        connection.load(proxy, request, clients, effort.seconds / 2)
    measured = Measured(connection.name, clients)
    for number in range(effort.rounds):
        shift = number % len(proxies)  # another one comes first each time
        for proxy in (*proxies[shift:], *proxies[:shift]):
            measured.take(proxy, connection.load, request, effort.seconds)
    return measured


def report(everything: Sequence[Measured]) -> str:
    """Return the measurements as a table, and which targets were met."""
    rows = [measured.row(program) for measured in everything for program in measured.requests_per_s]
    return "\n".join(
        [table([HEADING, *rows]), "", _LEGEND, *(_verdict(target, everything) for target in TARGETS)]
    )


_LEGEND = "A ratio is of throughput (more is better), then of requests in the same processor time."


def _verdict(target: Target, everything: Sequence[Measured]) -> str:
    ratios = [measured.ratio(target.program, target.other) for measured in everything]
    cpu_ratios = [measured.cpu_ratio(target.program, target.other) for measured in everything]
    verdict = "met" if min(ratios) >= target.least else "missed"
    return (
        f"Target: {target.program} at least {target.least} of {target.other}: {verdict}, "
        f"median {spread_of(ratios).median:.2f} (lowest {min(ratios):.2f}), "
        f"by processor time {spread_of(cpu_ratios).median:.2f} (lowest {min(cpu_ratios):.2f})"
    )


def run(*, quick: bool) -> tuple[Any, str]:
    """Measure everything; return it as JSON and as a table."""
    with TemporaryDirectory(prefix="openai-replay-bench-") as top:
        everything = measure(Path(top), QUICK if quick else THOROUGH)
    result = [
        {"connection": one.connection, "clients": one.clients, "programs": one.to_json()}
        for one in everything
    ]
    return result, report(everything)
