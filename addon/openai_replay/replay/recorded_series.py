"""The files that answer one request, in order, and the answers read from them so far.

Each use is checked against the disk: a file that was changed, added or removed counts for the next request.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ..format.json_text import compact
from ..request.identity import ApiRequest
from ..store.index import UNSETTLED, settled_mtime, signature_of
from ..store.index_rows import Signature
from ..store.store import Store, Stored, companions_of
from .answer import Answer, render

# Memory of a series beside its answers and its request: paths, signatures and the like.
_OVERHEAD_BYTES = 5 * 1024

# Answers in memory, in bytes. Reading a recording again costs less than a request through the proxy.
_MOST_KEPT_BYTES = 32 * 1024 * 1024


@dataclass(slots=True)
class RecordedSeries:
    """The files that answer a request, as they were when they were found, and the answers read from them so far.

    `is_named`: they bear the request's own name, and nothing else on disk could come before them. `absent` are the
    paths of missing numbers. `signatures` has each file that was read, also files of other requests. The first
    `verified` paths are known to hold this request.
    """

    api_request: ApiRequest
    paths: tuple[Path, ...]
    is_named: bool
    first: Stored | None  # read when it was found, let go when it is rendered
    absent: tuple[Path, ...] = ()
    answers: dict[Path, Answer] = field(default_factory=dict)
    signatures: dict[Path, Signature] = field(default_factory=dict)
    kept_size: int = 0
    verified: int = 0
    folder_mtime: int = UNSETTLED
    checked_at: int | None = None
    is_model_list: bool = field(init=False)

    def __post_init__(self) -> None:
        # Worked out once: the normal form of the path takes as long as everything else of a repeat.
        self.is_model_list = self.api_request.is_model_list()

    def is_current(self, store: Store) -> bool:
        """Tell whether the files on disk are unchanged, and would still answer this request.

        Where the folder is watched they are looked at once, and again after each change there.
        """
        changes = None if store.watch is None else store.watch.changes
        if changes is not None and changes == self.checked_at:
            return True
        is_current = self._is_as_on_disk(store)
        self.checked_at = changes if is_current and self._is_watched(store) else None
        return is_current

    def _is_as_on_disk(self, store: Store) -> bool:
        if self.is_named:
            return self._are_unchanged() and self._are_absent(store.directory)
        return store.index.has_settled() and self._are_unchanged()

    def _is_watched(self, store: Store) -> bool:
        return store.watch is not None and store.watch.covers(self.signatures)

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

    def answer_at(self, number: int, store: Store) -> Answer | None:
        """Return the answer at a place of the series, from 0, or the last one; None when no file is left.

        Raises:
            BadRecording: it cannot be read or sent.
        """
        self._verify(number, store)
        while self.paths:
            path = self.paths[min(number, len(self.paths) - 1)]
            if path in self.answers or self._read(path, store):
                return self.answers[path]
            self._drop(path)
        return None

    def _verify(self, number: int, store: Store) -> None:
        """Make sure that the files before a place hold this request: a number may be another request's."""
        while self.verified < min(number, len(self.paths) - 1):
            path = self.paths[self.verified]
            stored = None if path in self.answers else self._stored(path, store)
            if stored is not None:
                self.signatures |= _signatures([stored])
                self.checked_at = None
            if stored is not None or path in self.answers:
                self.verified += 1
            else:
                self._drop(path)

    def _drop(self, path: Path) -> None:
        """Leave out a file that went away, or that holds another request; it counts again when it changes."""
        self.paths = tuple(other for other in self.paths if other != path)
        self.checked_at = None
        try:
            self.signatures[path] = signature_of(os.stat(path))
        except OSError:
            self.absent = (*self.absent, path)

    def _read(self, path: Path, store: Store) -> bool:
        """Read the answer that a file holds; False when it holds none to this request."""
        paths = self.paths if self.is_model_list else (path,)
        maybe_stored = [self._stored(path, store) for path in paths]
        stored = [one for one in maybe_stored if one is not None]
        if stored:
            self.signatures |= _signatures(stored)
            self.answers[path] = render(stored, self.api_request)
            self.first = None
            self.checked_at = None
        return bool(stored)

    def _stored(self, path: Path, store: Store) -> Stored | None:
        """Return a file of the series; the first one, which was read to find the series, is not read again.

        None when it went away in the meantime, or holds another request than its name says.
        """
        if self.first is not None and self.first.path == path:
            return self.first
        return store.answering(path, self.api_request)


class KeptSeries:
    """Series in memory by the fingerprint of their request; the least recently used go when they take too much."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, RecordedSeries] = OrderedDict()
        self._bytes = 0

    def __iter__(self) -> Iterator[RecordedSeries]:
        return iter(self._kept.values())

    def size_bytes(self) -> int:
        """Return about how many bytes all of them take."""
        return self._bytes

    def get(self, fingerprint: bytes) -> RecordedSeries | None:
        """Return the series of a request, None when it is not in memory."""
        return self._kept.get(fingerprint)

    def touch(self, fingerprint: bytes) -> None:
        """Take note that a series was used."""
        self._kept.move_to_end(fingerprint)

    def keep(self, fingerprint: bytes, series: RecordedSeries) -> None:
        """Keep a series as it is now, and forget others where the memory is used up."""
        self.forget(fingerprint)
        series.kept_size = series.size()
        self._kept[fingerprint] = series
        self._bytes += series.kept_size
        while self.size_bytes() > _MOST_KEPT_BYTES and len(self._kept) > 1:
            self.forget(next(iter(self._kept)))

    def forget(self, fingerprint: bytes) -> None:
        """Forget the series of a request, if it is in memory."""
        series = self._kept.pop(fingerprint, None)
        if series is not None:
            self._bytes -= series.kept_size


def _signatures(stored: Iterable[Stored]) -> dict[Path, Signature]:
    """Return the signatures of recordings, and of the files of their bodies before these are read."""
    signatures = {one.path: one.signature for one in stored}
    for one in stored:
        for companion in companions_of(one.path, one.recording.response).values():
            with suppress(FileNotFoundError):
                signatures[companion] = signature_of(os.stat(companion))
    return signatures
