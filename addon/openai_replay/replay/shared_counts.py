"""Counters in memory that processes share: one file for each process, mapped into it, read by the others.

To count is an addition in memory, without a system call. The file outlives a process that is killed.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path

ENDING = ".counts"

# Each counter is 64 bits wide.
_COUNTERS = 64 * 1024
_BYTES = _COUNTERS * 8


class Counters:
    """The counters of this process, numbered from 0."""

    def __init__(self, path: Path) -> None:
        """Make the file.

        Raises:
            OSError: the disk has no room for it.
        """
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        try:
            # Not a hole: a full disk would kill the process at the first count (SIGBUS).
            os.posix_fallocate(file, 0, _BYTES)
            self._map = mmap.mmap(file, _BYTES)
        finally:
            os.close(file)
        self._view = memoryview(self._map).cast("Q")
        self._used = 0

    def new(self) -> int | None:
        """Return the number of another counter, None when all are in use."""
        if self._used == _COUNTERS:
            return None
        self._used += 1
        return self._used - 1

    def add(self, number: int) -> None:
        """Count one more."""
        self._view[number] += 1

    def close(self) -> None:
        """Let go of the file; it stays there for the other processes."""
        self._view.release()
        self._map.close()


def read(path: Path) -> memoryview:
    """Return the values of a process's counters, by number; empty if its file is gone."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raw = b""
    return memoryview(raw[: len(raw) // 8 * 8]).cast("Q")
