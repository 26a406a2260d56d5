"""Load: the same request again and again for some seconds, and how many answers came how fast.

wrk and h2load where they fit. Neither goes through a proxy with CONNECT, so that is done here, with a thread for each
client: a proxy in Python is far from keeping one busy.
"""

from __future__ import annotations

import json
import socket
import ssl
import statistics
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from .programs import PATH, Running

HOST = "api.openai.com"
_DONE = b"data: [DONE]\n\n"
_LAST_CHUNK = b"\r\n0\r\n\r\n"
_LUA = Path(__file__).with_name("wrk.lua")


@dataclass(frozen=True, slots=True)
class Request:
    """A request: its body, also in a file."""

    body: bytes
    file: Path


@dataclass(frozen=True, slots=True)
class Sample:
    """The measurements of one round of load."""

    requests: int
    requests_per_s: float
    p50_ms: float
    p99_ms: float


class Listening(Protocol):
    """A server that is asked."""

    @property
    def name(self) -> str:
        """Its name in the tables."""

    @property
    def url(self) -> str:
        """Its URL without a path."""


type Load = Callable[[Running, Request, int, float], Sample]


def wrk_keep_alive(program: Listening, request: Request, clients: int, seconds: float) -> Sample:
    """Base-URL mode, each client on one connection."""
    return _wrk(program, request, clients, seconds, "keep-alive")


def wrk_new_connections(program: Listening, request: Request, clients: int, seconds: float) -> Sample:
    """Base-URL mode, a new connection for each request."""
    return _wrk(program, request, clients, seconds, "close")


def _wrk(program: Listening, request: Request, clients: int, seconds: float, connection: str) -> Sample:
    command = ["wrk", "-t1", f"-c{clients}", f"-d{max(1, round(seconds))}s", "-s", str(_LUA)]
    url = program.url + PATH
    output = _run([*command, url, "--", str(request.file), connection])
    result = json.loads(output[output.index("{") :])
    # mitmproxy closes a connection without having announced it, which wrk takes for an error after the answer.
    errors = result["errors"] + (result["read_errors"] if connection == "keep-alive" else 0)
    if errors or not result["requests"]:
        raise AssertionError(f"{program.name} failed: {result}")
    per_s = result["requests"] / result["duration_us"] * 1e6
    return Sample(result["requests"], per_s, result["p50_us"] / 1000, result["p99_us"] / 1000)


def h2load(program: Running, request: Request, clients: int, seconds: float) -> Sample:
    """Base-URL mode with TLS and HTTP/2, each client on one connection, one request at a time."""
    log = request.file.with_suffix(".h2load")
    log.unlink(missing_ok=True)
    command = ["h2load", "-t1", "-m1", f"-c{clients}", f"-D{max(1, round(seconds))}", f"--log-file={log}"]
    command += ["-d", str(request.file), "-H", "content-type: application/json"]
    _run([*command, f"https://127.0.0.1:{program.port}{PATH}"])
    rows = [line.split("\t") for line in log.read_text().splitlines()]
    if not rows or any(status != "200" for _, status, _ in rows):
        raise AssertionError(f"{program.name} failed over HTTP/2")
    taken_ms = [int(row[2]) / 1000 for row in rows]
    begun_us = [int(row[0]) for row in rows]
    span_s = (max(begun_us) - min(begun_us)) / 1e6 + taken_ms[-1] / 1000
    return Sample(len(rows), len(rows) / span_s, *_percentiles(taken_ms))


def connect_keep_alive(program: Running, request: Request, clients: int, seconds: float) -> Sample:
    """A proxy with CONNECT and TLS, each client on one connection."""
    return _in_threads(_TlsClient(program, request, is_kept=True), clients, seconds)


def connect_new_connections(program: Running, request: Request, clients: int, seconds: float) -> Sample:
    """A proxy with CONNECT and TLS, both again for each request."""
    return _in_threads(_TlsClient(program, request, is_kept=False), clients, seconds)


def _run(command: list[str]) -> str:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise AssertionError(f"{command[0]} failed:\n{result.stdout}{result.stderr}")
    return result.stdout


