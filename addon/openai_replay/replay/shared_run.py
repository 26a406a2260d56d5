"""Share one run between several proxy processes, through a folder: positions in repeated answers, and one report.

Positions are in SQLite, taken before the answer is sent; only requests with several recorded answers need one.
Each process has a journal, to which it appends an event in one write, and counters in shared memory for frequent
events. The process that is asked for the report reads all of them. So a killed process takes nothing with it.

An example. Workers 1 and 2 get the same poll, which has the answers `queued` and `done`:

    worker 1   position 0 from SQLite -> sends `queued`   adds to its counters: 1 replayed, of recording #1
    worker 2   position 1 from SQLite -> sends `done`     adds to its counters: 1 replayed, of recording #2
    worker 2   a miss                                     appends an event to its journal
    worker 1   GET /report                                reads both journals and all counters: 2 replayed, 1 missed
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..format.recording import JSON
from ..report import Report
from ..request.identity import ApiRequest
from . import shared_counts
from .positions import Positions, in_turn

log = logging.getLogger(__name__)

# A folder for the run, in the environment of each of its processes.
ENVIRONMENT_NAME = "OPENAI_REPLAY_SHARED_RUN"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS {} (
    test_id TEXT NOT NULL, key TEXT, stream_options TEXT, next INTEGER, PRIMARY KEY (test_id, key, stream_options)
) WITHOUT ROWID
"""

_COUNT = """
INSERT INTO {} VALUES (?, ?, ?, 1)
ON CONFLICT DO UPDATE SET next = next + 1 RETURNING next
"""

_PEEK = "SELECT next FROM positions WHERE test_id = ? AND key = ? AND stream_options = ?"

# Uses of recorded sessions, whose names are in the place of stream options.
_USES = "SELECT stream_options, next FROM uses WHERE test_id = ? AND key = ?"
_RELEASE = "UPDATE uses SET next = MAX(0, next - 1) WHERE test_id = ? AND key = ? AND stream_options = ?"

_TABLES = ("positions", "attempts", "uses")

# A full disk and its like.
_TROUBLES = (sqlite3.Error, OSError)

# Of one process. Frequent events are counters, so that only a runaway client fills a journal of this size.
_MOST_JOURNAL_BYTES = 64 * 1024 * 1024

# Missed requests whose differences are in a journal; the others are counted.
_MOST_DETAILED = 1000

# How long a process waits for another one's transaction, which takes microseconds.
_LONGEST_WAIT_S = 30


def shared_folder(environment: Mapping[str, str]) -> Path | None:
    """Return the folder of the run that this process shares with others, None when it is alone."""
    folder = environment.get(ENVIRONMENT_NAME)
    return Path(folder) if folder else None


def mark_ready(folder: Path) -> None:
    """Say that this process listens."""
    _ready_file(folder, os.getpid()).touch()


def is_ready(folder: Path, pid: int) -> bool:
    """Tell whether a process of the run came as far as to listen."""
    return _ready_file(folder, pid).exists()


def mark_last(folder: Path) -> None:
    """Say that all processes of the run but one have ended, and that this one ends now."""
    _last_file(folder).touch()


def is_last(folder: Path) -> bool:
    """Tell whether the run ends with the process that asks, which ends now."""
    return _last_file(folder).exists()


