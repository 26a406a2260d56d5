"""Bodies that a HAR keeps in other files: beside it, or in the same zip file."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from .values import Unexpected

type Attached = Callable[[str], bytes]
"""Returns the content of a file by its name; raises Unexpected if it is not there, or is in another folder."""


def beside(path: Path) -> Attached:
    """Return the reader of the files beside a file."""

    def read(name: str) -> bytes:
        _refuse_folders(name)
        try:
            return path.with_name(name).read_bytes()
        except OSError as exc:
            raise Unexpected(f"expected the body beside the file, {name}: {exc.strerror}") from exc

    return read


def within(archive: zipfile.ZipFile, har: str) -> Attached:
    """Return the reader of the files beside a HAR in a zip file."""

    def read(name: str) -> bytes:
        _refuse_folders(name)
        try:
            return archive.read(str(PurePosixPath(har).with_name(name)))
        except KeyError as exc:
            raise Unexpected(f"expected the body in the zip file, it has no {name}") from exc

    return read


def _refuse_folders(name: str) -> None:
    """Refuse a name that leads elsewhere: a foreign file must not bring the machine's own files into recordings."""
    if name in ("", ".", "..") or PurePosixPath(name).name != name or "\\" in name:
        raise Unexpected(f"expected the name of a file for a body, got {name!r}")
