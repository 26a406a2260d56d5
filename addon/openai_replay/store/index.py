"""Which files hold a recording of which request: a table kept between runs, and never trusted over the files.

It is a cache in SQLite outside the recordings' folder, one for each folder and set of rules; losing it costs the
time to make it anew. A look-up first brings in what changed on disk: the folders whose modification time moved, and
before a request counts as missing, every file whose size, time or inode did.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import BadRecording, NotReplayable
from ..format.recording import Recording, decode
from ..request.identity import Identity, identify
from ..request.rules import Rules
from ..request.urls import canonical_path
from . import likeness, names

log = logging.getLogger(__name__)

_SCHEMA_VERSION = 2

# What a name or a file may hold that is no UTF-8 is kept as bytes, which SQLite sorts as it does text.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
    path BLOB PRIMARY KEY, mtime_ns INTEGER, size INTEGER, inode INTEGER,
    key TEXT, stream_options TEXT, test_id BLOB, endpoint BLOB, sketch BLOB, problem BLOB
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS files_by_key ON files (key);
CREATE INDEX IF NOT EXISTS files_by_endpoint ON files (endpoint);
"""

# A folder or file that changed so recently may change again without its time moving: file systems tick coarsely.
_SETTLED_AFTER_NS = 100_000_000
UNSETTLED = -1

type Signature = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Row:
    """A recording in the index. `path` is relative to the folder; `group` and `number` say its place in a sequence."""

    path: str
    stream_options: str
    test_id: str | None

    def group(self) -> str:
        """Return what the files of one sequence share: folder and name without number."""
        return names.split_number(self.path)[0]

    def number(self) -> int:
        """Return the place in the sequence, from 1."""
        return names.split_number(self.path)[1]


def signature_of(status: os.stat_result) -> Signature:
    """Return what changes whenever a file's content does."""
    return (status.st_mtime_ns, status.st_size, status.st_ino)


def identity_of(recording: Recording, path: Path, rules: Rules) -> Identity:
    """Return the identity of a recording's request.

    Raises:
        BadRecording: its body is nested deeper than one that was recorded.
    """
    request = recording.request
    try:
        return identify(request.method, request.url, request.body, rules)
    except RecursionError as exc:
        raise BadRecording(path, "expected JSON, it is nested too deeply", "$.request.body") from exc


def cache_folder(environment: Mapping[str, str]) -> Path | None:
    """Return the user's folder for caches, None where there is none."""
    if configured := environment.get("XDG_CACHE_HOME") or environment.get("LOCALAPPDATA"):
        return Path(configured) / "openai-replay"
    return Path(environment["HOME"]) / ".cache" / "openai-replay" if environment.get("HOME") else None


