"""Copies of a response's bytes, taken while they pass to the client. A tap never raises."""

from __future__ import annotations

import tempfile
import time
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..record.exchange import Timing
from ..wire.content_coding import decoded

_MOST_IN_MEMORY_BYTES = 1024 * 1024
_READ_BYTES = 64 * 1024


class Tap:
    """Keeps the bytes of one body, a large body on disk. Never raises: an exception would hang the client."""

    def __init__(self) -> None:
        self._spool = tempfile.SpooledTemporaryFile(max_size=_MOST_IN_MEMORY_BYTES)  # noqa: SIM115  # closed with the exchange
        self.problem = ""
        self.size = 0

    def __call__(self, data: bytes) -> bytes:
        """Take the next bytes of the body and hand them on."""
        self.size += len(data)
        if not self.problem:
            try:
                self._spool.write(data)
            except Exception as exc:  # of any kind: it must not reach the client
                self.problem = f"its bytes could not be kept: {exc}"
        return data

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes that passed."""
        self._spool.seek(0)
        while piece := self._spool.read(_READ_BYTES):
            yield piece

    def timing(self, content_encoding: str, most_bytes: int) -> Timing | None:
        """Return when the bytes came, None where that is not measured."""
        return None

    def close(self) -> None:
        """Free the bytes."""
        self._spool.close()


class TimedTap(Tap):
    """A tap that also measures when the bytes come."""

    def __init__(self, asked_s: float) -> None:
        """Begin with the head of a response; `asked_s` is when its request was complete, by `time.monotonic`."""
        super().__init__()
        self._asked_s = asked_s
        self._head_ms = self._now_ms()
        self._times_ms = array("d")
        self._sizes = array("Q")

    def __call__(self, data: bytes) -> bytes:
        """Take the next bytes of the body and hand them on."""
        if data:
            self._times_ms.append(self._now_ms())
            self._sizes.append(len(data))
        return super().__call__(data)

    def timing(self, content_encoding: str, most_bytes: int) -> Timing:
        """Return when the bytes came; the end of the response is now."""
        return Timing(self._head_ms, self._now_ms(), TimedBody(self, content_encoding, most_bytes))

    def timed_pieces(self) -> Iterator[tuple[float, bytes]]:
        """Yield the bytes as they came, each with its time in ms after the request."""
        self._spool.seek(0)
        for at_ms, size in zip(self._times_ms, self._sizes, strict=True):
            yield at_ms, self._spool.read(size)

    def _now_ms(self) -> float:
        return (time.monotonic() - self._asked_s) * 1000


@dataclass(frozen=True, slots=True)
class Body:
    """The bytes that passed a tap, without their content coding; they can be read more than once."""

    tap: Tap
    content_encoding: str
    most_bytes: int

    def __iter__(self) -> Iterator[bytes]:
        return decoded(self.tap.pieces(), self.content_encoding, self.most_bytes)


@dataclass(frozen=True, slots=True)
class TimedBody:
    """The bytes that passed a tap, each piece with the time of the bytes that completed it."""

    tap: TimedTap
    content_encoding: str
    most_bytes: int

    def __iter__(self) -> Iterator[tuple[float, bytes]]:
        arrivals = _Arrivals(self.tap.timed_pieces())
        for piece in decoded(arrivals, self.content_encoding, self.most_bytes):
            yield arrivals.at_ms, piece


class _Arrivals:
    """The bytes of timed pieces; `at_ms` is the time of the piece that was read last."""

    def __init__(self, pieces: Iterable[tuple[float, bytes]]) -> None:
        self._pieces = pieces
        self.at_ms = 0.0

    def __iter__(self) -> Iterator[bytes]:
        for at_ms, piece in self._pieces:
            self.at_ms = at_ms
            yield piece