def is_first_to_say(folder: Path, text: str) -> bool:
    """Tell whether no process of the run has said a text yet, and take note that it is said now."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    try:
        (folder / f"{digest}.said").touch(exist_ok=False)
    except FileExistsError:
        return False
    except OSError:  # a full disk and its like: rather too often than never
        pass
    return True


def _ready_file(folder: Path, pid: int) -> Path:
    return folder / f"{pid}.ready"


def _last_file(folder: Path) -> Path:
    return folder / "last"


@dataclass(slots=True)
class _Trouble:
    """A problem such as a full disk, pointed out once; `consequence` is the end of that message."""

    consequence: str
    is_pointed_out: bool = False

    def point_out(self, exc: Exception) -> None:
        """Log the first trouble."""
        if not self.is_pointed_out:
            self.is_pointed_out = True
            log.error("The workers' common folder cannot be used: %s. %s.", exc, self.consequence)


class SharedPositions(Positions):
    """How often each request that has several answers or may fail was made, of all processes of a run."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._database = sqlite3.connect(
            folder / "positions.sqlite3",
            timeout=_LONGEST_WAIT_S,
            isolation_level=None,
            check_same_thread=False,
        )
        self._trouble = _Trouble("Repeated answers are counted by each worker alone")
        self._lock = os.open(folder / "positions.lock", os.O_CREAT | os.O_RDWR, 0o600)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=OFF")  # the run ends with the machine
        for table in _TABLES:
            self._database.execute(_SCHEMA.format(table))

    def take(self, api_request: ApiRequest, length: int) -> int:
        """Return which of so many answers a request gets, counted from 0: the next one, in the end the last."""
        if length == 1:
            return 0
        try:
            return min(self._counted("positions", api_request), length) - 1
        except _TROUBLES as exc:
            self._trouble.point_out(exc)
            return super().take(api_request, length)

    def peek(self, api_request: ApiRequest, length: int) -> int:
        """Return the answer that `take` would return, and leave it the next one."""
        try:
            with self._turn():
                rows = self._database.execute(_PEEK, _key(api_request)).fetchall()
        except _TROUBLES as exc:
            self._trouble.point_out(exc)
            return super().peek(api_request, length)
        return min(int(rows[0][0]) if rows else 0, length - 1)

    def attempt(self, api_request: ApiRequest) -> int:
        """Count an attempt of a request that may get a fault; return how many there were before."""
        try:
            return self._counted("attempts", api_request) - 1
        except _TROUBLES as exc:
            self._trouble.point_out(exc)
            return super().attempt(api_request)

    def sessions_in_turn(self, api_request: ApiRequest, names: Sequence[str]) -> list[str]:
        """Return the names of an upgrade's recorded sessions in turn: unused ones, then used ones, last first."""
        try:
            with self._turn():
                return self._in_turn(api_request, names)
        except _TROUBLES as exc:
            self._trouble.point_out(exc)
            return super().sessions_in_turn(api_request, names)

    def reserve_session(self, api_request: ApiRequest, names: Sequence[str]) -> str:
        """Return the recorded session whose turn it is, and count its use."""
        try:
            with self._turn():
                name = self._in_turn(api_request, names)[0]
                self._database.execute(_COUNT.format("uses"), _session_key(api_request, name)).fetchall()
        except _TROUBLES as exc:
            self._trouble.point_out(exc)
            return super().reserve_session(api_request, names)
        return name

    def exchange_session(self, api_request: ApiRequest, reserved: str, used: str) -> None:
        """Count the use of another recorded session than the reserved one."""
        try:
            with self._turn():
                self._database.execute(_RELEASE, _session_key(api_request, reserved))
                self._database.execute(_COUNT.format("uses"), _session_key(api_request, used)).fetchall()
        except _TROUBLES as exc:
            self._trouble.point_out(exc)
            super().exchange_session(api_request, reserved, used)

    def _in_turn(self, api_request: ApiRequest, names: Sequence[str]) -> list[str]:
        rows = self._database.execute(_USES, _key(api_request)[:2]).fetchall()
        return in_turn(names, {str(name): int(uses) for name, uses in rows})

    def _counted(self, table: str, api_request: ApiRequest) -> int:
        """Add one to a count, and return it."""
        with self._turn():
            rows = self._database.execute(_COUNT.format(table), _key(api_request)).fetchall()
        return int(rows[0][0])

    def reset(self, test_id: str | None, *, all_tests: bool) -> None:
        """Start the repeats of all tests, or of one test, from the first recording."""
        super().reset(test_id, all_tests=all_tests)
        with self._turn():
            for table in _TABLES:
                self._database.execute(
                    f"DELETE FROM {table} WHERE ? OR test_id = ?", (all_tests, _text(test_id))
                )

    def close(self) -> None:
        """Let go of the folder; the positions stay there for the other processes."""
        self._database.close()
        os.close(self._lock)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait for the other processes' transactions in the kernel, where SQLite would sleep and look again.

        The lock of a process that is killed is free at once.
        """
        os.lockf(self._lock, os.F_LOCK, 0)
        try:
            yield
        finally:
            os.lockf(self._lock, os.F_ULOCK, 0)


def _key(api_request: ApiRequest) -> tuple[str, str, str]:
    return (_text(api_request.test_id), api_request.identity.key, api_request.identity.stream_options)


def _session_key(api_request: ApiRequest, name: str) -> tuple[str, str, str]:
    return (*_key(api_request)[:2], name)


def _text(test_id: str | None) -> str:
    """Return a key for a test id; no test id is another key than an empty one."""
    return "" if test_id is None else f"={test_id}"


# An event of a report that is counted: its kind, its test id, and the recording or the fault.
type Counted = tuple[str, str | None, str]


@dataclass(slots=True)
class _Merged:
    """The journals of all processes, read as one: the report of their events, and the counters since the last reset.

    A counter is known by its process's journal and its number. `details` has the differences of each missed request,
    also of one before a reset: a process writes them once. `taken_back` are replays that do not count.
    """

    report: Report = field(default_factory=Report)
    counted: dict[tuple[str, int], Counted] = field(default_factory=dict)
    counted_before: dict[tuple[str, int], int] = field(default_factory=dict)
    details: dict[tuple[str | None, str], dict[str, JSON]] = field(default_factory=dict)
    taken_back: list[tuple[str | None, str]] = field(default_factory=list)


class SharedReport(Report):
    """The report of all processes of a run.

    A journal is bounded, and trouble with it costs events of the report, never an answer.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._name = f"{os.getpid()}-{time.monotonic_ns()}"
        path = folder / f"{self._name}.journal"
        self._journal = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        self._journal_bytes = 0
        self._trouble = _Trouble("The report lacks events")
        self._counters = self._new_counters(folder / f"{self._name}{shared_counts.ENDING}")
        self._detailed: set[tuple[str | None, str]] = set()
        self._numbers: dict[Counted, int] = {}

    def add_replayed(self, test_id: str | None, recording: str) -> None:
        """Take note that a recording answered a request of a test."""
        self._count(("replayed", test_id, recording))

    def take_back_replayed(self, test_id: str | None, recording: str) -> None:
        """Take note that a request that counts as replayed is counted otherwise now."""
        self._append("taken_back", [test_id, recording])

    def add_paced(self, test_id: str | None) -> None:
        """Take note that an answer took its time."""
        self._count(("paced", test_id, ""))

    def add_faulted(self, test_id: str | None, fault: str) -> None:
        """Take note that an answer had an injected fault."""
        self._count(("faulted", test_id, fault))

    def add_refused_upgrade(self, test_id: str | None) -> None:
        """Take note of an upgrade to a WebSocket that an option has refused."""
        self._count(("refused_upgrades", test_id, ""))

    def add_missed(self, test_id: str | None, request: str, details: dict[str, JSON]) -> None:
        """Take note of a request without a recording."""
        is_new = (test_id, request) not in self._detailed and len(self._detailed) < _MOST_DETAILED
        if is_new:
            self._detailed.add((test_id, request))
        self._append("missed", [test_id, request, details if is_new else {}])

    def _new_counters(self, path: Path) -> shared_counts.Counters | None:
        try:
            return shared_counts.Counters(path)
        except OSError as exc:
            self._trouble.point_out(exc)
            return None

    def reset(self, test_id: str | None, *, all_tests: bool) -> None:
        """Forget everything, or the events of one test. Counters of other processes go on from where they are."""
        values = self._values()
        before: list[JSON] = [
            [name, number, values[name][number]]
            for (name, number), (_, test, _) in self._merged().counted.items()
            if all_tests or test == test_id
        ]
        self._append("reset", [test_id, all_tests, before])

    def to_json(
        self, mode: str, recordings: Iterable[str], test_id: str | None, *, all_tests: bool
    ) -> dict[str, JSON]:
        """Return the report, of one test or of all."""
        return self._whole().to_json(mode, recordings, test_id, all_tests=all_tests)

    def totals(self) -> dict[str, int]:
        """Return how many events of each kind there were."""
        return self._whole().totals()

    def _whole(self) -> Report:
        """Return the events of all processes."""
        merged, values = self._merged(), self._values()
        for (name, number), counted in merged.counted.items():
            times = values[name][number] - merged.counted_before.get((name, number), 0)
            _add_counted(merged.report, counted, times)
        for test_id, recording in merged.taken_back:
            merged.report.take_back_replayed(test_id, recording)
        return merged.report

    def close(self) -> None:
        """Let go of the journal and the counters; they stay there for the other processes."""
        os.close(self._journal)
        if self._counters is not None:
            self._counters.close()

    def _count(self, counted: Counted) -> None:
        number = self._numbers.get(counted)
        if number is None:
            number = None if self._counters is None else self._counters.new()
            if number is None:
                self._append(counted[0], [*counted[1:]])
                return
            self._numbers[counted] = number
            self._append("counts", [self._name, number, *counted])
        if self._counters is not None:
            self._counters.add(number)

    def _append(self, event: str, arguments: list[JSON]) -> None:
        # The standard library writes lone surrogates, which test ids and names may hold.
        line = f"{json.dumps([time.monotonic_ns(), event, arguments])}\n".encode()
        if self._journal_bytes + len(line) > _MOST_JOURNAL_BYTES:
            return
        try:
            self._journal_bytes += os.write(self._journal, line)
        except OSError as exc:
            self._trouble.point_out(exc)

    def _values(self) -> dict[str, memoryview]:
        """Return the values of all processes' counters, by the name of the journal."""
        files = self._folder.glob(f"*{shared_counts.ENDING}")
        return {path.name.removesuffix(shared_counts.ENDING): shared_counts.read(path) for path in files}

    def _merged(self) -> _Merged:
        merged = _Merged()
        for event, arguments in self._events():
            _replay_event(merged, event, arguments)
        return merged

    def _events(self) -> Iterator[tuple[str, list[JSON]]]:
        """Yield the events of all processes, in the order of time: the clock is the machine's."""
        lines = [
            line for path in self._folder.glob("*.journal") for line in path.read_bytes().split(b"\n")[:-1]
        ]
        entries = (entry for line in lines if (entry := _maybe_entry(line)) is not None)
        for _, event, arguments in sorted(entries, key=lambda entry: entry[0]):
            yield event, arguments


