"""Write the recordings of a run: the answers to each request as one numbered series, in the order of the requests.

Theory of operation. A run is the life of the proxy, or the time since the last reset. `ask` makes a ticket for each
request, and the tickets of identical requests are one series. A ticket's place in its series decides its file,
however late its answer comes: the numbers of a series are the lowest ones that no other request has. (Different
requests may have one name, for the format's hash reads some of them as the same text. And another recorder may record
the same requests into the folder at the same time. If it takes a number first, the series goes on with the next one.)

The first answer to a request of a test replaces all that an earlier run recorded of it. Requests without a test id may
be several tests', of which this run makes only some: each answer replaces the earlier one at its place, and the
later ones stay. A failure replaces no success of an earlier run, unless the recorder is told to replace any. If that
success was removed with its series, it is put back.

Not every answer becomes a file. A failure that the client retried with success is taken out, and the files after it
move up. Replay repeats the last answer of a series, so an answer that equals the previous one is held back in memory
until a different answer follows.

An example. A status is polled five times, and the third poll fails and is retried:

    request      1: queued   2: queued   3: 500     4: queued   5: done
    on answer    write #1    hold back   write #2   hold back   write the held-back #2 and #3, write #4
                                         as #3      and remove
                                                    #3
    files        <hash>.json queued, -2 queued, -3 queued, -4 done

`ask`, `end`, `has_recorded` and `written` never wait for the disk. All other methods may, and are called from one
thread at a time.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from ..errors import BadRecording, KeptSuccess, NameTaken, NotRecordable, OpenAIReplayError
from ..request.identity import ApiRequest
from ..store import names
from ..store.store import Store
from .exchange import Exchange, Recorded, is_failure
from .record import record
from .socket_session import SocketSession

log = logging.getLogger(__name__)

type SeriesKey = tuple[str | None, str, str]

# The content of a recording, and of the files beside it by name.
type Contents = tuple[bytes, dict[str, bytes]]

# Removed successes of a series are held in memory up to this size in all: most are repeats, such as polls.
_MOST_REMOVED_BYTES = 4 * 1024 * 1024


@dataclass(slots=True, eq=False)
class Ticket:
    """One request of a series: when it was made, and later its answer and its file.

    `recorded` is let go once it is written, so that a long run does not fill the memory; only a held-back answer
    keeps it. `digest` is the same for equal answers. `status` and `chunks` (their number, in a stream) describe the
    recorded answer.
    """

    api_request: ApiRequest
    series: Series
    begun: int
    ended: int | None = None
    digest: str = ""
    is_retryable_failure: bool = False
    recorded: Recorded | None = None
    path: Path | None = None
    status: int = 0
    chunks: int | None = None


@dataclass(slots=True, eq=False)
class Series:
    """Identical requests of one run, in order. Requests that were not recorded are left out.

    `name` is the name of their files without the number. Requests that mean the same may have several names; the
    first answered request decides. `numbers` are the numbers of its files by place, some of them yet to be written.
    `earlier` are files of an earlier run by place; the answers at the same places replace them. `removed` are successes
    of an earlier run that were removed with their series, by number; `put_back` are the files that a failure
    brought back. `has_gaps` until the numbers of removed tickets are given to later tickets.
    """

    tickets: list[Ticket] = field(default_factory=list)
    name: str = ""
    numbers: list[int] = field(default_factory=list)
    earlier: list[Path] = field(default_factory=list)
    removed: dict[int, Contents] = field(default_factory=dict)
    put_back: dict[int, Path] = field(default_factory=dict)
    is_begun: bool = False
    is_over: bool = False
    has_gaps: bool = False

    def place(self, ticket: Ticket) -> int:
        """Return a ticket's place, counted from 0. Most are looked for soon after they came, so from the end."""
        return next(n for n in reversed(range(len(self.tickets))) if self.tickets[n] is ticket)


