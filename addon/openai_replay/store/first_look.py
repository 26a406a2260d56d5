"""The first look at a large folder: another process makes the index, and says first which files answer one request.

To describe 100,000 files takes seconds. To search them for the texts of a request takes a fraction of that, and where
there is no row of an earlier run, the files that hold the texts are all that can answer. So the request that makes the
index necessary is answered as soon as these are described; later ones wait for the whole index.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..request.rules import Rules
from .other_process import OtherProcess

BUILDER = "store.index:build"

# Path, `stream_options` and test id of a recording, as in the index's table.
type FoundRow = tuple[bytes, str, bytes | None]


@dataclass(frozen=True, slots=True)
class Order:
    """The index to make, of `directory` and kept in `folder`, and the request to be answered first.

    `key` is the request's identity key, `texts` its `literals`; without texts none is answered first.
    """

    directory: Path
    rules: Rules
    folder: Path
    key: str
    texts: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Early:
    """The folders with their modification times, and the rows of the request; none if that needs the whole index."""

    folders: Mapping[str, int]
    rows: Sequence[FoundRow]


@dataclass(frozen=True, slots=True)
class Look:
    """How the folder was when the index was made (see `Index`), and the warnings for the log."""

    has_plain_files: bool
    has_new_rows: bool
    warnings: Sequence[str]


class FirstLook:
    """The first look at a folder while another process is at it."""

    def __init__(self, order: Order, changes: int | None) -> None:
        """Begin; `changes` is the number of changes in the folder so far, None where it is not watched."""
        self.changes = changes
        self._process = OtherProcess(BUILDER)
        self._process.send(order)

    def early(self) -> Early | None:
        """Wait for the first rows; None where the process failed."""
        result = self._process.receive()
        return result if isinstance(result, Early) else None

    def look(self) -> Look | None:
        """Wait until the index is made; None where the process failed."""
        result = self._process.receive()
        self._process.close()
        return result if isinstance(result, Look) else None

    def give_up(self) -> None:
        """End the process; what it wrote does not count."""
        self._process.kill()
