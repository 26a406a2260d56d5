"""Answers under way that take their time: how many there are, and how far they are behind their plan.

Several processes of a run each keep their two numbers in a file of the common folder that is mapped into memory, so
that any of them can tell the numbers of all without a message.
"""

from __future__ import annotations

import logging
import mmap
import os
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger(__name__)

# Which part of the greatest delay is left after each part that is in time.
_FORGETTING = 0.99

# The numbers of a process, each a float of 8 bytes: open streams, and the greatest delay in seconds.
_OPEN, _BEHIND = 0, 1
_BYTES = 16
_ENDING = ".progress"


class Progress:
    """The answers of this process."""

    def __init__(self) -> None:
        self._numbers: array[float] | memoryview[float] = array("d", (0.0, 0.0))

    def began(self) -> None:
        """Take note of an answer that is under way now."""
        self._numbers[_OPEN] += 1

    def ended(self) -> None:
        """Take note of the end of an answer, whole or not."""
        self._numbers[_OPEN] -= 1

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """Count an answer as open until the block is left, whichever way."""
        self.began()
        try:
            yield
        finally:
            self.ended()

    def late(self, seconds: float) -> None:
        """Take note of a part that is sent so many seconds after its time, 0 for one that is in time."""
        self._numbers[_BEHIND] = max(self._numbers[_BEHIND] * _FORGETTING, seconds)

    def totals(self) -> tuple[int, float]:
        """Return how many answers are open, and the greatest delay of a part in seconds, which fades."""
        return int(self._numbers[_OPEN]), self._numbers[_BEHIND]


class SharedProgress(Progress):
    """The answers of all processes of a run. Trouble with the folder leaves this process's alone."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        try:
            self._numbers = _mapped(folder / f"{os.getpid()}{_ENDING}")
        except OSError as exc:
            log.error(
                "The workers' common folder cannot be used: %s. Metrics lack this worker's streams.", exc
            )

    def totals(self) -> tuple[int, float]:
        """Return how many answers are open, and the greatest delay of a part, of all processes that are alive."""
        numbers = [*self._others(), super().totals()]
        return sum(is_open for is_open, _ in numbers), max(behind_s for _, behind_s in numbers)

    def _others(self) -> Iterator[tuple[int, float]]:
        for path in self._folder.glob(f"*{_ENDING}"):
            pid = int(path.stem)
            if pid != os.getpid() and _is_alive(pid):
                numbers = memoryview(path.read_bytes()).cast("d")
                yield int(numbers[_OPEN]), numbers[_BEHIND]


def _mapped(path: Path) -> memoryview[float]:
    file = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_RDWR, 0o600)
    try:
        os.write(file, bytes(_BYTES))  # not a hole: a full disk would kill the process later (SIGBUS)
        return memoryview(mmap.mmap(file, _BYTES)).cast("d")
    finally:
        os.close(file)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