def _maybe_entry(line: bytes) -> Any:
    """Return an entry of a journal, None for a line that a full disk cut short."""
    try:
        return json.loads(line)
    except ValueError:
        return None


def _replay_event(merged: _Merged, event: str, arguments: list[JSON]) -> None:
    match event, arguments:
        case "missed", [test_id, str(request), dict(details)]:
            key = (_maybe_text(test_id), request)
            if details:
                merged.details[key] = details
            merged.report.add_missed(*key, merged.details.get(key, {}))
        case "taken_back", [test_id, str(recording)]:
            merged.taken_back.append((_maybe_text(test_id), recording))
        case "reset", [test_id, bool(all_tests), list(before)]:
            merged.report.reset(_maybe_text(test_id), all_tests=all_tests)
            merged.taken_back = [one for one in merged.taken_back if not all_tests and one[0] != test_id]
            _count_from(merged, before)
        case "counts", [str(name), int(number), str(kind), test_id, str(text)]:
            merged.counted[name, number] = (kind, _maybe_text(test_id), text)
        case kind, [test_id, str(text)]:
            _add_counted(merged.report, (kind, _maybe_text(test_id), text), 1)


def _count_from(merged: _Merged, before: list[JSON]) -> None:
    """Take note of the values that counters had at a reset."""
    for entry in before:
        match entry:
            case [str(name), int(number), int(value)]:
                merged.counted_before[name, number] = value


def _add_counted(report: Report, counted: Counted, times: int) -> None:
    """Count an event so many times, as the report of one process does one by one."""
    kind, test_id, text = counted
    tables = {
        "replayed": report.replayed,
        "paced": report.paced,
        "faulted": report.faulted,
        "refused_upgrades": report.refused_upgrades,
    }
    if times > 0:
        tables[kind][test_id, text] += times


def _maybe_text(value: JSON) -> str | None:
    return value if isinstance(value, str) else None
