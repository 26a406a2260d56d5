"""recordings/: find, read, write, remove. The request inside a file decides what it answers; its name is a place.

Files are written beside their target and moved into place, so that a crash leaves the old file or the new one.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .errors import BadRecording, NotReplayable
from .identity import Asked, Identity, Rules, identify
from .index import Index, Row, Signature, signature_of, split_number
from .recording import FILE, JSON, Recording, decode

# How many numbers in a row may be missing from a sequence whose files somebody deleted.
_LONGEST_GAP = 8


@dataclass(frozen=True, slots=True)
class Stored:
    """A recording as it was read from a file."""

    path: Path
    signature: Signature
    recording: Recording
    identity: Identity


class Store:
    """The recordings of one folder."""

    def __init__(self, directory: Path, rules: Rules, index: Index) -> None:
        self.directory = directory
        self.index = index
        self._rules = rules

    def read(self, path: Path) -> Stored | None:
        """Read a file; None when it does not exist.

        Raises:
            BadRecording: it cannot be read.
        """
        try:
            with open(path, "rb") as file:
                signature = signature_of(os.fstat(file.fileno()))
                raw = file.read()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as exc:
            raise BadRecording(path, f"expected a readable file, {exc.strerror}") from exc
        recording = decode(raw, path)
        request = recording.request
        return Stored(
            path, signature, recording, identify(request.method, request.url, request.body, self._rules)
        )

    def read_existing(self, path: Path) -> Stored:
        """Read a file that must be there.

        Raises:
            BadRecording: it cannot be read, or is gone.
        """
        stored = self.read(path)
        if stored is None:
            raise BadRecording(path, "expected a recording, the file is gone")
        return stored

    def answering(self, path: Path, asked: Asked) -> Stored | None:
        """Read a file; None when it holds no recording of the request, by whatever test.

        Raises:
            BadRecording: it cannot be read.
        """
        with suppress(NotReplayable):
            stored = self.read(path)
            if stored is not None and stored.identity.key == asked.identity.key:
                return stored
        return None

    def named(self, asked: Asked) -> Stored | None:
        """Read the recording under the request's own name, None when there is none of this test.

        It is looked for in the folder itself, without an index.

        Raises:
            BadRecording: the file of that name cannot be read.
        """
        if asked.is_model_list():
            return None  # their names end in a digest of the answer
        for name in asked.names(asked.test_id):
            stored = self.answering(self.directory / f"{name}.json", asked)
            if (
                stored is not None
                and stored.recording.test_id == asked.test_id
                and stored.identity.stream_options == asked.identity.stream_options
            ):
                return stored
        return None

    def chosen(
        self, asked: Asked, rows: Sequence[Row], *, own_test_only: bool, but: Iterable[Path]
    ) -> list[Path]:
        """Return the sequence that answers among the index's rows of a request, [] when none may.

        The request's own test comes first, then recordings without a test id, then any other test's, each in
        file-name order; among them one with equal `stream_options`.

        Args:
            own_test_only: another test's recordings must not answer.
            but: files that must not answer.
        """
        excluded = set(but)
        rows = [row for row in rows if self.directory / row.path not in excluded]
        if asked.is_model_list():
            return self._joined_models(asked, rows, own_test_only=own_test_only)
        for tier in _tiers(asked.test_id, rows, own_test_only=own_test_only):
            equal = [row for row in tier if row.stream_options == asked.identity.stream_options]
            if chosen := equal or tier:
                return [self.directory / row.path for row in _first_sequence(chosen)]
        return []

    def _joined_models(self, asked: Asked, rows: Sequence[Row], *, own_test_only: bool) -> list[Path]:
        for tier in _tiers(asked.test_id, rows, own_test_only=own_test_only and not asked.is_shared()):
            if tier:
                return [self.directory / row.path for row in rows if row.group() == tier[0].group()]
        return []

    def write(self, name: str, content: bytes, *, before_replacing: Callable[[], None] | None = None) -> Path:
        """Write a file of the folder, whole or not at all.

        Args:
            name: the file's name, without a folder.
            before_replacing: called when the content is on disk, just before it takes its place.

        Raises:
            OSError: it could not be written; what was there is as it was.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        target = self.directory / name
        beside = self.directory / f".{name}.{os.getpid()}.{secrets.token_hex(4)}.tmp"
        try:
            beside.write_bytes(content)
            if before_replacing is not None:
                before_replacing()
            beside.replace(target)
        except BaseException:
            with suppress(OSError):
                beside.unlink()
            raise
        return target

    def remove(self, path: Path) -> None:
        """Remove a recording and the file of its body; one that is gone already is none the worse."""
        companions = list(self.companions(path))
        path.unlink(missing_ok=True)
        for companion in companions:
            companion.unlink(missing_ok=True)

    def companions(self, path: Path) -> Iterator[Path]:
        """Yield the files beside a recording that hold what its body is not JSON."""
        with suppress(BadRecording):
            stored = self.read(path)
            if stored is not None and (
                companion := companion_of(stored.path, stored.recording.response.body)
            ):
                yield companion


def companion_of(path: Path, body: JSON) -> Path | None:
    """Return the file that a response's body is in, None when it is in the recording itself.

    Raises:
        BadRecording: the file is named with a folder, which could lead anywhere.
    """
    if not isinstance(body, dict) or body.keys() != {FILE}:
        return None
    name = body[FILE]
    if not isinstance(name, str) or not name or name != os.path.basename(name) or name in (".", ".."):
        raise BadRecording(
            path, f"expected the name of a file beside the recording, got {name!r}", "$.response.body"
        )
    return path.parent / name


def _tiers(test_id: str | None, rows: Sequence[Row], *, own_test_only: bool) -> Iterator[list[Row]]:
    yield [row for row in rows if row.test_id == test_id]
    if not own_test_only:
        yield [row for row in rows if row.test_id is None]
        yield [row for row in rows if row.test_id is not None]


def _first_sequence(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of the first sequence in file-name order, by their numbers."""
    first = min(row.group() for row in rows)
    return sorted((row for row in rows if row.group() == first), key=Row.number)


def next_number(path: Path) -> Path:
    """Return the file that the next recording of a sequence has, whether it exists or not."""
    base, number = split_number(path.name)
    return path.with_name(f"{base}-{number + 1}.json")


def numbered(first: Path) -> Iterator[Path]:
    """Yield the files of a sequence that exist, from its first one on."""
    yield first
    number, missing = 2, 0
    while missing < _LONGEST_GAP:
        path = first.with_name(f"{first.stem}-{number}.json")
        if path.exists():
            yield path
            missing = 0
        else:
            missing += 1
        number += 1
