"""Index of the recordings: which files hold a recording of which request, in a table kept between runs.

Theory of operation. The index is a cache in SQLite outside the recordings' folder, one for each folder and set of
rules; losing it costs the time to build it again. It is never trusted over the files: each has a signature there (time
of modification, size, inode), and a look-up first reads the files whose signature is another one.

To compare all signatures costs a system call per file. So a look-up compares only the files of folders whose own
modification time moved, which is so whenever a file came, went or was replaced. An editor that changes a file in place
does not move it: before a request counts as missing, every file is compared. Where the folder can be watched (`watch`),
that is done once, and again after a change.

The first look at a large folder takes seconds. It is done by another process (`first_look`), so that this one answers
other requests meanwhile. Processes that need the same index wait for the first one, and find its rows.

An example. A folder has `a.json` and `sub/b.json`, and is as the last run left it:

    rows(key of b)      both folders are new to this run: every signature is compared, no file is read   -> sub/b.json
    rows(key of b)      neither folder has moved                                                         -> sub/b.json
    (`a.json` is edited in place, to hold another request c)
    rows(key of c)      neither folder has moved, no row; every signature is compared, a.json is read    -> a.json
"""

from __future__ import annotations

import gc
import hashlib
import logging
import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from ..request.rules import Rules
from . import names, other_process
from .first_look import Early, FirstLook, FoundRow, Look, Order
from .index_rows import Described, Job, Problem, Search, Signature, describe_files, packed, search_files
from .likeness import Neighbours, Sketch
from .watch import FolderWatch, watch

log = logging.getLogger(__name__)

_SCHEMA_VERSION = 4

