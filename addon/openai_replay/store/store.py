"""Find, read, write and remove recordings on disk.

A recording answers the request that is inside its file. The file's name is only its place.

Files are written beside their target and moved into place, so that a crash leaves the old file or the new one.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from ..errors import BadRecording, NameTaken, NotReplayable
from ..format.recording import JSON, Recording, Response, decode, encode
from ..format.short_text import shortened
from ..request import secret_gate
from ..request.identity import ApiRequest, Identity
from ..request.rules import Rules
from ..request.scope import cassette_spelling
from ..request.stream_options import suffices
from ..request.urls import authority
from . import files, names
from .claim import Claim
from .index import Index, Row, signature_of
from .index_rows import Signature, identity_of
from .watch import FolderWatch

log = logging.getLogger(__name__)

# How much of an invalid name an error message quotes, in characters.
_LONGEST_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Stored:
    """A recording as it was read from a file."""

    path: Path
    signature: Signature
    recording: Recording
    identity: Identity


@dataclass(frozen=True, slots=True)
class Named:
    """The first recording of a request under its own name; `passed` are files of other requests before it."""

    first: Stored
    passed: Mapping[Path, Signature]


class Store:
    """The recordings of one folder."""

    def __init__(
        self,
        directory: Path,
        rules: Rules,
        index: Index,
        watch: FolderWatch | None = None,
        claim: Claim | None = None,
    ) -> None:
        """Open a folder.

        Args:
            watch: the watch over it, None where each look-up has to check the files.
            claim: keeps off the files of other recorders, None where the caller alone writes.
        """
        self.directory = directory
        self.index = index
        self.watch = watch
        self.claim = claim
        self._rules = rules
        self._is_prepared = False

    def read(self, path: Path) -> Stored | None:
        """Read a file; None when it does not exist.

        Raises:
            BadRecording: it cannot be read.
        """
        try:
            status, raw = files.read_file(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as exc:
            raise BadRecording(path, f"expected a readable file, {exc.strerror}") from exc
        recording = decode(raw, path)
        return Stored(
            path, signature_of(status), recording, identity_of(recording.request, path, self._rules)
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

    def answering(self, path: Path, api_request: ApiRequest) -> Stored | None:
        """Read a file; None when it holds no recording of the request. The test that recorded it does not matter here.

        Raises:
            BadRecording: it cannot be read.
        """
        with suppress(NotReplayable):
            stored = self.read(path)
            if stored is not None and stored.identity.key == api_request.identity.key:
                return stored
        return None

    def named(self, api_request: ApiRequest) -> Named | None:
        """Find the first recording under the request's own name, None when there is none of this test.

        It is looked for in the folder itself, without an index. Another request with the same hash may have the name,
        and a number of its series is then this one's.

        Raises:
            BadRecording: a file of that name cannot be read.
        """
        if api_request.is_model_list():
            return None  # their names end in a digest of the answer
        passed: dict[Path, Signature] = {}
        for name in api_request.names(api_request.test_id):
            for path in names.series(self.directory / names.file_name(name)):
                stored = self._read_replayable(path)
                if stored is None:
                    break
                if is_own(stored, api_request):
                    return Named(stored, passed)
                passed[path] = stored.signature
        return None

    def _read_replayable(self, path: Path) -> Stored | None:
        with suppress(NotReplayable):
            return self.read(path)
        return None

    def belongs_to_another(self, path: Path, api_request: ApiRequest) -> bool:
        """Tell whether a file is a recording of another request, of another test, or by another recorder at work.

        One that is broken is not.
        """
        if not path.exists():
            return False
        if self.is_anothers(path):
            return True
        try:
            stored = self.read(path)
        except NotReplayable:
            return True
        except BadRecording:
            return False
        return stored is not None and not is_own(stored, api_request)

    def name_beside_other_hosts(self, name: str, api_request: ApiRequest) -> str:
        """Return the name for a recording of the request: `name`, unless a recording of another host has it.

        The format's hash does not count the host, so that the same request to two hosts has one hash.
        """
        host = authority(urlsplit(api_request.url))
        with suppress(BadRecording):
            stored = self.read(self.directory / names.file_name(name))
            if stored is not None and authority(urlsplit(stored.recording.request.url)) != host:
                return names.at_host(name, host)
        return name

    def chosen(
        self, api_request: ApiRequest, rows: Sequence[Row], *, own_test_only: bool, but: Iterable[Path]
    ) -> list[Path]:
        """Return the sequence that answers among the index's rows of a request, [] when none may.

        The request's own test comes first, then its id as the name of an imported cassette spells it, then recordings
        without a test id, then any other test's, each in file-name order; among them one with equal `stream_options`,
        else one that gives no less than the request's.

        Args:
            own_test_only: another test's recordings must not answer.
            but: files that must not answer.
        """
        excluded = set(but)
        rows = [row for row in rows if self.directory / row.path not in excluded]
        if api_request.is_model_list():
            return self._joined_models(api_request, rows, own_test_only=own_test_only)
        for tier in _tiers(api_request.test_id, rows, own_test_only=own_test_only):
            wanted = api_request.identity.stream_options
            equal = [row for row in tier if row.stream_options == wanted]
            if chosen := equal or [row for row in tier if suffices(row.stream_options, wanted)]:
                return [self.directory / row.path for row in _first_sequence(chosen)]
        return []

    def _joined_models(
        self, api_request: ApiRequest, rows: Sequence[Row], *, own_test_only: bool
    ) -> list[Path]:
        for tier in _tiers(
            api_request.test_id, rows, own_test_only=own_test_only and not api_request.is_shared()
        ):
            if tier:
                return [self.directory / row.path for row in rows if row.group() == tier[0].group()]
        return []

    def write(
        self,
        name: str,
        content: Iterable[bytes],
        *,
        companions: Sequence[tuple[str, Iterable[bytes]]] = (),
        after_replacing: Callable[[], None] | None = None,
        credentials: Sequence[str] = (),
        is_joint: bool = False,
    ) -> Path:
        """Write a recording and the files beside it, whole or not at all.

        Args:
            name: the file's name, without a folder.
            content: its bytes, in pieces.
            companions: name and content, in pieces, of the files beside it.
            after_replacing: called when the content is in its place, to remove other files that it replaces.
            credentials: secrets of the request, which none of the files may hold in any spelling.
            is_joint: it may replace a file that another recorder wrote at the same time, which is equal.

        Raises:
            HoldsSecret: one of them does; the folder is as it was.
            NameTaken: another recorder wrote a file of this name at the same time; the folder is as it was.
            OSError: it could not be written; earlier files are unchanged.
        """
        secret_gate.refuse_name(name, credentials)
        self._prepare()
        contents = [*companions, (name, content)]
        beside = [
            (self.directory / names.temporary(file_name), self.directory / file_name)
            for file_name, _ in contents
        ]
        try:
            for (path, target), (_, pieces) in zip(beside, contents, strict=True):
                with open(path, "wb") as file:
                    file.writelines(secret_gate.checked(pieces, credentials, _kind_of(target)))
            outdated = self._put_in_place(name, beside, is_joint=is_joint)
        except BaseException:
            for path, _ in beside:
                with suppress(OSError):
                    path.unlink()
            raise
        for path in outdated:
            path.unlink(missing_ok=True)
        if after_replacing is not None:
            after_replacing()
        return self.directory / name

    def _put_in_place(self, name: str, beside: Sequence[tuple[Path, Path]], *, is_joint: bool) -> set[Path]:
        """Move finished files, (path, target) each, to their targets; return the files that are needed no more."""
        with self._exclusive():
            if not is_joint:
                self._refuse_taken(self.directory / name)
            outdated = set(self.companions(self.directory / name)) - {target for _, target in beside}
            self._note(name)
            for path, target in beside:
                path.replace(target)
        return outdated

    def _prepare(self) -> None:
        """Make the folder ready before the first file of this run is written."""
        if self._is_prepared and self.directory.is_dir():
            return
        files.prepare_folder(self.directory)
        if self.claim is not None:
            self.claim.begin()
        if self.claim is None or not self.claim.has_company():
            files.remove_left_behind(self.directory)
        self._is_prepared = True

    def is_anothers(self, path: Path) -> bool:
        """Tell whether another recorder wrote a file, at the same time as this one records."""
        return self.claim is not None and path.parent == self.directory and self.claim.is_anothers(path.name)

    def _exclusive(self) -> AbstractContextManager[None]:
        return nullcontext() if self.claim is None else self.claim.exclusive()

    def _refuse_taken(self, path: Path) -> None:
        if path.exists() and self.is_anothers(path):
            raise NameTaken(path)

    def _note(self, name: str) -> None:
        if self.claim is not None:
            self.claim.note(name)

    def move(self, path: Path, target: Path) -> None:
        """Give a recording another name in its folder, and the files beside it with it.

        Raises:
            NameTaken: another recorder wrote a file of that name at the same time.
            OSError: it is gone, or the disk does not let it.
        """
        companions = list(self.companions(path))
        stored = self.read(path) if companions else None
        if stored is None:
            self._move_alone(path, target)
            return
        old = {holds: str(name) for holds, name in stored.recording.response.companions().items()}
        new = {holds: names.moved_companion(name, path.stem, target.stem) for holds, name in old.items()}
        response = stored.recording.response.with_companions(new)
        moved = encode(replace(stored.recording, response=response))
        content = [(new[holds], [companion_content(path, path.parent / name)]) for holds, name in old.items()]
        self.write(target.name, [moved], companions=content)
        self.remove(path)

    def _move_alone(self, path: Path, target: Path) -> None:
        with self._exclusive():
            self._refuse_taken(target)
            self._note(target.name)
            path.replace(target)
            self._forget(path)

    def contents(self, path: Path) -> tuple[bytes, dict[str, bytes]]:
        """Return the content of a recording, and of the files beside it by name.

        Raises:
            OSError: one of them cannot be read.
        """
        beside = {companion.name: files.read_file(companion)[1] for companion in self.companions(path)}
        return files.read_file(path)[1], beside

    def remove(self, path: Path) -> None:
        """Remove a recording and the files beside it; no error if it is already gone.

        It stays if another recorder has put a recording in its place.
        """
        with self._exclusive():
            if self.is_anothers(path):
                return
            companions = list(self.companions(path))
            path.unlink(missing_ok=True)
            for companion in companions:
                companion.unlink(missing_ok=True)
            self._forget(path)

    def _forget(self, path: Path) -> None:
        if self.claim is not None and path.parent == self.directory:
            self.claim.forget(path.name)

    def companions(self, path: Path) -> Iterator[Path]:
        """Yield the files beside a recording: a body that is not JSON, or the audio of a session."""
        with suppress(BadRecording):
            stored = self.read(path)
            if stored is not None:
                found = companions_of(stored.path, stored.recording.response).values()
                yield from (companion for companion in found if self._is_owned(companion, path))

    def _is_owned(self, companion: Path, path: Path) -> bool:
        """Tell whether a file belongs to one recording alone, so that it may go with it.

        It bears the recording's name, is no recording itself, and no other recording names it.
        """
        if not names.is_companion(companion.name, path.stem):
            return False
        name = companion.name.encode("utf-8", "surrogatepass")
        others = (other for other in path.parent.glob(names.file_name("*")) if other != path)
        return not any(name in _content(other) for other in others)


def is_own(stored: Stored, api_request: ApiRequest) -> bool:
    """Tell whether a recording is of this request, made by the same test."""
    return stored.identity == api_request.identity and stored.recording.test_id == api_request.test_id


def _kind_of(path: Path) -> str:
    return "the recording" if path.suffix == ".json" else "the file of the body"


def companions_of(path: Path, response: Response) -> dict[str, Path]:
    """Return the files beside a recording, by their kind (see `Response.companions`).

    Raises:
        BadRecording: a file is named with a folder, which could lead anywhere.
    """
    return {holds: _beside(path, name) for holds, name in response.companions().items()}


def _content(path: Path) -> bytes:
    try:
        return files.read_file(path)[1]
    except OSError:
        return b""


def _beside(path: Path, name: JSON) -> Path:
    if not isinstance(name, str) or not names.is_file_name(name):
        raise BadRecording(
            path,
            f"expected the name of a file beside the recording, got {shortened(repr(name), _LONGEST_SHOWN)}",
            "$.response.body",
        )
    return path.parent / name


def companion_content(path: Path, companion: Path) -> bytes:
    """Return the content of a file beside a recording.

    Raises:
        BadRecording: it cannot be read, is no regular file, or a link leads out of the folder.
    """
    folder = os.path.realpath(path.parent)
    try:
        if os.path.dirname(os.path.realpath(companion)) != folder:
            raise OSError(0, "it is a link that leads out of the folder")
        return files.read_file(companion)[1]
    except OSError as exc:
        problem = f"expected the body in {companion.name}, {exc.strerror}"
        raise BadRecording(path, problem, "$.response.body") from exc


def _tiers(test_id: str | None, rows: Sequence[Row], *, own_test_only: bool) -> Iterator[list[Row]]:
    yield [row for row in rows if row.test_id == test_id]
    # Of an imported cassette, whose name does not tell the whole id.
    yield [row for row in rows if row.test_id == cassette_spelling(test_id)]
    if not own_test_only:
        yield [row for row in rows if row.test_id is None]
        yield [row for row in rows if row.test_id is not None]


def _first_sequence(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of the first sequence in file-name order, by their numbers."""
    first = min(row.group() for row in rows)
    return sorted((row for row in rows if row.group() == first), key=Row.number)
