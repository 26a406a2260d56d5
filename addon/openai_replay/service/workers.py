"""Run several server processes on one port: `openai-replay serve --workers N`, for as many cores.

Each worker is a separate process that listens on the same port (SO_REUSEPORT): the kernel hands every new connection
to one of them. They share positions and a report through `replay/shared_run.py`. A worker that dies is replaced.

An example. `serve --workers 3 -p 8080` starts three workers with a shared folder in their environment, and prints that
it listens once each has said so there. The first poll of a status may reach worker 1 and the second one worker 3: the
shared positions give it the second answer. A worker that is killed leaves its journal, so the report misses nothing.
"""

from __future__ import annotations

import argparse
import errno
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from ..replay.shared_run import ENVIRONMENT_NAME, is_ready, mark_last
from .ending_signals import ending_signals

# How often the workers are looked at.
_INTERVAL_S = 0.05

_FAILED_TO_START = 1

# Workers that end so soon after their start, and as many in a row, would do so for ever.
_QUICKLY_S = 10.0
_MOST_QUICK_ENDS = 8

# mitmproxy's, for all modes of HTTP.
DEFAULT_PORT = 8080
_MOST_PORT = 65535


def split_workers(arguments: Sequence[str]) -> tuple[int, list[str]]:
    """Take `--workers N` out of a command line; without it there is one.

    Raises:
        SystemExit: N is no number from 1 on, with argparse's message.
    """
    parser = argparse.ArgumentParser(prog="openai-replay serve", add_help=False, allow_abbrev=False)
    parser.add_argument("--workers", type=_count, default=1)
    known, others = parser.parse_known_args(list(arguments))
    return known.workers, others


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 256:
        raise argparse.ArgumentTypeError(f"expected a number from 1 to 256, got {text!r}")
    return int(text)


def port_number(text: str) -> int:
    """Read the value of --listen-port, 0 for a free port.

    Raises:
        ArgumentTypeError: it is no port.
    """
    if not text.isdecimal() or int(text) > _MOST_PORT:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to {_MOST_PORT}, got {text!r}")
    return int(text)


def _address(arguments: Sequence[str]) -> tuple[str, int, bool]:
    """Return the host and the port of a command line, and whether it has modes that name their port themselves."""
    parser = argparse.ArgumentParser(prog="openai-replay serve", add_help=False, allow_abbrev=False)
    parser.add_argument("-p", "--listen-port", dest="port", type=port_number, default=DEFAULT_PORT)
    parser.add_argument("--listen-host", dest="host", default="")
    parser.add_argument("-m", "--mode", dest="modes", action="append", default=[])
    known, _ = parser.parse_known_args(list(arguments))
    return known.host, known.port, any("@" in mode for mode in known.modes)


def refuse_taken_port(arguments: Sequence[str]) -> None:
    """End this process with a line on standard error when another program listens on the port of a command line.

    Nothing happens in a worker, which shares its port with others.

    Raises:
        SystemExit: it does.
    """
    host, port, is_of_modes = _address(arguments)
    if port != 0 and not is_of_modes and ENVIRONMENT_NAME not in os.environ:
        refuse_taken(host, port)


def _reserved_port(arguments: Sequence[str]) -> tuple[socket.socket | None, list[str]]:
    """Choose the port when the command line leaves it to the system: all workers need the same.

    Returns a socket that holds it (it never listens) and the command line with it.

    Raises:
        SystemExit: another program listens on the port, which the workers would share with it.
    """
    refuse_taken_port(arguments)
    host, port, _ = _address(arguments)
    if port != 0:
        return None, list(arguments)
    holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    holder.bind((host or "0.0.0.0", 0))
    return holder, [*arguments, "-p", str(holder.getsockname()[1])]