# Names and test ids may be no UTF-8, so they are kept as bytes, which SQLite sorts like text.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
    path BLOB PRIMARY KEY, mtime_ns INTEGER, size INTEGER, inode INTEGER,
    key TEXT, stream_options TEXT, test_id BLOB, endpoint BLOB, sketch BLOB, problem BLOB
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS texts (leaf INTEGER PRIMARY KEY, place BLOB, text BLOB);
"""
_BY_KEY = "CREATE INDEX IF NOT EXISTS files_by_key ON files (key)"
_INSERT_FILE = "INSERT OR REPLACE INTO files VALUES (?,?,?,?,?,?,?,?,?,?)"
_INSERT_TEXT = "INSERT OR IGNORE INTO texts VALUES (?,?,?)"

# With so many new rows it is faster to make SQLite's index after them than to keep it in order, with so much memory.
_MANY_ROWS = 3000
_CACHE_KIB = 200_000

# So long it is waited for another process that builds the same index.
_LONGEST_BUILD_S = 300

# A folder or file that changed so recently may change again without its time moving: file systems tick coarsely.
_SETTLED_AFTER_NS = 100_000_000
UNSETTLED = -1


@dataclass(frozen=True, slots=True)
class Row:
    """A recording in the index. `path` is relative to the folder; `group` and `number` say its place in a sequence."""

    path: str
    stream_options: str
    test_id: str | None

    def group(self) -> str:
        """Return the common part of the paths of one series: folder and name without number."""
        return names.split_number(self.path)[0]

    def number(self) -> int:
        """Return the place in the sequence, from 1."""
        return names.split_number(self.path)[1]


@dataclass(frozen=True, slots=True)
class _Comparison:
    """The files on disk against the rows of the index; `is_first` when there are no rows."""

    folders: dict[str, int]
    on_disk: Mapping[str, Signature]
    changed: Sequence[str]
    gone: AbstractSet[str]
    has_plain_files: bool
    is_first: bool


def signature_of(status: os.stat_result) -> Signature:
    """Return a value that changes whenever a file's content does."""
    return (status.st_mtime_ns, status.st_size, status.st_ino)


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
        self._neighbours: dict[str, Neighbours] = {}
        self._watch: FolderWatch | None = None
        self._checked_at: int | None = None
        self._first_look: FirstLook | None = None
        self._has_plain_files = True
        self._has_new_rows = False

    def rows(self, key: str, literals: Callable[[], tuple[bytes, ...]] = tuple) -> list[Row]:
        """Return the recordings of the requests with this identity key, in file-name order.

        Args:
            literals: gives texts that these recordings hold (`request.literals`), which the first look goes by.
        """
        if not self._seen_folders and (found := self._safely(lambda: self._early_rows(key, literals()))):
            return found
        self._safely(self._refresh_changed_folders)
        return self._safely(lambda: self._rows(key)) or self.rows_after_full_check(key)

    def rows_after_full_check(self, key: str) -> list[Row]:
        """Return the same after comparing every file on disk with its row in the index."""
        self._safely(self._refresh_all)
        return self._safely(lambda: self._rows(key))

    def rows_of_earlier_runs(self, key: str) -> list[Row]:
        """Return the same without a new look at the disk, if there was one before.

        Files that come into the folder while this run records were not recorded by an earlier one.
        """
        if not self._seen_folders:
            self._safely(self._refresh_all)
        return self._safely(lambda: self._rows(key))

    def has_settled(self) -> bool:
        """Tell whether no folder has changed since the last look, so that the rows found then still hold."""
        return bool(self._seen_folders) and all(
            self._is_as_seen(folder, settled_mtime(self._directory / folder)) for folder in self._seen_folders
        )

    def paths(self) -> list[str]:
        """Return the paths of all recordings that can be replayed, after a full check."""
        self._safely(self._refresh_all)
        query = "SELECT path FROM files WHERE problem IS NULL ORDER BY path"
        return [_unpacked(path) for (path,) in self._found(query)]

    def problems(self) -> list[str]:
        """Return the problems of files that cannot be read, as of the last look."""
        query = "SELECT problem FROM files WHERE problem IS NOT NULL AND key IS NULL ORDER BY path"
        return [_unpacked(problem) for (problem,) in self._found(query)]

    def nearest(self, endpoint: str, wanted: Sketch, test_id: str | None, count: int) -> list[str]:
        """Return the recordings of an endpoint that are most like a request, as of the last look."""
        if endpoint not in self._neighbours:
            self._neighbours[endpoint] = self._safely(lambda: self._read_neighbours(endpoint))
        return self._neighbours[endpoint].nearest(wanted, test_id, count)

    def _read_neighbours(self, endpoint: str) -> Neighbours:
        # Row by row, for there may be very many.
        rows = self._database().execute(
            "SELECT path, test_id, sketch FROM files WHERE endpoint = ? AND problem IS NULL ORDER BY path",
            (packed(endpoint),),
        )
        texts = self._database().execute("SELECT leaf, place, text FROM texts")
        return Neighbours(
            ((_unpacked(path), _maybe_unpacked(test_id), packed) for path, test_id, packed in rows),
            ((leaf, _unpacked(place), _unpacked(text)) for leaf, place, text in texts),
        )

    def discard_if_it_holds(self, needles: Sequence[bytes]) -> None:
        """Remove the kept index if this run added something to it that holds one of the needles.

        Args:
            needles: credentials, one of which a recording that was made elsewhere may hold.
        """
        self._finish_first_look()
        if self._has_new_rows and self._folder is not None and needles:
            holds = re.compile(b"|".join(map(re.escape, needles))).search
            if self._safely(lambda: any(holds(blob) for blob in self._kept_blobs())):
                self.close()
                self._discard(self._folder / f"{self._file_name()}.sqlite3")
                self._folder = None

    def _kept_blobs(self) -> Iterator[bytes]:
        for query in (
            "SELECT path, test_id, endpoint, problem FROM files",
            "SELECT place, text FROM texts",
        ):
            for row in self._database().execute(query):
                yield b"\n".join(blob for blob in row if blob is not None)

    def close(self) -> None:
        """Close the file of the index."""
        if self._maybe_database is not None:
            self._maybe_database.close()
            self._maybe_database = None
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        if self._first_look is not None:
            self._first_look.give_up()
            self._first_look = None
        self._checked_at = None

    def _found(self, query: str) -> list[tuple[Any, ...]]:
        return self._safely(lambda: self._database().execute(query).fetchall())

    def _safely[Result](self, work: Callable[[], Result]) -> Result:
        """Do work with the database; if that fails on the way, once more with a new one in memory."""
        self._finish_first_look()
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
        """Compare every file, unless the folder is watched and nothing changed there since that was done last."""
        changes = self._counted_changes()
        if changes is not None and changes == self._checked_at:
            return
        self._has_plain_files = True
        self._refresh(every_file=True)
        self._checked_at = changes if self._has_plain_files else None

    def _counted_changes(self) -> int | None:
        """Return the number of changes in the folder, None where it is not watched.

        It is watched from the second look on: Linux takes 10 ms to end a watch, and a short run looks once, at its end.
        """
        if self._watch is None and self._seen_folders:
            self._watch = watch(self._directory)
        if self._watch is None:
            return None
        self._watch.take_events()
        return self._watch.changes

    def _rows(self, key: str) -> list[Row]:
        query = (
            "SELECT path, stream_options, test_id FROM files WHERE key = ? AND problem IS NULL ORDER BY path"
        )
        return list(map(_row, self._database().execute(query, (key,))))

    def _database(self) -> sqlite3.Connection:
        if self._maybe_database is None:
            self._maybe_database = self._opened()
        return self._maybe_database

    def _opened(self) -> sqlite3.Connection:
        """Open the kept index; a damaged one is replaced, and without a place for it the index lives in memory."""
        if self._folder is None:
            return _prepared(sqlite3.connect(":memory:", check_same_thread=False))
        path = self._folder / f"{self._file_name()}.sqlite3"
        for attempt in (1, 2):
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                return _prepared(sqlite3.connect(path, timeout=_LONGEST_BUILD_S, check_same_thread=False))
            except (sqlite3.Error, OSError) as exc:
                log.debug("The index %s cannot be used (%s), attempt %d", path, exc, attempt)
                self._discard(path)
        self._folder = None
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
        if not self._seen_folders:
            self._refresh_all()
        elif not self.has_settled():
            self._refresh(every_file=False)

    def _refresh(self, *, every_file: bool) -> None:
        """Bring the index up to date: with the folders that changed, or with every file."""
        try:
            if self._seen_folders or not self._looked_elsewhere():
                self._bring_up_to_date(every_file=every_file)
        except sqlite3.Error as exc:
            # A full disk, say. A cache must not cost an answer or a recording.
            log.warning("The index of the recordings cannot be kept (%s); this run has one in memory.", exc)
            self.close()
            self._folder = None
            self._bring_up_to_date(every_file=True)

    def _early_rows(self, key: str, texts: tuple[bytes, ...]) -> list[Row]:
        """Let another process make the kept index of a large folder; return the rows that it finds first."""
        self._database()
        if self._folder is None or not other_process.can_start() or not _holds_many_files(self._directory):
            return []
        changes = self._counted_changes()
        first_look = FirstLook(Order(self._directory, self._rules, self._folder, key, texts), changes)
        early = first_look.early()
        if early is None:
            return []
        self._first_look = first_look
        self._seen_folders = dict(early.folders)
        return list(map(_row, early.rows))

    def _looked_elsewhere(self) -> bool:
        """Let another process bring the kept index of a large folder up to date; False where that is not done."""
        self._early_rows("", ())
        return self._finish_first_look()

    def _finish_first_look(self) -> bool:
        """Wait for the other process; False where there is none, or it failed and the look is still to be done."""
        first_look, self._first_look = self._first_look, None
        if first_look is None:
            return False
        look = first_look.look()
        if look is None:
            self._seen_folders = {}
            return False
        for warning in look.warnings:
            log.warning("%s", warning)
        self._has_new_rows |= look.has_new_rows
        self._has_plain_files = look.has_plain_files
        self._checked_at = first_look.changes if look.has_plain_files else None
        return True

    def first_look(self, order: Order) -> Iterator[Early | Look]:
        """Bring the kept index up to date for the process that ordered it: yield the first rows, and the end.

        Raises:
            sqlite3.Error: it cannot be kept.
        """
        warnings = _Warnings()
        log.addHandler(warnings)
        self._database()
        if self._folder is None:
            raise sqlite3.OperationalError("there is no place for the index")
        comparison = self._compared(every_file=True)
        yield Early(comparison.folders, self._found_first(order, comparison))
        self._apply(comparison)
        yield Look(self._has_plain_files, self._has_new_rows, warnings.messages)

    def _found_first(self, order: Order, comparison: _Comparison) -> list[FoundRow]:
        """Return the rows of a request, in file-name order, where the changed files alone can hold it."""
        if not order.texts or not comparison.is_first:
            return []
        changed = [(path, comparison.on_disk[path]) for path in comparison.changed]
        files = search_files(Search(self._directory, changed, order.texts))
        parts = describe_files(Job(self._directory, self._rules, files))
        return sorted((row[0], row[5], row[6]) for part in parts for row in part.rows if row[4] == order.key)

    def _bring_up_to_date(self, *, every_file: bool) -> None:
        self._apply(self._compared(every_file=every_file))

    def _compared(self, *, every_file: bool) -> _Comparison:
        folders = dict(_folders(self._directory))
        looked_at = {
            folder for folder, mtime in folders.items() if every_file or not self._is_as_seen(folder, mtime)
        }
        known = {
            path: signature
            for path, signature in self._known()
            if os.path.dirname(path) in looked_at or os.path.dirname(path) not in folders
        }
        found = [file for folder in looked_at for file in _files(self._directory, folder)]
        on_disk = {path: signature for path, signature, _ in found}
        return _Comparison(
            folders,
            on_disk,
            changed=[path for path, signature in on_disk.items() if known.get(path) != signature],
            gone=known.keys() - on_disk.keys(),
            has_plain_files=all(is_plain for _, _, is_plain in found),
            is_first=not known,
        )

    def _apply(self, comparison: _Comparison) -> None:
        self._has_plain_files &= comparison.has_plain_files
        described = self._store(comparison.changed, comparison.on_disk, comparison.gone)
        if not self._seen_folders:
            self._warn_of_known_problems(set(comparison.on_disk).difference(described))
        self._seen_folders = comparison.folders

    def _warn_of_known_problems(self, unchanged: AbstractSet[str]) -> None:
        """Say once in each run which unchanged files an earlier run could not read."""
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
        self, changed: Sequence[str], signatures: Mapping[str, Signature], gone: AbstractSet[str]
    ) -> Sequence[str]:
        """Write rows of changed files, and remove rows of others; return the files that this process described."""
        if not changed and not gone:
            return ()
        self._neighbours.clear()
        self._has_new_rows = True
        with self._database() as database:
            if len(changed) >= _MANY_ROWS:
                changed = self._left_by_others(changed, signatures)
                database.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
                database.execute("DROP INDEX IF EXISTS files_by_key")
            database.executemany("DELETE FROM files WHERE path = ?", ((packed(path),) for path in gone))
            # In the order of the table's key, in which rows are written faster.
            job = Job(self._directory, self._rules, [(path, signatures[path]) for path in sorted(changed)])
            for described in describe_files(job):
                _write_rows(database, described)
            database.execute(_BY_KEY)
        return changed

    def _left_by_others(self, changed: Sequence[str], signatures: Mapping[str, Signature]) -> Sequence[str]:
        """Begin to write, after other processes; return the files that none of them has described meanwhile."""
        self._database().execute("BEGIN IMMEDIATE")
        known = dict(self._known())
        return [path for path in changed if known.get(path) != signatures[path]]


