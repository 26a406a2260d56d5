"""What is written while a run records: the answers to each request as one sequence, in the order of asking.

A run is the life of the proxy, or the time since the last reset. The first answer of a run to a request replaces
all that an earlier run recorded of it; the next ones are numbered. A failure that the client tried again with
success is not kept, and equal answers at the end of a sequence are one file, for the last one is repeated anyway.

All methods but `ask` touch the disk, and are called from one thread at a time, in any order.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from .errors import BadRecording, OpenAIReplayError
from .exchange import Exchange, Recorded, record, response_digest
from .identity import Asked
from .recording import Recording, Response, encode
from .store import Store

log = logging.getLogger(__name__)

type SeriesKey = tuple[str | None, str, str]


@dataclass(slots=True)
class Ticket:
    """One request of a series: when it was asked, and later what became of it.

    `recorded` is let go once it is written, so that a long run does not fill the memory; it stays where an answer
    that equals the one before waits to be needed.
    """

    asked: Asked
    series: Series
    begun: int
    ended: int | None = None
    name: str = ""
    is_retryable_failure: bool = False
    recorded: Recorded | None = None
    path: Path | None = None
    is_dropped: bool = False


@dataclass(slots=True)
class Series:
    """The requests of one run that are the same, in the order of asking."""

    tickets: list[Ticket] = field(default_factory=list)
    is_begun: bool = False

    def kept(self) -> list[Ticket]:
        """Return those that are or may become answers of the sequence."""
        return [ticket for ticket in self.tickets if not ticket.is_dropped]


class Recorder:
    """Writes the recordings of a run."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._series: dict[SeriesKey, Series] = {}
        self._written: set[Path] = set()
        self._clock = itertools.count()
        self._lock = threading.Lock()

    def ask(self, asked: Asked) -> Ticket:
        """Take note that a request was made; what it gets is recorded at its place among its like."""
        with self._lock:
            series = self._series.setdefault(_series_key(asked), Series())
            ticket = Ticket(asked, series, begun=next(self._clock))
            series.tickets.append(ticket)
            return ticket

    def has_recorded(self, asked: Asked) -> bool:
        """Tell whether this run records the request, so that its repeats are recorded too."""
        with self._lock:
            return _series_key(asked) in self._series

    def written(self) -> frozenset[Path]:
        """Return the files that this run has written."""
        with self._lock:
            return frozenset(self._written)

    def reset(self, test_id: str | None, *, all_tests: bool) -> None:
        """Begin a new run, for one test or for all."""
        with self._lock:
            gone = [key for key in self._series if all_tests or key[0] == test_id]
            for key in gone:
                series = self._series.pop(key)
                self._written -= {ticket.path for ticket in series.tickets if ticket.path is not None}

    def drop(self, ticket: Ticket) -> None:
        """Take note that a request got no answer that is recorded."""
        with self._lock:
            ticket.is_dropped = True
            ticket.ended = next(self._clock)

    def finish(self, ticket: Ticket, exchange: Exchange) -> Path | None:
        """Record what a request got.

        Returns:
            the file that now answers the request; None if a new one was needless, for it equals the one before.

        Raises:
            OpenAIReplayError: the exchange cannot be recorded.
            OSError: the file cannot be written; what was recorded before is as it was.
        """
        try:
            recorded = record(exchange)
            ticket.recorded = recorded
            ticket.name = recorded.name
            ticket.is_retryable_failure = recorded.is_retryable_failure()
            with self._lock:
                ticket.ended = next(self._clock)
                return self._place(ticket)
        except (OpenAIReplayError, OSError):
            self.drop(ticket)
            raise

    def _place(self, ticket: Ticket) -> Path | None:
        series = ticket.series
        if ticket.recorded is not None and ticket.recorded.is_success():
            self._drop_retried_failures(ticket)
        if self._repeats_the_one_before(ticket):
            return None
        self._write_held_back(series, before=ticket)
        path = self._write(ticket)
        self._renumber(series)
        return ticket.path or path

    def _drop_retried_failures(self, success: Ticket) -> None:
        """Drop the failures right before a success that had ended when it was asked: it was their retry."""
        earlier = success.series.kept()[: success.series.kept().index(success)]
        for ticket in reversed(earlier):
            had_ended = ticket.ended is not None and ticket.ended < success.begun
            if not had_ended or not ticket.is_retryable_failure:
                return
            ticket.is_dropped = True
            if ticket.path is not None:
                self._remove(ticket.path)

    def _repeats_the_one_before(self, ticket: Ticket) -> bool:
        """Tell whether this is the last of its series so far, and equals the one before."""
        kept = ticket.series.kept()
        place = kept.index(ticket)
        if place == 0 or kept[-1] is not ticket or ticket.asked.is_model_list():
            return False
        before = self._response_of(kept[place - 1])
        now = self._response_of(ticket)
        return before is not None and now is not None and response_digest(before) == response_digest(now)

    def _response_of(self, ticket: Ticket) -> Response | None:
        """Return what a request got, None while that is not known or when somebody took its file away."""
        if ticket.recorded is not None:
            return None if ticket.recorded.companion is not None else ticket.recorded.recording.response
        with suppress(BadRecording):
            stored = None if ticket.path is None else self._store.read(ticket.path)
            return None if stored is None else stored.recording.response
        return None

    def _write_held_back(self, series: Series, before: Ticket) -> None:
        """Write the equal answers that turn out not to be at the end of their sequence."""
        for ticket in series.kept():
            if ticket is before:
                return
            if ticket.recorded is not None and ticket.path is None:
                self._write(ticket)

    def _write(self, ticket: Ticket) -> Path:
        recorded = ticket.recorded
        assert recorded is not None
        stem = self._stem(ticket)
        recording = recorded.recording
        if recorded.companion is not None:
            recording = self._with_companion(stem, recorded, recorded.companion)
        first = None if ticket.series.is_begun else self._removal_of_earlier_files(ticket)
        path = self._store.write(f"{stem}.json", encode(recording), before_replacing=first)
        ticket.path = path
        ticket.recorded = None
        ticket.series.is_begun = True
        self._written.add(path)
        return path

    def _with_companion(self, stem: str, recorded: Recorded, companion: tuple[str, bytes]) -> Recording:
        ending, content = companion
        path = self._store.write(f"{stem}{ending}", content)
        return recorded.with_companion(path.name)

    def _stem(self, ticket: Ticket) -> str:
        number = ticket.series.kept().index(ticket) + 1
        return ticket.name if number == 1 or ticket.asked.is_model_list() else f"{ticket.name}-{number}"

    def _removal_of_earlier_files(self, ticket: Ticket) -> Callable[[], None]:
        """Return what removes the recordings that earlier runs made of this request, all but the one replaced."""
        target = self._store.directory / f"{self._stem(ticket)}.json"
        earlier = self._found_earlier(ticket.asked) - self._written

        def remove_all() -> None:
            for path in sorted(
                earlier - {target}, key=lambda path: (len(path.name), path.name), reverse=True
            ):
                self._store.remove(path)

        return remove_all

    def _found_earlier(self, asked: Asked) -> set[Path]:
        rows = self._store.index.rows_of_earlier_runs(asked.identity.key)
        return {
            self._store.directory / row.path
            for row in rows
            if (row.test_id == asked.test_id and row.stream_options == asked.identity.stream_options)
            or asked.is_model_list()
        }

    def _renumber(self, series: Series) -> None:
        """Close the gaps that dropped requests left, lowest number first."""
        for ticket in series.kept():
            if ticket.path is not None:
                target = ticket.path.with_name(f"{self._stem(ticket)}.json")
                if target != ticket.path:
                    self._move(ticket, target)

    def _move(self, ticket: Ticket, target: Path) -> None:
        assert ticket.path is not None
        ticket.path.replace(target)
        self._written.discard(ticket.path)
        self._written.add(target)
        ticket.path = target

    def _remove(self, path: Path) -> None:
        self._store.remove(path)
        self._written.discard(path)


def _series_key(asked: Asked) -> SeriesKey:
    test_id = None if asked.is_model_list() else asked.test_id
    return (test_id, asked.identity.key, asked.identity.stream_options)
