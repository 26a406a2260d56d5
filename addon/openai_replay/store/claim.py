"""Recorders that write into one folder at the same time: each keeps off the files that another one wrote.

Each recorder has a file in the hidden folder `.recorders.tmp`, with the names of the recordings that it wrote, one a
line. It holds a lock on this file (flock(2)) as long as it works, and the operating system releases the lock when its
process ends, however that ends. A recording is put into its place under a lock on the folder, after a look at the other
recorders' files.

A recorder's file stays after its end as long as another recorder works that began before this end. The last recorder
removes the folder. A recorder that begins ignores the files of recorders that had ended before: their recordings are
from an earlier run, and it may replace them.

Windows has no such locks, and some network file systems have none. There, recorders do not notice each other.
"""

from __future__ import annotations

import logging
import os
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from . import files

log = logging.getLogger(__name__)

_FOLDER = ".recorders.tmp"
_ENDING = ".claim"

# When the options of a process change, its next recorder follows the one before, and may replace its recordings.
_PROCESS = secrets.token_hex(8)

# It takes a few milliseconds to put files into place. A process that takes longer than this has been stopped.
_LONGEST_WAIT_S = 2
_PAUSE_S = 0.002


class Claim:
    """One recorder's part of a folder. Its methods block on the disk, and are called from one thread at a time."""

    def __init__(self, directory: Path, process: str = _PROCESS) -> None:
        """Prepare a claim to the folder of the recordings; `process` is a name that no other process has."""
        self._directory = directory
        self._folder = directory / _FOLDER
        self._process = process
        self._file: BinaryIO | None = None
        self._own: set[str] = set()
        self._ended_before: frozenset[str] = frozenset()
        self._names: dict[str, tuple[int, frozenset[str]]] = {}

    def begin(self) -> None:
        """Claim the folder if it is there, and say in the log if another process records into it, too."""
        is_claimed = self._file is not None and self._folder.is_dir()
        if is_claimed or not self._directory.is_dir():
            return
        try:
            with self.exclusive():
                self._begin()
        except OSError as exc:
            log.debug("The folder %s cannot be claimed: %s", self._directory, exc)
            return
        if self.has_company():
            log.warning(
                "Another process records into %s, too. Neither replaces the other's recordings: of the same request, "
                "each answer gets the next number.",
                self._directory,
            )

    def _begin(self) -> None:
        self._folder.mkdir(exist_ok=True)
        if self._folder.is_symlink():
            raise OSError(0, f"{self._folder} is a link, which may lead anywhere")
        others = list(self._others())
        ended = [path for path in others if not _is_held(path)]
        if len(ended) == len(others):
            _remove(ended)
        self._ended_before = frozenset(path.name for path in ended)
        name = f"{self._process}-{secrets.token_hex(4)}{_ENDING}"
        file = open(self._folder / name, "xb")  # noqa: SIM115 (open is held)
        _lock(file.fileno())
        file.write(b"".join(_line(name) for name in sorted(self._own)))
        file.flush()
        self._file = file

    def end(self) -> None:
        """Give the folder back; the names of the recordings stay there for the recorders that still work."""
        file, self._file = self._file, None
        if file is None:
            return
        try:
            with self.exclusive():
                file.close()
                if not any(map(_is_held, self._files())):
                    _remove(self._files())
                    self._folder.rmdir()
        except OSError as exc:
            log.debug("The claim to %s is left behind: %s", self._directory, exc)

    def has_company(self) -> bool:
        """Tell whether another process records into the folder now."""
        with self.exclusive():
            return any(map(_is_held, self._others()))

    def is_anothers(self, name: str) -> bool:
        """Tell whether another process wrote the recording of this name, at the same time as this one records."""
        return name not in self._own and any(name in self._written_by(path) for path in self._others())

    def note(self, name: str) -> None:
        """Take note that this recorder writes a recording of this name."""
        if name in self._own:
            return
        self._own.add(name)
        if self._file is not None:
            self._file.write(_line(name))
            self._file.flush()

    def forget(self, name: str) -> None:
        """Take note that the recording of this name is gone; another recorder may take the name."""
        self._own.discard(name)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keep other recorders from putting files into the folder until the block ends.

        A recorder that was stopped in its block is not waited for longer than a moment: the recordings must go on.
        """
        try:
            descriptor = os.open(self._directory, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:  # the folder is gone, or the system opens no folders
            yield
            return
        try:
            end = time.monotonic() + _LONGEST_WAIT_S
            while not _lock(descriptor) and time.monotonic() < end:
                time.sleep(_PAUSE_S)
            yield
        finally:
            os.close(descriptor)

    def _files(self) -> list[Path]:
        with suppress(OSError), os.scandir(self._folder) as entries:
            return [Path(entry.path) for entry in entries if entry.name.endswith(_ENDING)]
        return []

    def _others(self) -> Iterator[Path]:
        """Yield the files of other processes' recorders that work, or have worked since this one began."""
        for path in self._files():
            if not path.name.startswith(f"{self._process}-") and path.name not in self._ended_before:
                yield path

    def _written_by(self, path: Path) -> frozenset[str]:
        """Return the names in a recorder's file, which is read again only if it has grown."""
        try:
            size = path.stat().st_size
            known, found = self._names.get(path.name, (-1, frozenset()))
            if size != known:
                _, content = files.read_file(path)
                found = frozenset(map(os.fsdecode, content.splitlines()))
                self._names[path.name] = size, found
        except OSError:
            return frozenset()
        return found


def _line(name: str) -> bytes:
    return os.fsencode(name) + b"\n"


def _remove(paths: list[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _is_held(path: Path) -> bool:
    """Tell whether the recorder of a file still works."""
    try:
        with files.open_file(path) as file:
            return not _lock(file.fileno())
    except OSError:
        return False


def _lock(descriptor: int) -> bool:
    """Lock a file until it is closed; False if another recorder holds it."""
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True
