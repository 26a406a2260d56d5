"""Print recordings for a person: a table with one line each and totals, or one recording in full."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..collection.folder import recording_paths
from ..collection.overview import Entry, Sums
from ..collection.readable import lines_of
from ..errors import BadOption
from ..format.recording import dump_json
from ..format.short_text import ELLIPSIS, number_of, one_line
from ..replay.answer import render
from ..request.identity import describe
from ..request.redaction import redactor
from ..request.rules import Rules
from ..store import names
from ..store.index import Index
from ..store.store import Store

_LONGEST_PROMPT = 47

# How many recordings are named where one was meant.
_MOST_NAMED = 5

_DAY_S = 24 * 60 * 60


# --- many ---


def columns(found: Sequence[Entry]) -> Iterator[str]:
    """Yield a line for each recording, in columns."""
    rows = [_cells(entry) for entry in found]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True) if width)
        yield "  ".join(cells).rstrip()


def _cells(entry: Entry) -> tuple[str, ...]:
    prompt = one_line(entry.prompt, _LONGEST_PROMPT)
    test = f"[{entry.test_id}]" if entry.test_id else ""
    operation = f"{entry.method} {entry.endpoint}"
    return (entry.short_name(), operation, entry.model, str(entry.status), _answer(entry), prompt, test)


def _answer(entry: Entry) -> str:
    if entry.is_error:
        return "error"
    if entry.chunks is None:
        return ""
    return f"{number_of(entry.chunks, 'chunk')}{' then broken' if entry.is_broken else ''}"


def sum_line(sums: Sums) -> str:
    """Return the sums of a list in one line."""
    parts = [
        number_of(sums.recordings, "recording"),
        number_of(len(sums.tests), "test"),
        number_of(len(sums.hosts), "host"),
        f"{sums.tokens_in:,} tokens in, {sums.tokens_out:,} out",
        f"{sums.bytes / 1024:,.0f} KiB",
        _age(sums),
    ]
    return "; ".join(parts)


def _age(sums: Sums) -> str:
    oldest, newest = (int((time.time() - at) / _DAY_S) for at in (sums.oldest, sums.newest))
    return f"{number_of(oldest, 'day')} old" if oldest == newest else f"{newest} to {oldest} days old"


# --- one ---


class NoneFound(BadOption):
    """A folder has no recording of a name."""


def found(directory: Path, name: str) -> Path:
    """Return the recording that a person means by its name, or by the beginning of it as `list` shows it.

    Raises:
        NoneFound: there is none in the folder.
        BadOption: there are several.
    """
    paths = [path for path in recording_paths(directory) if names.is_meant(path, name)]
    # The beginning of a name is that of its repeats, too.
    firsts = [path for path in paths if names.split_number(path)[1] == 1] or paths
    if len(firsts) == 1:
        return directory / firsts[0]
    if not firsts:
        raise NoneFound(
            f"{name}: expected a file, or the beginning of a recording's name in {directory}; "
            "`openai-replay list` shows them, and --dir names another folder"
        )
    named = ", ".join([*firsts[:_MOST_NAMED], *([ELLIPSIS] if len(firsts) > _MOST_NAMED else [])])
    raise BadOption(f"{name}: expected one recording, {len(firsts)} begin so: {named}")


def readable(path: Path) -> Iterator[bytes]:
    """Yield a recording as a person reads it: texts, tool calls, usage and how it ended.

    Raises:
        BadRecording: the file is no recording that can be replayed.
    """
    stored = _store(path.absolute().parent).read_existing(path.absolute())
    yield from (f"{line}\n".encode("utf-8", "replace") for line in lines_of(stored.recording))


def raw(path: Path) -> Iterator[bytes]:
    """Yield the request of a recording as JSON, and then the bytes that a client gets.

    Raises:
        BadRecording: the file is no recording that can be replayed.
    """
    store = _store(path.absolute().parent)
    stored = store.read_existing(path.absolute())
    request = stored.recording.request
    described = describe(request.method, request.url, request.body, stored.recording.test_id, _rules())
    yield f"{request.method} {request.url}\n".encode()
    if stored.recording.test_id:
        yield f"test: {stored.recording.test_id}\n".encode()
    yield b"\n" + dump_json(request.body) + b"\n"
    answered = render([stored], described)
    yield f"{answered.status}{' (breaks off)' if answered.is_broken else ''}\n".encode()
    yield from (f"{name}: {value}\n".encode() for name, value in answered.headers)
    yield b"\n"
    yield from answered.pieces
    yield b"\n"


def _store(directory: Path) -> Store:
    return Store(directory, _rules(), Index(directory, _rules(), None))


def _rules() -> Rules:
    return Rules((), redactor(()))
