"""Find the recorded answer of a request, and the next one for its repeats.

Answers stay in memory and are checked against the disk for each request: a recording that was changed, added or
removed counts for the next one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

from ..errors import BadRecording
from ..options import MatchPolicy
from ..request.identity import ApiRequest
from ..request.literals import literals
from ..store import names
from ..store.store import Store
from ..trouble.fault_rules import FaultRule
from ..trouble.pacing import plan
from ..trouble.retry_after import capped
from ..trouble.terms import Terms
from . import faults
from .answer import Answer
from .delivery import Delivery, deliver
from .positions import Positions
from .recorded_series import KeptSeries, RecordedSeries
from .resume import resumed, resumption_of
from .session_delivery import SessionDelivery, rule_for_session, session_delivery


class OnIndexThread(Protocol):
    """Runs work that blocks on the index, one call at a time and in order."""

    def __call__[T](self, work: Callable[[], T], /) -> Awaitable[T]:
        """Return the result of the work."""


class Replayer:
    """Answers requests from a store."""

    def __init__(
        self, store: Store, match: MatchPolicy, positions: Positions, on_index_thread: OnIndexThread
    ) -> None:
        """Prepare to answer; `on_index_thread` runs calls that block on the index, one at a time and in order."""
        self._store = store
        self._own_test_only = match is MatchPolicy.REQUIRE
        self._positions = positions
        self._on_index_thread = on_index_thread
        self.kept = KeptSeries()

    async def answer(
        self, fingerprint: bytes, describe: Callable[[], ApiRequest], *, but: frozenset[Path] = frozenset()
    ) -> Answer | None:
        """Return the next answer to a request, None when no recording answers it.

        Args:
            fingerprint: equal for requests that are the same to the byte.
            describe: gives the request as matching sees it; called only when it is not remembered.
            but: files that must not answer.

        Raises:
            BadRecording: the recording that answers cannot be read or sent.
        """
        series = await self._current_series(fingerprint, describe, but)
        return await self._resumed(describe()) if series is None else self._next(fingerprint, series)

    def repeated(self, fingerprint: bytes, terms: Terms) -> Answer | None:
        """Return the next answer to a remembered request, if it goes out as it is and no file has to be looked at.

        None where `answer` or `delivery` is needed; see there.
        """
        series = self.kept.get(fingerprint)
        if series is None or len(series.answers) < len(series.paths) or not series.is_current(self._store):
            return None
        if not terms.are_plain_without_faults() or _concerning(series.api_request, terms):
            return None
        return self._next(fingerprint, series)

    async def delivery(
        self,
        fingerprint: bytes,
        describe: Callable[[], ApiRequest],
        terms: Terms,
        *,
        but: frozenset[Path] = frozenset(),
    ) -> Answer | Delivery | None:
        """Return the next answer as a schedule: paced, and with the fault whose turn it is. See `answer`.

        An answer that is neither paced nor faulty comes as it is.
        A fault that leaves a client without the whole answer does not use it up: the client's retry gets it.
        """
        series = await self._current_series(fingerprint, describe, but)
        if series is None:
            return await self._resumed_delivery(describe(), terms)
        firing = self._firing_rules(series.api_request, terms)
        answer = self._next(fingerprint, series, is_spent=not firing)
        if answer is None or (not firing and terms.are_plain_without_faults()):
            return answer
        paced = _paced(answer, series.api_request, terms)
        rule = faults.first_suitable(firing, paced)
        if _is_spent_later(firing, rule):
            self._take_position(series)
        return _with_fault(rule, firing, paced, terms)

    async def _resumed(self, api_request: ApiRequest) -> Answer | None:
        """Return the rest of a recorded stream, None where that is not wanted or there is none."""
        if resumption_of(api_request) is None:
            return None
        return await self._on_index_thread(
            partial(resumed, self._store, api_request, own_test_only=self._own_test_only)
        )

    async def _resumed_delivery(self, api_request: ApiRequest, terms: Terms) -> Delivery | None:
        answer = await self._resumed(api_request)
        if answer is None:
            return None
        paced = _paced(answer, api_request, terms)
        firing = self._firing_rules(api_request, terms)
        return _with_fault(faults.first_suitable(firing, paced), firing, paced, terms)

    async def session(
        self, api_request: ApiRequest, terms: Terms, *, but: frozenset[Path] = frozenset()
    ) -> SessionDelivery | Delivery | None:
        """Return how the next recording of an upgrade to a WebSocket is served, None without one. See `delivery`."""
        series = await self.find(api_request, but=but)
        if series is None:
            return None
        paths = {str(path): path for path in series.paths}
        firing = self._firing_rules(api_request, terms)
        name = self._session_name(api_request, list(paths), is_reserved=not firing)
        stored = self._store.answering(paths[name], api_request)
        if stored is None:
            return None
        rule = rule_for_session(firing, stored)
        if _is_spent_later(firing, rule):
            self._session_name(api_request, list(paths), is_reserved=True)
        delivery = session_delivery(stored, api_request, terms, rule, firing)
        if rule is None and isinstance(delivery, SessionDelivery):
            return replace(delivery, others=tuple(path for path in series.paths if path != stored.path))
        return delivery

    def _session_name(self, api_request: ApiRequest, names: Sequence[str], *, is_reserved: bool) -> str:
        """Return the recorded session whose turn it is; only a reserved one is used up."""
        if len(names) == 1:
            return names[0]
        if is_reserved:
            return self._positions.reserve_session(api_request, names)
        return self._positions.sessions_in_turn(api_request, names)[0]

    def other_sessions(
        self, api_request: ApiRequest, terms: Terms, paths: Sequence[Path]
    ) -> Iterator[SessionDelivery]:
        """Yield recorded sessions of an upgrade, the next unused one first. Unreadable ones are left out."""
        by_name = {str(path): path for path in paths}
        for name in self._positions.sessions_in_turn(api_request, list(by_name)):
            with suppress(BadRecording):
                stored = self._store.answering(by_name[name], api_request)
                if stored is not None:
                    delivery = session_delivery(stored, api_request, terms, None, ())
                    if isinstance(delivery, SessionDelivery):
                        yield delivery

    def exchange_session(self, api_request: ApiRequest, reserved: Path, used: Path) -> None:
        """Take note that a recorded session went on in the place of the one whose turn it was."""
        self._positions.exchange_session(api_request, str(reserved), str(used))

    def _firing_rules(self, api_request: ApiRequest, terms: Terms) -> tuple[FaultRule, ...]:
        rules = _concerning(api_request, terms)
        if not rules:
            return ()
        attempt = self._positions.attempt(api_request)
        return tuple(rule for rule in rules if rule.fires(api_request, attempt))

    async def _current_series(
        self, fingerprint: bytes, describe: Callable[[], ApiRequest], but: frozenset[Path]
    ) -> RecordedSeries | None:
        series = self.kept.get(fingerprint)
        if series is not None and series.is_current(self._store):
            return series
        self.kept.forget(fingerprint)
        return await self.find(describe(), but=but)

    async def find(
        self, api_request: ApiRequest, *, but: frozenset[Path] = frozenset()
    ) -> RecordedSeries | None:
        """Return the sequence that answers a request, None when there is none.

        Args:
            but: files that must not answer.

        Raises:
            BadRecording: the file under the request's own name cannot be read.
        """
        named = self._store.named(api_request)
        if named is not None and named.first.path not in but:
            paths = tuple(path for path in names.series(named.first.path) if path not in but)
            absent = tuple(names.absent_from_series(paths))
            return RecordedSeries(
                api_request, paths, True, named.first, absent, signatures=dict(named.passed)
            )
        for is_sure in (False, True):
            found = await self._on_index_thread(partial(self._looked_up, api_request, but, is_sure=is_sure))
            if not found:
                return None
            stored = self._store.answering(found[0], api_request)
            if stored is not None:
                return RecordedSeries(api_request, tuple(found), False, stored)
        return None

    def _looked_up(self, api_request: ApiRequest, but: frozenset[Path], *, is_sure: bool) -> list[Path]:
        index = self._store.index
        rows = (
            index.rows_after_full_check(api_request.identity.key)
            if is_sure
            else index.rows(api_request.identity.key, partial(literals, api_request))
        )
        return self._store.chosen(api_request, rows, own_test_only=self._own_test_only, but=but)

    def _take_position(self, series: RecordedSeries) -> int:
        if series.is_model_list:
            return 0
        return self._positions.take(series.api_request, len(series.paths))

    def _peek_position(self, series: RecordedSeries) -> int:
        if series.is_model_list:
            return 0
        return self._positions.peek(series.api_request, len(series.paths))

    def _next(self, fingerprint: bytes, series: RecordedSeries, *, is_spent: bool = True) -> Answer | None:
        """Return the answer whose turn it is; None when all the files went away since they were found.

        A repeat gets the next one, or the same again if this one is not spent.
        """
        number = self._take_position(series) if is_spent else self._peek_position(series)
        known = len(series.answers)
        answer = series.answer_at(number, self._store)
        if len(series.answers) != known:
            self.kept.keep(fingerprint, series)
        elif answer is not None:
            self.kept.touch(fingerprint)
        return answer


def _concerning(api_request: ApiRequest, terms: Terms) -> list[FaultRule]:
    return [rule for rule in terms.faults if rule.concerns(api_request)]


def _is_spent_later(firing: Sequence[FaultRule], rule: FaultRule | None) -> bool:
    """Tell whether an answer is used up that was held back for the rules that fire: `rule`, the served one, says so."""
    return bool(firing) and (rule is None or rule.spends_the_answer())


def _with_fault(
    rule: FaultRule | None, firing: Sequence[FaultRule], delivery: Delivery, terms: Terms
) -> Delivery:
    """Return a delivery with the fault of a rule; without one that suits, name the first that fires."""
    if rule is None:
        faulty = replace(delivery, passed_over=firing[0].text if firing else "")
    else:
        faulty = faults.apply(rule, delivery)
    return replace(faulty, headers=capped(faulty.headers, terms.most_wait_s))


def _paced(answer: Answer, api_request: ApiRequest, terms: Terms) -> Delivery:
    draw_key = f"{api_request.test_id or ''}\n{api_request.identity.key}"
    delivery = deliver(answer, plan(terms.pacing, answer.times_ms, len(answer.pieces), draw_key))
    return replace(delivery, lacks_times=terms.pacing.needs_recorded_times() and not answer.times_ms)
