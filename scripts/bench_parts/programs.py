"""The programs that are compared: mitmdump with the addon and without it, and the addon's own server."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from openai_replay.mock import Upstream
from support.proxy import (
    MITMDUMP,
    PROGRAMS,
    REDIRECT_SCRIPT,
    REPLAY_SCRIPT,
    Proxy,
    bare_environment,
    wait_until,
)

PATH = "/v1/chat/completions"
URL = f"https://api.openai.com{PATH}"
BASE_URL_MODE = "reverse:https://api.openai.com"
PROXY_MODE = "regular"

# Options that the addon sets itself: no connection upstream before there is a request to answer.
CLOSED = ("connection_strategy=lazy", "upstream_cert=false")

_LISTENING = "listening at 127.0.0.1:"
_CLOCK_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Program:
    """A command line; `name` stands in the tables. `has_authority`: it makes its certificates itself."""

    name: str
    command: tuple[str, ...]
    scripts: tuple[Path, ...] = ()
    options: tuple[str, ...] = ()
    has_authority: bool = True

    def arguments(self, mode: str) -> list[str]:
        """Return the whole command line, with a free port of loopback."""
        arguments = [*self.command, "--listen-host", "127.0.0.1", "--listen-port", "0", "--mode", mode]
        for script in self.scripts:
            arguments += ["--scripts", str(script)]
        for option in self.options:
            arguments += ["--set", option]
        return arguments


def with_addon(folder: Path, *options: str) -> Program:
    """Return mitmdump with the addon, as the README starts it."""
    return Program(
        "mitmdump -s", PROGRAMS["mitmdump"], (REPLAY_SCRIPT,), (f"recording_dir={folder}", *options)
    )


def server(folder: Path, *options: str) -> Program:
    """Return the addon on a master with only the addons that it needs."""
    return Program(
        "openai-replay serve", PROGRAMS["serve"], (REPLAY_SCRIPT,), (f"recording_dir={folder}", *options)
    )


def engine(folder: Path, *options: str) -> Program:
    """Return the engine for load tests."""
    return Program(
        "engine", PROGRAMS["engine"], (), (f"recording_dir={folder}", *options), has_authority=False
    )


def to_upstream(program: Program, upstream: Upstream) -> Program:
    """Return a program whose connections to any host end at the upstream of the tests."""
    options = (f"upstream_port={upstream.port}", f"ssl_verify_upstream_trusted_ca={upstream.ca_file}")
    return Program(
        program.name, program.command, (*program.scripts, REDIRECT_SCRIPT), (*program.options, *options)
    )


def constant(answer: Path, folder: Path) -> Program:
    """Return the floor: mitmdump with three lines that answer every request with the bytes of a file."""
    script = folder / "constant.py"
    headers = {"content-type": "text/event-stream; charset=utf-8", "openai-version": "2020-10-01"}
    script.write_text(
        "from mitmproxy import http\n"
        f"body = open({str(answer)!r}, 'rb').read()\n"
        f"def request(flow): flow.response = http.Response.make(200, body, {headers!r})\n"
    )
    return Program("floor: a constant", (str(MITMDUMP),), (script,), CLOSED)


def server_replay(flows: Path) -> Program:
    """Return mitmproxy's own replay of a file of flows, each of them as often as it is asked for."""
    command = (str(MITMDUMP), "--server-replay", str(flows), "--server-replay-reuse")
    return Program("mitmproxy's server replay", command, (), CLOSED)


def plain_streaming(folder: Path) -> Program:
    """Return mitmdump that passes responses on as they come, and does nothing else."""
    script = folder / "streaming.py"
    script.write_text("def responseheaders(flow): flow.response.stream = True\n")
    return Program("mitmdump, streaming", (str(MITMDUMP),), (script,))


@dataclass
class Running(Proxy):
    """A program that listens."""

    name: str = ""

    def cpu_s(self) -> float:
        """Return the processor time that it has taken, its threads included."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        user, system = fields[11:13]
        return (int(user) + int(system)) / _CLOCK_TICKS_PER_S

    def resident_mib(self) -> float:
        """Return the memory that it takes now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024


@contextmanager
def running(program: Program, home: Path, mode: str) -> Iterator[Running]:
    """Run a program until the block ends; its output goes to a file of `home`."""
    home.mkdir(parents=True, exist_ok=True)
    log = home / f"{len(list(home.glob('*.log')))}.log"
    with open(log, "wb") as output:
        process = subprocess.Popen(
            program.arguments(mode),
            stdout=output,
            stderr=subprocess.STDOUT,
            env=bare_environment(home, PYTHONUNBUFFERED="1"),
        )
    try:
        port = wait_until(lambda: _port(process, log), f"{program.name} listens")
        proxy = Running(process, port, home, log, program.name)
        if program.has_authority:
            wait_until(proxy.has_ca, f"{program.name} has its certificate authority")
        yield proxy
    finally:
        process.terminate()
        process.wait()


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    text = log.read_text(errors="replace")
    if process.poll() is not None:
        raise AssertionError(f"it ended at start:\n{text}")
    port, line_end, _ = text.partition(_LISTENING)[2].partition("\n")
    return int(port.rstrip(".")) if line_end else 0


def request_body(chunks: int) -> bytes:
    """Return a request for a stream of so many chunks."""
    message = {"role": "user", "content": f"Say hello in {chunks} chunks"}
    return json.dumps({"model": "gpt-4o", "messages": [message], "stream": True}).encode()


def ask(program: Running, body: bytes) -> bytes:
    """Return the answer to a request in base-URL mode."""
    connection = http.client.HTTPConnection("127.0.0.1", program.port)
    connection.request("POST", PATH, body, {"content-type": "application/json"})
    response = connection.getresponse()
    content = response.read()
    connection.close()
    if response.status != 200:
        raise AssertionError(f"{program.name} answered {response.status}: {content!r}")
    return content


def make_recordings(folder: Path, home: Path, bodies: Sequence[bytes]) -> None:
    """Record the answers of the tests' upstream to some requests."""
    with Upstream() as upstream:
        recorder = to_upstream(with_addon(folder, "recording_mode=record"), upstream)
        with running(recorder, home, BASE_URL_MODE) as proxy:
            for body in bodies:
                ask(proxy, body)


def make_flows(flows: Path, home: Path, bodies: Sequence[bytes]) -> None:
    """Record the same as mitmproxy does, into a file of flows."""
    with Upstream() as upstream:
        recorder = Program("mitmdump -w", (str(MITMDUMP), "--save-stream-file", str(flows)))
        with running(to_upstream(recorder, upstream), home, BASE_URL_MODE) as proxy:
            for body in bodies:
                ask(proxy, body)