def refuse_taken(host: str, port: int) -> None:
    """End this process with a line on standard error when another program listens on a port.

    Raises:
        SystemExit: it does.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # Without SO_REUSEPORT, which would let it be shared; connections that have ended are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as exc:
            end_without_port(host, port, exc)


def end_without_port(host: str, port: int, problem: OSError) -> NoReturn:
    """End this process with a line on standard error that says why it cannot listen on a port.

    Raises:
        SystemExit: always.
    """
    advice = "; -p chooses another port" if problem.errno in (errno.EADDRINUSE, errno.EACCES) else ""
    _say(f"error: cannot listen on {host or '*'}:{port}, {problem.strerror}{advice}")
    sys.exit(_FAILED_TO_START)


@dataclass(slots=True)
class _Worker:
    process: subprocess.Popen[bytes]
    folder: Path
    begun_s: float

    def is_ready(self) -> bool:
        """Tell whether it came as far as to listen; one that did not, and ended, would not start again either."""
        return is_ready(self.folder, self.process.pid)

    def ended_quickly(self) -> bool:
        """Tell whether it has ended, or ends now, soon after its start."""
        return time.monotonic() - self.begun_s < _QUICKLY_S

    def has_ended(self) -> bool:
        return self.process.poll() is not None


class Supervisor:
    """Keeps so many workers alive until it is told to end."""

    def __init__(self, count: int, command: Sequence[str], folder: Path) -> None:
        self._count = count
        self._command = command
        self._folder = folder
        self._workers: list[_Worker] = []
        self._is_ending = threading.Event()
        self._is_announced = False
        self._quick_ends = 0

    def run(self) -> int:
        """Run the workers, and return the exit status."""
        for number in ending_signals():
            signal.signal(number, lambda *_: self._is_ending.set())
        # The first one makes the certificate authority where there is none; the others find it.
        self._workers = [self._started()]
        status = self._watch(until_first_is_ready=True)
        if not self._is_ending.is_set():
            self._workers += [self._started() for _ in range(self._count - 1)]
            status = self._watch(until_first_is_ready=False)
        self._end(is_in_order=not status)
        return status

    def _watch(self, *, until_first_is_ready: bool) -> int:
        """Replace workers that end, until it is time to go on or to end; return the exit status that is due then."""
        while not self._is_ending.wait(_INTERVAL_S):
            for worker in [worker for worker in self._workers if worker.has_ended()]:
                if not worker.is_ready():
                    self._is_ending.set()
                    return worker.process.returncode or _FAILED_TO_START
                self._quick_ends = self._quick_ends + 1 if worker.ended_quickly() else 0
                if self._quick_ends >= _MOST_QUICK_ENDS:
                    _say(
                        f"{self._quick_ends} workers in a row ended soon after their start; see the log above."
                    )
                    self._is_ending.set()
                    return worker.process.returncode or _FAILED_TO_START
                self._replace(worker)
            if until_first_is_ready and self._workers[0].is_ready():
                break
            self._announce()
        return 0

    def _announce(self) -> None:
        """Say once that all workers answer."""
        if not self._is_announced and sum(worker.is_ready() for worker in self._workers) == self._count:
            self._is_announced = True
            _say(f"{self._count} workers answer.")

    def _started(self) -> _Worker:
        environment = {**os.environ, ENVIRONMENT_NAME: str(self._folder)}
        # In a new session, so that Ctrl-C ends the workers in order, through this process.
        process = subprocess.Popen(self._command, env=environment, start_new_session=True)
        return _Worker(process, self._folder, time.monotonic())

    def _replace(self, worker: _Worker) -> None:
        _say(
            f"worker {worker.process.pid} ended with status {worker.process.returncode}; "
            "another one takes its place."
        )
        self._workers[self._workers.index(worker)] = self._started()

    def _end(self, *, is_in_order: bool) -> None:
        """End all workers, one that answers last: it writes the report of all, and in order it says their counts."""
        *others, last = sorted(self._workers, key=lambda worker: worker.is_ready() and not worker.has_ended())
        _end_all(others)
        if is_in_order:
            mark_last(self._folder)
        _end_all([last])


def _end_all(workers: Sequence[_Worker]) -> None:
    for worker in workers:
        worker.process.terminate()  # nothing happens to one that has ended
    for worker in workers:
        worker.process.wait()


def _say(text: str) -> None:
    print(f"openai-replay: {text}", file=sys.stderr, flush=True)


def run_workers(count: int, program: Sequence[str], arguments: Sequence[str]) -> int:
    """Serve with so many workers until a signal comes, and return the exit status.

    Args:
        program: the command of one worker.
        arguments: its options, spelt as mitmdump's.
    """
    holder, arguments = _reserved_port(arguments)
    try:
        with tempfile.TemporaryDirectory(prefix="openai-replay-") as folder:
            return Supervisor(count, [*program, *arguments], Path(folder)).run()
    finally:
        if holder is not None:
            holder.close()
