"""Run a function of this package in another process, for long work beside an event loop.

Threads would not do: the long work and the event loop would wait for each other to hand over Python's interpreter, many
times for each file. The process is started like any program, on each system alike; arguments and results are pickles on
its standard input and output. Its standard error is thrown away: work that fails there is repeated by the caller, whose
log tells the errors.
"""

from __future__ import annotations

import logging
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

_ROOT = Path(__file__).resolve().parents[2]


class OtherProcess:
    """A process that runs `function`, such as `store.index_rows:help_out`, which calls `answer`.

    It works on one argument after another, and gives one or more results for each.
    """

    def __init__(self, function: str) -> None:
        """Start the process; without one, each call gives None."""
        module, _, name = function.partition(":")
        code = f"import sys; sys.path.insert(0, sys.argv[1]); from openai_replay.{module} import {name}; {name}()"
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", code, str(_ROOT)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except OSError as exc:
            log.debug("No process for %s can be started (%s)", function, exc)

    def call(self, argument: object) -> Any:
        """Return the first result of the function for an argument, None where the process or the function failed."""
        self.send(argument)
        return self.receive()

    def send(self, argument: object) -> None:
        """Let the function work on an argument."""
        self._tried(partial(_write, argument))

    def receive(self) -> Any:
        """Return the next result of the function, None where the process or the function failed."""
        return self._tried(_read)

    def _tried[Result](self, work: Callable[[subprocess.Popen[bytes]], Result]) -> Result | None:
        if self._process is None:
            return None
        try:
            return work(self._process)
        except (OSError, pickle.UnpicklingError, EOFError) as exc:
            log.debug("A process beside this one failed (%s)", exc)
            self.close()
            return None

    def close(self) -> None:
        """End the process when it has done its work."""
        if self._process is not None:
            with suppress(OSError):
                self._process.communicate()
            self._process = None

    def kill(self) -> None:
        """End the process at once."""
        if self._process is not None:
            self._process.kill()
        self.close()


def can_start() -> bool:
    """Tell whether this program is Python itself; a frozen mitmdump would start another mitmdump."""
    return bool(sys.executable) and not getattr(sys, "frozen", False)


def _write(argument: object, process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    pickle.dump(argument, process.stdin)
    process.stdin.flush()


def _read(process: subprocess.Popen[bytes]) -> Any:
    assert process.stdout is not None
    return pickle.load(process.stdout)  # of a process that this one started


def answer(work: Callable[[Any], Iterable[object]]) -> None:
    """Do work in the other process: give the results of each argument on standard input, until its end."""
    with suppress(EOFError):
        while True:
            argument = pickle.load(sys.stdin.buffer)  # of the process that started this one
            for result in work(argument):
                pickle.dump(result, sys.stdout.buffer)
                sys.stdout.buffer.flush()
