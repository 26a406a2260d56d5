"""Read and write files of a folder of recordings: regular files of a bounded size, whole or not at all.

A file is written beside its target and then moved into place, so that a process that is killed leaves the old file or
the new one. Files that it leaves beside a target are removed by the next run. After a power cut the last recordings may
be missing or empty: `fsync` of file and folder was measured, and took 7 to 11 ms for each recording, which is more than
a recording is worth that can be made again.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from contextlib import suppress
from io import BufferedReader
from pathlib import Path

from . import names

# Larger files are no recordings, and would fill the memory.
MOST_FILE_BYTES = 1024 * 1024 * 1024

# Nothing is written for so long: the number of the process in an older name belongs to another process by now.
_LONGEST_WRITING_S = 600

# O_NONBLOCK: a pipe is not waited for. O_BINARY: Windows leaves the ends of lines alone.
_READING = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)

_IGNORED = "# Files that are being written.\n.*.tmp\n"


def read_file(path: Path | str, most: int = MOST_FILE_BYTES) -> tuple[os.stat_result, bytes]:
    """Return the state and the content of a regular file; see `open_file`.

    Raises:
        OSError: it cannot be read, is no regular file, or is larger than `most` bytes.
    """
    descriptor, status = _opened(path, most)
    try:
        return status, _content(descriptor, status.st_size)
    finally:
        os.close(descriptor)


def _content(descriptor: int, size: int) -> bytes:
    """Return the first `size` bytes of a file; without a file object, which takes as long as reading."""
    pieces = []
    while size > 0 and (piece := os.read(descriptor, size)):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def open_file(path: Path | str, most: int = MOST_FILE_BYTES) -> BufferedReader:
    """Open a regular file, which may stand behind links, for reading.

    A pipe or a device is not opened: it might never end. It is not waited for, either.

    Raises:
        OSError: it cannot be read, is no regular file, or is larger than `most` bytes.
    """
    return open(_opened(path, most)[0], "rb")


def _opened(path: Path | str, most: int) -> tuple[int, os.stat_result]:
    """Return the descriptor and the state of a regular file."""
    descriptor = os.open(path, _READING)
    try:
        status = os.fstat(descriptor)
        _check(status, most)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor, status


def _check(status: os.stat_result, most: int) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(0, "it is no regular file")
    if status.st_size > most:
        raise OSError(0, f"it has {status.st_size:,} bytes, more than {most:,}")


def holds_recording(folder: Path | str) -> bool:
    """Tell whether a folder or a subfolder (no hidden one) holds a file that may be a recording; stops at the first."""
    with suppress(OSError), os.scandir(folder) as entries:
        return any(_is_or_holds_recording(entry) for entry in entries)
    return False


def _is_or_holds_recording(entry: os.DirEntry[str]) -> bool:
    if entry.is_dir(follow_symlinks=False):
        return not entry.name.startswith(".") and holds_recording(entry.path)
    return names.is_recording(entry.name) and entry.is_file()


def prepare_folder(folder: Path) -> None:
    """Create a folder of recordings if need be, and let git ignore the files that are being written.

    A `.gitignore` that is there stays as it is.

    Raises:
        OSError: it cannot be created.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError), open(folder / ".gitignore", "x", encoding="utf-8") as file:
        file.write(_IGNORED)


def remove_left_behind(folder: Path) -> None:
    """Remove the temporary files of processes that are gone."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                if _is_left_behind(entry):
                    os.unlink(entry.path)


def _is_left_behind(entry: os.DirEntry[str]) -> bool:
    """Tell whether the writer of a temporary file is gone; another process may have its number by now."""
    writer = names.writer_of(entry.name)
    if writer is None:
        return False
    return not _is_running(writer) or time.time() - entry.stat().st_mtime > _LONGEST_WRITING_S


def _is_running(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        pass  # of another user
    return True