class Index:
    """The index of one folder. Its methods block on the disk, and are called from one thread at a time."""

    def __init__(self, directory: Path, rules: Rules, folder: Path | None) -> None:
        """Prepare an index of `directory`, kept in `folder` (None: in memory); nothing is opened before its use."""
        self._directory = directory
        self._rules = rules
        self._folder = folder
        self._maybe_database: sqlite3.Connection | None = None
        self._seen_folders: dict[str, int] = {}

    def rows(self, key: str) -> list[Row]:
        """Return the recordings of the requests with this identity key, in file-name order."""
        self._safely(self._refresh_changed_folders)
        return self._safely(lambda: self._rows(key)) or self.rows_after_full_check(key)

    def rows_after_full_check(self, key: str) -> list[Row]:
        """Return the same after comparing every file on disk with what the index knows of it."""
        self._safely(self._refresh_all)
        return self._safely(lambda: self._rows(key))

    def rows_of_earlier_runs(self, key: str) -> list[Row]:
        """Return the same without a new look at the disk, if there was one before.

        What comes into the folder while this run records was not recorded by an earlier one.
        """
        if not self._seen_folders:
            self._safely(self._refresh_all)
        return self._safely(lambda: self._rows(key))

    def has_settled(self) -> bool:
        """Tell whether no folder has changed since the last look, so that what was found then still holds."""
        return bool(self._seen_folders) and all(
            self._is_as_seen(folder, settled_mtime(self._directory / folder)) for folder in self._seen_folders
        )

    def paths(self) -> list[str]:
        """Return the paths of all recordings that can be replayed, after a full check."""
        self._safely(self._refresh_all)
        query = "SELECT path FROM files WHERE problem IS NULL ORDER BY path"
        return [_unpacked(path) for (path,) in self._found(query)]

    def problems(self) -> list[str]:
        """Return what is wrong with the files that cannot be read, as of the last look."""
        query = "SELECT problem FROM files WHERE problem IS NOT NULL AND key IS NULL ORDER BY path"
        return [_unpacked(problem) for (problem,) in self._found(query)]

    def sketches(self, endpoint: str) -> Iterator[tuple[str, str | None, bytes]]:
        """Yield path, test id and sketch of the recordings of an endpoint, as of the last look."""
        query = "SELECT path, test_id, sketch FROM files WHERE endpoint = ? AND problem IS NULL ORDER BY path"
        # One after the other, for there may be very many.
        for path, test_id, sketched in self._safely(
            lambda: self._database().execute(query, (_packed(endpoint),))
        ):
            yield _unpacked(path), _maybe_unpacked(test_id), sketched

    def close(self) -> None:
        """Close the file of the index."""
        if self._maybe_database is not None:
            self._maybe_database.close()
            self._maybe_database = None

    def _found(self, query: str) -> list[tuple[Any, ...]]:
        return self._safely(lambda: self._database().execute(query).fetchall())

    def _safely[Result](self, work: Callable[[], Result]) -> Result:
        """Do what needs the database; if that fails on the way, once more with a new one in memory."""
        try:
            return work()
        except sqlite3.DatabaseError as exc:
            log.debug("The kept index of %s cannot be used any more (%s)", self._directory, exc)
            self.close()
            if self._folder is not None and not isinstance(exc, sqlite3.OperationalError):
                self._discard(self._folder / f"{self._file_name()}.sqlite3")
            self._folder = None
            self._refresh_all()
            return work()

    def _refresh_all(self) -> None:
        self._refresh(every_file=True)

    def _rows(self, key: str) -> list[Row]:
        query = (
            "SELECT path, stream_options, test_id FROM files WHERE key = ? AND problem IS NULL ORDER BY path"
        )
        return [
            Row(_unpacked(path), stream_options, _maybe_unpacked(test_id))
            for path, stream_options, test_id in self._database().execute(query, (key,))
        ]

    def _database(self) -> sqlite3.Connection:
        if self._maybe_database is None:
            self._maybe_database = self._opened()
        return self._maybe_database

    def _opened(self) -> sqlite3.Connection:
        """Open the kept index; one that is damaged is made anew, and without a place for it, it lives in memory."""
        if self._folder is None:
            return _prepared(sqlite3.connect(":memory:", check_same_thread=False))
        path = self._folder / f"{self._file_name()}.sqlite3"
        for attempt in (1, 2):
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                return _prepared(sqlite3.connect(path, timeout=30, check_same_thread=False))
            except (sqlite3.Error, OSError) as exc:
                log.debug("The index %s cannot be used (%s), attempt %d", path, exc, attempt)
                self._discard(path)
        return _prepared(sqlite3.connect(":memory:", check_same_thread=False))

    def _discard(self, path: Path) -> None:
        """Remove a kept index, its journal with it, which would else be taken for that of the next one."""
        for ending in ("", "-wal", "-shm"):
            with suppress(OSError):
                path.with_name(f"{path.name}{ending}").unlink(missing_ok=True)

    def _file_name(self) -> str:
        text = repr((_SCHEMA_VERSION, os.path.realpath(self._directory), self._rules.fingerprint()))
        return hashlib.sha256(text.encode()).hexdigest()[:24]

    def _refresh_changed_folders(self) -> None:
        if not self.has_settled():
            self._refresh(every_file=not self._seen_folders)

    def _refresh(self, *, every_file: bool) -> None:
        """Bring the index up to date: with the folders that changed, or with every file."""
        try:
            self._bring_up_to_date(every_file=every_file)
        except sqlite3.Error as exc:
            # A full disk, say. A cache must not cost an answer or a recording.
            log.warning("The index of the recordings cannot be kept (%s); this run has one in memory.", exc)
            self.close()
            self._folder = None
            self._bring_up_to_date(every_file=True)

    def _bring_up_to_date(self, *, every_file: bool) -> None:
        folders = dict(_folders(self._directory))
        looked_at = {
            folder for folder, mtime in folders.items() if every_file or not self._is_as_seen(folder, mtime)
        }
        known = {
            path: signature
            for path, signature in self._known()
            if os.path.dirname(path) in looked_at or os.path.dirname(path) not in folders
        }
        on_disk = {
            path: signature for folder in looked_at for path, signature in _files(self._directory, folder)
        }
        changed = [path for path, signature in on_disk.items() if known.get(path) != signature]
        if not self._seen_folders:
            self._warn_of_known_problems(set(on_disk).difference(changed))
        self._store(changed, on_disk, gone=known.keys() - on_disk.keys())
        self._seen_folders = folders

    def _warn_of_known_problems(self, unchanged: AbstractSet[str]) -> None:
        """Say once in each run what an earlier one found in files that are as they were then."""
        query = "SELECT path, problem FROM files WHERE problem IS NOT NULL AND key IS NULL ORDER BY path"
        for path, problem in self._database().execute(query):
            if _unpacked(path) in unchanged:
                _warn(_unpacked(problem))

    def _is_as_seen(self, folder: str, mtime: int) -> bool:
        return mtime != UNSETTLED and self._seen_folders.get(folder) == mtime

    def _known(self) -> Iterator[tuple[str, Signature]]:
        rows = self._database().execute("SELECT path, mtime_ns, size, inode FROM files")
        return ((_unpacked(path), (mtime_ns, size, inode)) for path, mtime_ns, size, inode in rows)

    def _store(
        self, changed: Iterable[str], signatures: Mapping[str, Signature], gone: Iterable[str]
    ) -> None:
        database = self._database()
        rows = [row for path in changed if (row := self._described(path, signatures[path])) is not None]
        lost = [(_packed(path),) for path in gone]
        if not rows and not lost:
            return
        with database:
            database.executemany("DELETE FROM files WHERE path = ?", lost)
            database.executemany("INSERT OR REPLACE INTO files VALUES (?,?,?,?,?,?,?,?,?,?)", rows)

    def _described(self, path: str, signature: Signature) -> tuple[object, ...] | None:
        """Return the row of a file, None if it went away in the meantime."""
        full_path = self._directory / path
        place = _packed(path)
        try:
            recording = decode(full_path.read_bytes(), full_path)
            identity = identity_of(recording, full_path, self._rules)
        except FileNotFoundError:
            return None
        except NotReplayable as exc:
            log.debug("Not replayable by a proxy: %s", exc)
            return (place, *signature, "", "", None, b"", b"", _packed(str(exc)))
        except (BadRecording, OSError) as exc:
            _warn(str(exc))
            return (place, *signature, None, "", None, b"", b"", _packed(str(exc)))
        request = recording.request
        test_id = None if recording.test_id is None else _packed(recording.test_id)
        endpoint = _packed(canonical_path(_path_of(request.url)))
        key, stream_options = identity.key, identity.stream_options
        return (place, *signature, key, stream_options, test_id, endpoint, likeness.of(request.body), None)


