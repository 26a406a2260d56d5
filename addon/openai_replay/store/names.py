r"""File names in a folder of recordings: build and parse them.

    <hash>.json                      the first recording of a request; `hash` is the format's request hash
    <hash>-2.json, <hash>-3.json     recordings of the same request that followed in one run, or of another request
                                     with the same hash
    <hash>-at-<host>.json            of another host, where `<hash>.json` is taken
    models-<hash>-<digest>.json      a list of models; `digest` is the digest of the models' ids
    <stem><ending>                   the body of `<stem>.json` where it is not JSON: `<hash>.mp3`
    .<name>.<pid>.<random>.tmp       a file that is being written

A name without its folder and without `.json` is a stem. People name their own recordings as they like: a name that is
not of this grammar is the first of its series.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..format.short_text import ELLIPSIS

ENDING = ".json"

# How many numbers in a row may be missing from a series after a person deleted files.
_LONGEST_GAP = 8

_NUMBERED = re.compile(r"(?P<base>.+)-(?P<number>[1-9][0-9]*)")
_MODELS = re.compile(r"(?P<base>models-[0-9a-f]{64})-[0-9a-f]{8}")
_TEMPORARY = re.compile(r"\..+\.(?P<pid>[0-9]+)\.[0-9a-f]{8}\.tmp", re.DOTALL)

# The limit of common file systems.
_LONGEST_NAME_BYTES = 255

# A hash is shown by its first digits, which find the recording.
_HASH = re.compile(r"(?P<kind>models-)?(?P<beginning>[0-9a-f]{12})[0-9a-f]{52}")


def file_name(stem: str) -> str:
    """Return the name of a recording's file."""
    return f"{stem}{ENDING}"


def stem_of(path: str) -> str:
    """Return the path of a recording without its ending."""
    return path.removesuffix(ENDING)


def is_recording(name: str) -> bool:
    """Tell whether a file of this name may be a recording."""
    return name.endswith(ENDING) and not name.startswith(".")


def numbered_stem(stem: str, number: int) -> str:
    """Return the stem of the recording at a place of a series, from 1."""
    return stem if number == 1 else f"{stem}-{number}"


def split_number(path: str) -> tuple[str, int]:
    """Split `a/<base>-<n>.json` into `a/<base>` and n; a name without number is the first of its series."""
    stem = stem_of(path)
    if models := _MODELS.fullmatch(os.path.basename(stem)):
        return os.path.join(os.path.dirname(stem), models["base"]), 1
    if (numbered := _NUMBERED.fullmatch(stem)) and int(numbered["number"]) > 1:
        return numbered["base"], int(numbered["number"])
    return stem, 1


def of_models(request_hash: str, digest: str) -> str:
    """Return the stem of a list of models."""
    return f"models-{request_hash}-{digest}"


def at_host(stem: str, host: str) -> str:
    """Return the stem for a recording of a host whose usual name belongs to another host's recording."""
    # Without hyphens in the host, after which a number at the end would be one of a series.
    return f"{stem}-at-{re.sub('[^A-Za-z0-9.]', '_', host)}"


def companion(stem: str, ending: str) -> str:
    """Return the name of the file that holds a recording's body; `ending` begins with a full stop."""
    return f"{stem}{ending}"


def moved_companion(name: str, stem: str, new_stem: str) -> str:
    """Return the name of a companion whose recording moves from one stem to another."""
    ending = name.removeprefix(stem) if name.startswith(stem) else os.path.splitext(name)[1]
    return companion(new_stem, ending)


def is_companion(name: str, stem: str) -> bool:
    """Tell whether a file's name is that of a companion of the recording with this stem."""
    return name.startswith((f"{stem}.", f"{stem}-")) and not name.endswith(ENDING)


def is_file_name(name: str) -> bool:
    """Tell whether a text can be the name of a file in a folder, and of nothing outside of it."""
    return (
        name not in ("", ".", "..")
        and name == os.path.basename(name)
        and "\0" not in name
        and len(name.encode("utf-8", "surrogatepass")) <= _LONGEST_NAME_BYTES
    )


def temporary(name: str) -> str:
    """Return a name beside a file, for its content while it is written."""
    return f".{name}.{os.getpid()}.{secrets.token_hex(4)}.tmp"


def writer_of(name: str) -> int | None:
    """Return the process id in a name that `temporary` made, None for all other names."""
    match = _TEMPORARY.fullmatch(name)
    return None if match is None else int(match["pid"])


def shortened(path: str) -> str:
    """Return a path with the hash in its name cut to the first digits, as a person reads and types it."""
    return _HASH.sub(rf"\g<kind>\g<beginning>{ELLIPSIS}", path)


def is_meant(path: str, typed: str) -> bool:
    """Tell whether a person means a recording by the beginning of its name, or by a name as `shortened` shows it."""
    beginning, _, end = stem_of(typed).partition(ELLIPSIS)
    stem = stem_of(path)
    return stem.endswith(end) and (stem.startswith(beginning) or os.path.basename(stem).startswith(beginning))


def series(first: Path) -> Iterator[Path]:
    """Yield the files of a series that exist, from a given one on, which is yielded in any case."""
    yield first
    base, number = split_number(first.name)
    number, missing = number + 1, 0
    while missing < _LONGEST_GAP:
        path = first.with_name(file_name(numbered_stem(base, number)))
        if path.exists():
            yield path
            missing = 0
        else:
            missing += 1
        number += 1


def absent_from_series(paths: Sequence[Path]) -> Iterator[Path]:
    """Yield the paths that a series lacks: one for each number left out, and one for the next number."""
    first, last, present = paths[0], paths[-1], frozenset(paths)
    base, lowest = split_number(first.name)
    _, highest = split_number(last.name)
    for number in range(lowest + 1, highest + 2):
        path = first.with_name(file_name(numbered_stem(base, number)))
        if path not in present:
            yield path