def _percentiles(taken_ms: list[float]) -> tuple[float, float]:
    hundredths = statistics.quantiles(taken_ms, n=100, method="inclusive")
    return hundredths[49], hundredths[98]


def _in_threads(client: _TlsClient, clients: int, seconds: float) -> Sample:
    taken_ms: list[float] = []
    failures: list[Exception] = []
    begin = threading.Barrier(clients + 1)

    def work() -> None:
        try:
            with client.connection() as connection:
                begin.wait()
                taken_ms.extend(client.ask_for(connection, time.perf_counter() + seconds))
        except Exception as exc:
            failures.append(exc)
            begin.abort()

    threads = [threading.Thread(target=work) for _ in range(clients)]
    for thread in threads:
        thread.start()
    begin.wait()
    begun = time.perf_counter()
    for thread in threads:
        thread.join()
    if failures:
        raise AssertionError(f"{client.name} failed") from failures[0]
    return Sample(len(taken_ms), len(taken_ms) / (time.perf_counter() - begun), *_percentiles(taken_ms))


def trusting(program: Running) -> ssl.SSLContext:
    """Return a context that trusts the proxy's certificates."""
    return ssl.create_default_context(cafile=str(program.ca_file))


def connect(program: Running, context: ssl.SSLContext) -> ssl.SSLSocket:
    """Return a connection to the API's host through a proxy."""
    plain = socket.create_connection(("127.0.0.1", program.port))
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    plain.sendall(f"CONNECT {HOST}:443 HTTP/1.1\r\nhost: {HOST}:443\r\n\r\n".encode())
    received = b""
    while b"\r\n\r\n" not in received:
        received += _more(plain)
    if not received.startswith(b"HTTP/1.1 200"):
        raise AssertionError(f"expected 200 to CONNECT, got {received!r}")
    return context.wrap_socket(plain, server_hostname=HOST)


class _TlsClient:
    """Asks through CONNECT and TLS, and looks at every answer."""

    def __init__(self, program: Running, request: Request, *, is_kept: bool) -> None:
        self.name = program.name
        self._program = program
        self._context = trusting(program)
        self._is_kept = is_kept
        ending = "" if is_kept else "connection: close\r\n"
        head = f"POST {PATH} HTTP/1.1\r\nhost: {HOST}\r\ncontent-type: application/json\r\n{ending}"
        self._request = f"{head}content-length: {len(request.body)}\r\n\r\n".encode() + request.body

    def connection(self) -> ssl.SSLSocket:
        """Return a connection to the API's host through the proxy."""
        return connect(self._program, self._context)

    def ask_for(self, connection: ssl.SSLSocket, end: float) -> list[float]:
        """Ask until that time; return how many milliseconds each request took."""
        taken_ms = []
        while (begun := time.perf_counter()) < end:
            if not self._is_kept:
                with self.connection() as another:
                    self._ask(another)
            elif not self._ask(connection):
                connection.close()
                connection = self.connection()
            taken_ms.append((time.perf_counter() - begun) * 1000)
        return taken_ms

    def _ask(self, connection: ssl.SSLSocket) -> bool:
        """Ask once; tell whether the connection lasts longer than the answer (RFC 9112, section 6.3)."""
        connection.sendall(self._request)
        received = b""
        while b"\r\n\r\n" not in received:
            received += _more(connection)
        head, _, body = received.partition(b"\r\n\r\n")
        head = head.lower()
        _, has_length, rest = head.partition(b"content-length:")
        length = int(rest.split(b"\r\n")[0]) if has_length else None
        end = _LAST_CHUNK if b"transfer-encoding: chunked" in head else _DONE
        while len(body) < length if length is not None else not body.endswith(end):
            body += _more(connection)
        if not head.startswith(b"http/1.1 200") or _DONE not in body:
            raise AssertionError(f"expected a whole stream, got {head!r} {body[:300]!r}")
        return length is not None or end == _LAST_CHUNK


def _more(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise AssertionError("the proxy closed the connection before its answer was complete")
    return data