def _warn(problem: str) -> None:
    log.warning("Cannot read a recording: %s", problem)


def _packed(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _unpacked(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogatepass")


def _maybe_unpacked(raw: bytes | None) -> str | None:
    return None if raw is None else _unpacked(raw)


def _path_of(url: str) -> str:
    return url.partition("://")[2].partition("/")[2].join(("/", "")).partition("?")[0]


def _prepared(database: sqlite3.Connection) -> sqlite3.Connection:
    try:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute(
            "PRAGMA synchronous=OFF"
        )  # a cache may be lost; it is checked against the files anyway
        database.executescript(_SCHEMA)
        database.execute("SELECT count(*) FROM (SELECT * FROM files LIMIT 1)").fetchone()
    except sqlite3.Error:
        database.close()
        raise
    return database


def _folders(top: Path) -> Iterator[tuple[str, int]]:
    """Yield the folder and its subfolders (no hidden ones), relative to it, each with its modification time."""
    yield "", settled_mtime(top)
    for folder, subfolders, _ in os.walk(top, followlinks=False):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in subfolders:
            path = os.path.join(folder, name)
            yield os.path.relpath(path, top), settled_mtime(Path(path))


def settled_mtime(path: Path) -> int:
    """Return a folder's modification time, or UNSETTLED when it is gone or changed a moment ago."""
    try:
        mtime = os.stat(path).st_mtime_ns
    except OSError:
        return UNSETTLED
    return mtime if time.time_ns() - mtime > _SETTLED_AFTER_NS else UNSETTLED


def _files(top: Path, folder: str) -> Iterator[tuple[str, Signature]]:
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(top / folder) as entries:
        for entry in entries:
            if names.is_recording(entry.name):
                signature = _signature_of_file(entry)
                if signature is not None:
                    yield os.path.join(folder, entry.name), signature


def _signature_of_file(entry: os.DirEntry[str]) -> Signature | None:
    """Return the signature of a file, None for all else: a pipe would never end, a link may lead in a circle."""
    try:
        return signature_of(entry.stat()) if entry.is_file() else None
    except OSError:
        return None
