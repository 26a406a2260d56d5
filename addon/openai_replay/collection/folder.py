"""The files of a folder of recordings, each read once, on all processors."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import batched
from pathlib import Path

from ..errors import OpenAIReplayError
from ..options_file import NAME as OPTIONS_FILE
from ..store import names

_DOCUMENTS = (".md", ".rst", ".toml", ".yaml", ".yml")

# Files that one process reads at a time, and the smallest number of files for which a second process pays off.
_BATCH = 64
_FEW = 500


def recording_paths(directory: Path) -> list[str]:
    """Return the paths of all files that may be recordings, relative to the folder, by name, each series by number."""
    recordings = (path for path in all_paths(directory) if names.is_recording(os.path.basename(path)))
    return sorted(recordings, key=names.split_number)


def all_paths(directory: Path) -> list[str]:
    """Return the paths of all files outside hidden subfolders, relative to the folder, in order.

    Raises:
        OpenAIReplayError: a subfolder cannot be read.
    """
    found = []
    for folder, subfolders, files in os.walk(directory, onerror=_refuse):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        relative = os.path.relpath(folder, directory)
        found += [name if relative == "." else os.path.join(relative, name) for name in files]
    return sorted(found)


def is_document(name: str) -> bool:
    """Tell whether a file's name is that of a text that people put beside recordings."""
    return name == OPTIONS_FILE or name.endswith(_DOCUMENTS) or name.startswith(("LICENSE", "NOTICE"))


def odd_folders(directory: Path) -> list[tuple[str, str]]:
    """Return (path, problem) of folders whose recordings are not read, or that look like a recording."""
    found = []
    for folder, subfolders, _ in os.walk(directory):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in subfolders:
            path = os.path.join(folder, name)
            if os.path.islink(path):
                found.append(
                    (os.path.relpath(path, directory), "expected no link to a folder, it is not read")
                )
            elif names.is_recording(name):
                found.append((os.path.relpath(path, directory), "expected a recording, it is a folder"))
    return found


def _refuse(error: OSError) -> None:
    if isinstance(error, FileNotFoundError):
        return  # nothing is recorded yet
    raise OpenAIReplayError(
        f"{error.filename}: expected a folder that can be read, {error.strerror}"
    ) from error


def each[T](
    work: Callable[[Sequence[str]], list[T]], paths: Sequence[str], step: Callable[[], None]
) -> Iterator[T]:
    """Yield the results of `work` on batches of paths, in their order.

    Args:
        work: has to be picklable, because other processes do it where there are many paths.
        step: called for each path that is done.
    """
    for batch, results in zip(batched(paths, _BATCH), _results(work, paths), strict=True):
        yield from results
        for _ in batch:
            step()


def _results[T](work: Callable[[Sequence[str]], list[T]], paths: Sequence[str]) -> Iterator[list[T]]:
    batches = [*batched(paths, _BATCH)]
    if len(paths) < _FEW or (os.cpu_count() or 1) == 1:
        yield from map(work, batches)
        return
    with ProcessPoolExecutor() as pool:
        yield from pool.map(work, batches)