@dataclass(frozen=True, slots=True)
class FileChanges:
    """Changes of the files of a run after they were reported.

    Attributes:
        renamed: files with their new names in order; None for a file that is gone.
        late: requests whose answer was held back, because it equalled the one before, and has a file now.
        retried: failed requests in whose place a retry was recorded.
    """

    renamed: Sequence[tuple[Path, Path | None]]
    late: Sequence[Ticket]
    retried: Sequence[Ticket]


class Recorder:
    """Writes the recordings of a run."""

    def __init__(self, store: Store, *, replaces_any: bool = False) -> None:
        """Begin a run; `replaces_any`: a failure may replace a success that an earlier run recorded."""
        self._store = store
        self._replaces_any = replaces_any
        self._series: dict[SeriesKey, Series] = {}
        self._by_name: dict[str, list[Series]] = {}
        self._written: set[Path] = set()
        # Files recorded before the last reset, which the index need not have seen.
        self._earlier: dict[SeriesKey, set[Path]] = {}
        self._renamed: list[tuple[Path, Path | None]] = []
        self._late: list[Ticket] = []
        self._retried: list[Ticket] = []
        self._clock = itertools.count()
        # Held for a moment only, never while the disk is at work: `ask` is called where all clients wait.
        self._lock = threading.Lock()

    def ask(self, api_request: ApiRequest) -> Ticket:
        """Take note that a request was made; its answer is recorded at its place among identical requests."""
        with self._lock:
            series = self._series.setdefault(_series_key(api_request), Series())
            ticket = Ticket(api_request, series, begun=next(self._clock))
            series.tickets.append(ticket)
            return ticket

    def end(self, ticket: Ticket) -> None:
        """Take note that a request has its answer; a request from now on may be its retry."""
        ticket.ended = next(self._clock)

    def has_recorded(self, api_request: ApiRequest) -> bool:
        """Tell whether this run records the request, so that its repeats are recorded too."""
        with self._lock:
            return _series_key(api_request) in self._series

    def written(self) -> frozenset[Path]:
        """Return the files that this run has written."""
        with self._lock:
            return frozenset(self._written)

    def take_changes(self) -> FileChanges:
        """Return, once, how the files of this run have changed since."""
        with self._lock:
            changes = FileChanges(self._renamed, self._late, self._retried)
            self._renamed, self._late, self._retried = [], [], []
            return changes

    def reset(self, test_id: str | None, *, all_tests: bool) -> None:
        """Begin a new run, for one test or for all."""
        with self._lock:
            for key in [key for key in self._series if all_tests or key[0] == test_id]:
                series = self._series.pop(key)
                series.is_over = True
                self._forget_name(series)
                paths = {ticket.path for ticket in series.tickets if ticket.path is not None}
                self._written -= paths
                self._earlier.setdefault(key, set()).update(paths)

    def drop(self, ticket: Ticket) -> None:
        """Take note that a request got no answer that is recorded."""
        self._take_out([ticket])
        try:
            self._close_gaps(ticket.series)
        except OSError as exc:
            log.warning("The recordings after one that was dropped keep their numbers for now: %s", exc)

    def finish(self, ticket: Ticket, exchange: Exchange | SocketSession) -> Path | None:
        """Record the answer of a request.

        Returns:
            the file that now answers the request; None if the answer equals the previous one and needs no file.

        Raises:
            KeptSuccess: it failed, and would replace a success of an earlier run.
            OpenAIReplayError: the exchange cannot be recorded.
            OSError: the file cannot be written; earlier recordings are unchanged.
        """
        try:
            recorded = record(exchange)
            ticket.status = recorded.recording.response.sent_status()
            ticket.chunks = None if recorded.chunks is None else len(recorded.chunks)
            path = self._place(ticket, recorded)
        except (OpenAIReplayError, OSError):
            self.drop(ticket)
            raise
        _point_out_redacted_members(recorded, ticket.api_request)
        return path

    def _place(self, ticket: Ticket, recorded: Recorded) -> Path | None:
        series = ticket.series
        if series.is_over:
            raise NotRecordable("the run that it belongs to was reset before it ended")
        if not series.name:
            self._begin(series, self._store.name_beside_other_hosts(recorded.name, ticket.api_request))
        ticket.recorded = recorded
        ticket.digest = recorded.digest
        ticket.is_retryable_failure = recorded.is_retryable_failure()
        self._close_gaps(series)
        retried = self._retried_failures(ticket) if recorded.is_success() else []
        if ticket.ended is None:
            self.end(ticket)
        at = series.place(ticket) - len(retried)
        if recorded.is_failure() and not self._replaces_any:
            self._put_back(series, at)
            self._keep_successes(ticket, at)
        self._write_or_hold_back(ticket, at, retried)
        self._take_out(retried)
        with self._lock:
            self._retried += retried
        self._close_gaps(series)
        return ticket.path

    def _write_or_hold_back(self, ticket: Ticket, at: int, retried: list[Ticket]) -> None:
        if self._repeats_the_one_before(ticket, at, retried):
            self._hold_back(ticket, ticket.series.tickets[at - 1])
            self._remove_all(self._replaced(ticket, at, retried))
        else:
            self._write_held_back(ticket.series, at)
            self._write(ticket, at, retried)

    def _begin(self, series: Series, name: str) -> None:
        """Give a series its name, which series of other requests may have, too."""
        series.name = name
        self._by_name.setdefault(name, []).append(series)

    def _forget_name(self, series: Series) -> None:
        others = [other for other in self._by_name.pop(series.name, ()) if other is not series]
        if others:
            self._by_name[series.name] = others

    def _number(self, series: Series, at: int) -> int:
        """Return the number of the file at a place; one is kept for each request that was made so far."""
        while len(series.numbers) <= max(at, len(series.tickets) - 1):
            series.numbers.append(self._next_number(series))
        return series.numbers[at]

    def _next_number(self, series: Series) -> int:
        taken = {n for other in self._by_name[series.name] if other is not series for n in other.numbers}
        number = series.numbers[-1] + 1 if series.numbers else 1
        while number in taken or self._is_others(series, number):
            number += 1
        return number

    def _is_others(self, series: Series, number: int) -> bool:
        path = self._path(series, number)
        return self._store.belongs_to_another(path, series.tickets[0].api_request)

    def _path(self, series: Series, number: int) -> Path:
        return self._store.directory / names.file_name(names.numbered_stem(series.name, number))

    def _retried_failures(self, success: Ticket) -> list[Ticket]:
        """Return the failures right before a success that it retried: they had ended when its request came."""
        tickets = success.series.tickets
        place = first = success.series.place(success)
        while first and self._had_failed(tickets[first - 1], when=success.begun):
            first -= 1
        return tickets[first:place]

    def _had_failed(self, ticket: Ticket, when: int) -> bool:
        return ticket.is_retryable_failure and ticket.ended is not None and ticket.ended < when

    def _repeats_the_one_before(self, ticket: Ticket, at: int, retried: list[Ticket]) -> bool:
        """Tell whether a ticket is the last of its series so far, and equals the ticket before it and its failures."""
        series = ticket.series
        is_last = series.place(ticket) == len(series.tickets) - 1
        if at == 0 or not is_last or ticket.api_request.is_model_list() or len(series.earlier) > at + 1:
            return False
        before = series.tickets[at - 1]
        # A person may have removed its file.
        is_there = before.recorded is not None or (before.path is not None and before.path.exists())
        return is_there and before.digest == ticket.digest

    def _hold_back(self, ticket: Ticket, before: Ticket) -> None:
        """Hold an answer back until it is needed; of several equal answers only one is kept."""
        ticket.recorded = before.recorded or ticket.recorded

    def _write_held_back(self, series: Series, at: int) -> None:
        """Write the equal answers before a place that turn out not to be at the end of their sequence."""
        first = at
        while first and series.tickets[first - 1].path is None:
            first -= 1
        for place, ticket in enumerate(series.tickets[first:at], first):
            if ticket.recorded is not None:
                self._write(ticket, place, ())
                with self._lock:
                    self._late.append(ticket)

    def _write(self, ticket: Ticket, at: int, retried: Iterable[Ticket]) -> None:
        """Write a ticket's answer, under the next number if another recorder has just taken the one at its place."""
        while ticket.recorded is not None:
            try:
                self._write_file(ticket, at, retried)
            except NameTaken as exc:
                self._give_up_number(ticket.series, exc.path)
                self._close_gaps(ticket.series)

    def _give_up_number(self, series: Series, taken: Path) -> None:
        number = self._number_of(taken, series)
        series.numbers = [other for other in series.numbers if other != number]
        series.has_gaps = True

    def _write_file(self, ticket: Ticket, at: int, retried: Iterable[Ticket]) -> None:
        """Write a ticket's answer, and remove the files that it replaces when its own is safely on disk."""
        recorded = ticket.recorded
        assert recorded is not None
        stem = self._stem(ticket, recorded, at)
        target = self._store.directory / names.file_name(stem)
        replaced = self._replaced(ticket, at, retried)
        if not ticket.series.is_begun and not self._replaces_any:
            ticket.series.removed = self._successes_after(target, replaced, ticket.series)
        beside = {one.holds: names.companion(stem, one.ending) for one in recorded.companions}
        self._store.write(
            target.name,
            recorded.pieces(beside),
            companions=[(beside[one.holds], one.content) for one in recorded.companions],
            after_replacing=partial(self._remove_all, replaced - {target}),
            credentials=ticket.api_request.credentials,
            is_joint=ticket.api_request.is_model_list(),
        )
        ticket.path = target
        ticket.recorded = None
        ticket.series.is_begun = True
        with self._lock:
            self._written.add(target)
            self._earlier.pop(_series_key(ticket.api_request), None)

    def _replaced(self, ticket: Ticket, at: int, retried: Iterable[Ticket]) -> set[Path]:
        """Return the files in whose place an answer comes: of failures that it retried, and of an earlier run."""
        replaced = {failure.path for failure in retried if failure.path is not None}
        if not ticket.series.is_begun:
            replaced |= self._outdated(ticket)
        replaced |= set(ticket.series.earlier[at : at + 1])
        if at in ticket.series.put_back:
            replaced.add(ticket.series.put_back[at])
        return {path for path in replaced if not self._store.is_anothers(path)}

    def _keep_successes(self, ticket: Ticket, at: int) -> None:
        """Refuse a failure in whose place a success of an earlier run stands."""
        for path in sorted(self._replaced(ticket, at, ())):
            if self._is_success(path):
                raise KeptSuccess(
                    f"Kept the recorded success {path.name}, for this call failed with status {ticket.status} "
                    "or broke off (recording_replace=any replaces it)"
                )

    def _successes_after(self, first: Path, paths: Iterable[Path], series: Series) -> dict[int, Contents]:
        """Return the successes among recordings of a series that are about to be removed, by number."""
        found: dict[int, Contents] = {}
        left = _MOST_REMOVED_BYTES
        for path in sorted(paths, key=lambda path: (len(path.name), path.name)):
            number = self._number_of(path, series)
            if path == first or number is None or not self._is_success(path):
                continue
            contents = self._store.contents(path)
            left -= len(contents[0]) + sum(map(len, contents[1].values()))
            if left < 0:
                break
            found[number] = contents
        return found

    def _put_back(self, series: Series, at: int) -> None:
        """Put back a success of an earlier run, in whose place a failure has come."""
        contents = series.removed.pop(self._number(series, at), None)
        if contents is None:
            return
        self._write_held_back(series, at)
        path = self._path(series, self._number(series, at))
        content, beside = contents
        companions = [(name, [one]) for name, one in beside.items()]
        with suppress(NameTaken):  # another recorder has its place by now
            series.put_back[at] = self._store.write(path.name, [content], companions=companions)

    def _is_success(self, path: Path) -> bool:
        with suppress(BadRecording):
            stored = self._store.read(path)
            return stored is not None and not is_failure(stored.recording.response)
        return False

    def _outdated(self, ticket: Ticket) -> set[Path]:
        """Return the files of earlier runs that the first answer replaces; others stay until their place is written."""
        found = self._of_earlier_runs(ticket.api_request)
        if ticket.api_request.test_id is not None or ticket.api_request.is_model_list():
            return found
        series = ticket.series
        place_of = {path: number for path in found if (number := self._number_of(path, series)) is not None}
        series.earlier = sorted(place_of, key=place_of.__getitem__)
        return found - place_of.keys()

    def _number_of(self, path: Path, series: Series) -> int | None:
        """Return the number of a file in a series, None for a file with another name."""
        base, number = names.split_number(path.name)
        return number if path.parent == self._store.directory and base == series.name else None

    def _stem(self, ticket: Ticket, recorded: Recorded, at: int) -> str:
        if ticket.api_request.is_model_list():
            # It ends in a digest of the answer, and several are joined.
            return self._store.name_beside_other_hosts(recorded.name, ticket.api_request)
        return names.numbered_stem(ticket.series.name, self._number(ticket.series, at))

    def _of_earlier_runs(self, api_request: ApiRequest) -> set[Path]:
        """Return the recordings that earlier runs made of a request, under any name."""
        rows = self._store.index.rows_of_earlier_runs(api_request.identity.key)
        found = {
            self._store.directory / row.path
            for row in rows
            if (
                row.test_id == api_request.test_id
                and row.stream_options == api_request.identity.stream_options
            )
            or api_request.is_model_list()
        }
        with self._lock:
            found = (found | self._earlier.get(_series_key(api_request), set())) - self._written
        return {path for path in found if not self._store.is_anothers(path)}

    def _remove_all(self, paths: Iterable[Path]) -> None:
        """Remove recordings, the last of a series first: an interruption leaves the beginning of the series."""
        for path in sorted(paths, key=lambda path: (len(path.name), path.name), reverse=True):
            self._store.remove(path)
            with self._lock:
                self._written.discard(path)
                self._renamed.append((path, None))

    def _take_out(self, gone: Sequence[Ticket]) -> None:
        if not gone:
            return
        series = gone[0].series
        with self._lock:
            series.tickets = [ticket for ticket in series.tickets if ticket not in gone]
            series.has_gaps = True

    def _close_gaps(self, series: Series) -> None:
        """Give each file the number of its place: after tickets were taken out, or a number was given up."""
        while series.has_gaps:
            series.has_gaps = False
            try:
                self._renumber(series)
            except NameTaken as exc:
                self._give_up_number(series, exc.path)
            except OSError:
                series.has_gaps = True
                raise

    def _renumber(self, series: Series) -> None:
        """Move files that go up, the last one first, then files that go down, the first one first.

        So none comes upon another file of the series: places and numbers have the same order.
        """
        moves = [
            (ticket, ticket.path, self._path(series, self._number(series, place)))
            for place, ticket in enumerate(series.tickets)
            if ticket.path is not None and not ticket.api_request.is_model_list()
        ]
        goes_up = [names.split_number(path.name)[1] < names.split_number(to.name)[1] for _, path, to in moves]
        for move, is_up in reversed([*zip(moves, goes_up, strict=True)]):
            if is_up:
                self._move(*move)
        for move, is_up in zip(moves, goes_up, strict=True):
            if not is_up:
                self._move(*move)

    def _move(self, ticket: Ticket, path: Path, target: Path) -> None:
        if path == target:
            return
        with suppress(FileNotFoundError):  # a person removed it
            self._store.move(path, target)
        with self._lock:
            self._written.discard(path)
            self._written.add(target)
            self._renamed.append((path, target))
        ticket.path = target


def _point_out_redacted_members(recorded: Recorded, api_request: ApiRequest) -> None:
    if recorded.redacted_needed_later:
        log.warning(
            "A secret was redacted in the answer to %s %s (%s). A client sends this back in a later request: a "
            "replay takes REDACTED there, and the real API would refuse it.",
            api_request.method,
            api_request.endpoint(),
            ", ".join(sorted(recorded.redacted_needed_later)),
        )


def _series_key(api_request: ApiRequest) -> SeriesKey:
    test_id = None if api_request.is_model_list() else api_request.test_id
    return (test_id, api_request.identity.key, api_request.identity.stream_options)
