"""request → recorded answer: which recording answers, and where a request stands among its repeats.

What was read once is kept in memory, checked against the disk for each request: a recording that was changed, added
or removed counts for the next one.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from ..format.json_text import compact
from ..options import MatchPolicy
from ..request.identity import ApiRequest
from ..store.index import UNSETTLED, Signature, settled_mtime, signature_of
from ..store.store import Store, Stored, absent_numbers, companion_of, numbered
from .answer import Answer, render

# Answers in memory, in bytes, with what is kept beside them: the request, and about so much for paths and the like.
# Reading a recording again costs less than a request through the proxy.
_MOST_KEPT_BYTES = 32 * 1024 * 1024
_OVERHEAD_BYTES = 5 * 1024

type PositionKey = tuple[str | None, str, str]
type OnIndexThread = Callable[[Callable[[], list[Path]]], Awaitable[list[Path]]]


class Positions:
    """How often each request that has several answers was made in this run."""

    def __init__(self) -> None:
        self._next: dict[PositionKey, int] = {}

    def take(self, api_request: ApiRequest, length: int) -> int:
        """Return which of so many answers a request gets, counted from 0: the next one, in the end the last."""
        if length == 1:
            return 0
        key = (api_request.test_id, api_request.identity.key, api_request.identity.stream_options)
        position = self._next.get(key, 0)
        self._next[key] = position + 1
        return min(position, length - 1)

    def reset(self, test_id: str | None, *, all_tests: bool) -> None:
        """Begin all repeats anew, or those of one test."""
        self._next = {} if all_tests else {key: n for key, n in self._next.items() if key[0] != test_id}


@dataclass(slots=True)
class RecordedSeries:
    """The files that answer a request, as they were when they were found, and the answers read from them so far.

    `is_named`: they bear the request's own name, and nothing else on disk could come before them. Those of its
    numbers that there are not are `absent`.
    """

    api_request: ApiRequest
    paths: tuple[Path, ...]
    is_named: bool
    first: Stored | None  # read when it was found, let go when it is rendered
    absent: tuple[Path, ...] = ()
    answers: dict[Path, Answer] = field(default_factory=dict)
    signatures: dict[Path, Signature] = field(default_factory=dict)
    kept_size: int = 0
    folder_mtime: int = UNSETTLED

    def is_current(self, store: Store) -> bool:
        """Tell whether the files on disk are the same, and would still be the ones to answer."""
        if self.is_named:
            return self._are_unchanged() and self._are_absent(store.directory)
        return store.index.has_settled() and self._are_unchanged()

    def size(self) -> int:
        """Return about how many bytes it takes in memory."""
        answers = sum(answer.size() for answer in self.answers.values())
        return answers + len(compact(self.api_request.body)) + _OVERHEAD_BYTES

    def _are_absent(self, folder: Path) -> bool:
        """Tell whether no number came that was not there; they are looked at only when their folder changed."""
        mtime = settled_mtime(folder)
        if mtime == UNSETTLED or mtime != self.folder_mtime:
            if any(path.exists() for path in self.absent):
                return False
            self.folder_mtime = mtime
        return True

    def _are_unchanged(self) -> bool:
        try:
            return all(
                signature_of(os.stat(path)) == signature for path, signature in self.signatures.items()
            )
        except OSError:
            return False

    def stored(self, path: Path, store: Store) -> Stored | None:
        """Return a file of the sequence; the one that was read to find it is not read again.

        None when it went away in the meantime, or holds another request than its name says.
        """
        if self.first is not None and self.first.path == path:
            return self.first
        return store.answering(path, self.api_request)


class Replayer:
    """Answers requests from a store."""

    def __init__(
        self, store: Store, match: MatchPolicy, positions: Positions, on_index_thread: OnIndexThread
    ) -> None:
        """Prepare to answer; `on_index_thread` runs what blocks on the index, one call at a time and in order."""
        self._store = store
        self._own_test_only = match is MatchPolicy.REQUIRE
        self._positions = positions
        self._on_index_thread = on_index_thread
        self._kept: OrderedDict[bytes, RecordedSeries] = OrderedDict()
        self._kept_bytes = 0

    async def answer(
        self, fingerprint: bytes, describe: Callable[[], ApiRequest], *, but: frozenset[Path] = frozenset()
    ) -> Answer | None:
        """Return the next answer to a request, None when no recording answers it.

        Args:
            fingerprint: what is the same for requests that are the same to the byte.
            describe: gives the request as matching sees it; called only when it is not remembered.
            but: files that must not answer.

        Raises:
            BadRecording: the recording that answers cannot be read or sent.
        """
        sequence = self._kept.get(fingerprint)
        if sequence is None or not sequence.is_current(self._store):
            self._forget(fingerprint)
            found = await self.find(describe(), but=but)
            if found is None:
                return None
            sequence = found
        return self._next(fingerprint, sequence)

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
        if named is not None and named.path not in but:
            paths = tuple(path for path in numbered(named.path) if path not in but)
            return RecordedSeries(api_request, paths, True, named, tuple(absent_numbers(paths)))
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
            else index.rows(api_request.identity.key)
        )
        return self._store.chosen(api_request, rows, own_test_only=self._own_test_only, but=but)

    def _next(self, fingerprint: bytes, sequence: RecordedSeries) -> Answer | None:
        """Return the answer whose turn it is; None when all the files went away since they were found."""
        number = 0
        if not sequence.api_request.is_model_list():
            number = self._positions.take(sequence.api_request, len(sequence.paths))
        while sequence.paths:
            path = sequence.paths[min(number, len(sequence.paths) - 1)]
            if path in sequence.answers:
                self._kept.move_to_end(fingerprint)
                return sequence.answers[path]
            if self._read(sequence, path):
                self._keep(fingerprint, sequence)
            else:
                sequence.paths = tuple(other for other in sequence.paths if other != path)
        return None

    def _read(self, sequence: RecordedSeries, path: Path) -> bool:
        """Read the answer that a file holds; False when it holds none to this request."""
        api_request = sequence.api_request
        paths = sequence.paths if api_request.is_model_list() else (path,)
        maybe_stored = [sequence.stored(path, self._store) for path in paths]
        stored = [one for one in maybe_stored if one is not None]
        if stored:
            sequence.signatures |= _signatures(stored)
            sequence.answers[path] = render(stored, api_request)
            sequence.first = None
        return bool(stored)

    def _keep(self, fingerprint: bytes, sequence: RecordedSeries) -> None:
        self._forget(fingerprint)
        sequence.kept_size = sequence.size()
        self._kept[fingerprint] = sequence
        self._kept_bytes += sequence.kept_size
        while self._kept_bytes > _MOST_KEPT_BYTES and len(self._kept) > 1:
            self._forget(next(iter(self._kept)))

    def _forget(self, fingerprint: bytes) -> None:
        sequence = self._kept.pop(fingerprint, None)
        if sequence is not None:
            self._kept_bytes -= sequence.kept_size


def _signatures(stored: Iterable[Stored]) -> dict[Path, Signature]:
    """Return what changes with the files of recordings, those of their bodies included; taken before these are read."""
    signatures = {one.path: one.signature for one in stored}
    for one in stored:
        companion = companion_of(one.path, one.recording.response.body)
        if companion is not None:
            with suppress(FileNotFoundError):
                signatures[companion] = signature_of(os.stat(companion))
    return signatures