def build() -> None:
    """Make the indexes of large folders in a process beside the one with the event loop (see `FirstLook`)."""
    gc.disable()  # very much is made here, and nothing of it is part of a circle
    other_process.answer(_first_look)


def _first_look(order: Order) -> Iterator[Early | Look]:
    with closing(Index(order.directory, order.rules, order.folder)) as index:
        yield from index.first_look(order)


class _Warnings(logging.Handler):
    """Keeps the warnings of a log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


def _holds_many_files(folder: Path) -> bool:
    """Tell whether a folder holds many files, or folders, on any level."""
    with suppress(OSError):
        return next(islice(_entries(folder), _MANY_ROWS, None), None) is not None
    return False


def _entries(folder: Path | str) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            yield entry
            if entry.is_dir(follow_symlinks=False):
                yield from _entries(entry.path)


def _write_rows(database: sqlite3.Connection, described: Described) -> None:
    for problem in described.problems:
        _tell(problem)
    database.executemany(_INSERT_FILE, described.rows)
    database.executemany(_INSERT_TEXT, ((leaf, *text) for leaf, text in sorted(described.texts.items())))


def _tell(problem: Problem) -> None:
    if problem.is_foreign:
        log.debug("Not replayable by a proxy: %s", problem.text)
    else:
        _warn(problem.text)


def _warn(problem: str) -> None:
    log.warning("Cannot read a recording: %s", problem)


def _row(found: FoundRow) -> Row:
    path, stream_options, test_id = found
    return Row(_unpacked(path), stream_options, _maybe_unpacked(test_id))


def _unpacked(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogatepass")


def _maybe_unpacked(raw: bytes | None) -> str | None:
    return None if raw is None else _unpacked(raw)


def _prepared(database: sqlite3.Connection) -> sqlite3.Connection:
    try:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute(
            "PRAGMA synchronous=OFF"
        )  # a cache may be lost; it is checked against the files anyway
        database.executescript(f"{_SCHEMA};{_BY_KEY}")
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


def _files(top: Path, folder: str) -> Iterator[tuple[str, Signature, bool]]:
    """Yield path, signature and whether it has no other name, of each file of a folder that may be a recording."""
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(top / folder) as entries:
        for entry in entries:
            if names.is_recording(entry.name) and (status := _status_of_file(entry)) is not None:
                is_plain = status.st_nlink == 1 and not entry.is_symlink()
                yield os.path.join(folder, entry.name), signature_of(status), is_plain


def _status_of_file(entry: os.DirEntry[str]) -> os.stat_result | None:
    """Return the status of a regular file, else None: a pipe would never end, a link may lead in a circle."""
    try:
        return entry.stat() if entry.is_file() else None
    except OSError:
        return None
