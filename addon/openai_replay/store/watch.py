"""Watch the recordings' folder with inotify: as long as nothing changed there, no file has to be looked at again.

The kernel queues an event before the system call that changes a file returns. So a caller that first takes the events
and then compares `changes` overlooks no earlier change. Not every folder can be watched like that: only Linux has
inotify, network file systems report only changes made on this machine, and a file with a second name (a symbolic or
hard link) can be changed through the other name. Then the caller has to look at the files, as without a watch.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

# File systems that only this machine's kernel changes (the names of /proc/self/mountinfo).
_LOCAL_FILE_SYSTEMS = frozenset(
    {"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "bcachefs", "zfs", "tmpfs", "overlay"}
)

# inotify(7): the masks of <sys/inotify.h>.
_MODIFY, _ATTRIB, _CLOSE_WRITE, _MOVED_FROM, _MOVED_TO = 0x2, 0x4, 0x8, 0x40, 0x80
_CREATE, _DELETE, _DELETE_SELF, _MOVE_SELF = 0x100, 0x200, 0x400, 0x800
_UNMOUNT, _OVERFLOW, _IGNORED, _IS_FOLDER = 0x2000, 0x4000, 0x8000, 0x4000_0000
_IN_FOLDER = (
    _MODIFY | _ATTRIB | _CLOSE_WRITE | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE | _DELETE_SELF | _MOVE_SELF
)
_OF_ANCESTOR = _DELETE_SELF | _MOVE_SELF
_ADD_ONLY = 0x2000_0000  # keeps the events of a folder that is watched already

_EVENT = struct.Struct("iIII")
_BUFFER_BYTES = 64 * 1024


class FolderWatch:
    """Counts the changes in a folder and all below it."""

    def __init__(self, top: Path) -> None:
        """Watch from now on.

        Raises:
            OSError: this folder cannot be watched.
        """
        _refuse_unwatchable(top)
        self._top = top
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._file = _checked(self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC), top)
        self._folders: dict[int, str] = {}
        self._is_sound = True
        self._changes = 0
        try:
            self._watch_folders()
            self._ancestors = {self._add(folder, _OF_ANCESTOR | _ADD_ONLY) for folder in top.parents}
        except BaseException:
            self.close()
            raise

    def fileno(self) -> int:
        """Return the file descriptor that becomes readable when there are events to take."""
        return self._file

    @property
    def changes(self) -> int | None:
        """The number of changes so far; None once the folder itself was moved or removed, and is watched no longer."""
        return self._changes if self._is_sound else None

    def take_events(self) -> None:
        """Count the changes that the kernel has queued."""
        with suppress(BlockingIOError):
            while events := os.read(self._file, _BUFFER_BYTES):
                for number, mask in _events(events):
                    self._take(number, mask)

    def covers(self, paths: Iterable[Path]) -> bool:
        """Tell whether each change to these files is counted: they are in watched folders, and have no other name."""
        try:
            return all(self._covers(path) for path in paths)
        except OSError:
            return False

    def close(self) -> None:
        """Stop watching."""
        if self._is_sound or self._file >= 0:
            self._is_sound = False
            os.close(self._file)
            self._file = -1

    def _covers(self, path: Path) -> bool:
        status = path.lstat()
        return (
            stat.S_ISREG(status.st_mode)
            and status.st_nlink == 1
            and str(path.parent) in self._folders.values()
        )

    def _take(self, number: int, mask: int) -> None:
        self._changes += 1
        is_top_or_above = number in self._ancestors or self._folders.get(number) == str(self._top)
        if is_top_or_above and mask & (_UNMOUNT | _IGNORED | _DELETE_SELF | _MOVE_SELF):
            self._is_sound = False
        elif mask & (_IS_FOLDER | _OVERFLOW | _DELETE_SELF | _MOVE_SELF) and self._is_sound:
            self._watch_again()

    def _watch_again(self) -> None:
        """Watch folders that are new, under the paths that they have now."""
        try:
            self._folders.clear()
            self._watch_folders()
        except OSError:
            self._is_sound = False

    def _watch_folders(self) -> None:
        def refuse(problem: OSError) -> None:
            raise problem

        self._folders[self._add(self._top, _IN_FOLDER)] = str(self._top)
        for folder, names, _ in os.walk(self._top, onerror=refuse):
            for name in names:
                path = os.path.join(folder, name)
                if not os.path.islink(path):
                    self._folders[self._add(path, _IN_FOLDER)] = path

    def _add(self, path: Path | str, mask: int) -> int:
        return _checked(self._libc.inotify_add_watch(self._file, os.fsencode(path), mask), path)


def watch(top: Path) -> FolderWatch | None:
    """Watch a folder; None where that is not possible, or would not see each change."""
    try:
        return FolderWatch(top)
    except OSError:
        return None


def _refuse_unwatchable(top: Path) -> None:
    if sys.platform != "linux":
        raise OSError("inotify is Linux's")
    if top.resolve() != top:
        raise OSError(f"{top} leads through a symbolic link, which may come to lead elsewhere")
    kind = _file_system(top, Path("/proc/self/mountinfo").read_text(errors="surrogateescape"))
    if kind not in _LOCAL_FILE_SYSTEMS:
        raise OSError(f"{top} is on {kind}, which others may change unseen")


def _file_system(path: Path, mounts: str) -> str:
    """Return the kind of file system that a path is on; `mounts` as in proc_pid_mountinfo(5), later ones on top."""
    found = ("", "")
    for line in mounts.splitlines():
        fields, _, source = line.partition(" - ")
        point = (
            fields.split(" ")[4]
            .encode("utf-8", "surrogateescape")
            .decode("unicode_escape", "surrogateescape")
        )
        if path.is_relative_to(point) and len(point) >= len(found[0]):
            found = (point, source.split(" ")[0])
    return found[1]


def _events(raw: bytes) -> Iterator[tuple[int, int]]:
    """Yield watch descriptor and mask of each event in a buffer."""
    at = 0
    while at < len(raw):
        number, mask, _, name_bytes = _EVENT.unpack_from(raw, at)
        yield number, mask
        at += _EVENT.size + name_bytes


def _checked(result: int, path: Path | str) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(path))
    return result
