"""A lock file for each folder of recordings, by which a process notices that another one records into the folder too.

The lock is advisory, and the operating system releases it when its process ends, however that ends. It belongs to the
process (fcntl(2), record locks): a process may claim a folder several times. Windows has no such locks, and there
every folder passes for free.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import BinaryIO


def claimed(path: Path) -> BinaryIO | None:
    """Claim a lock file until the returned file is closed; None if another process holds it.

    Raises:
        OSError: the file cannot be created.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = open(path, "ab")  # noqa: SIM115 (the open file is the claim)
    if _is_taken(file):
        file.close()
        return None
    return file


def _is_taken(file: BinaryIO) -> bool:
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return True
    return False
