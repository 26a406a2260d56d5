"""Copies of a response's bytes, taken while they pass to the client. A tap never raises."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass

from ..wire.content_coding import decoded

_MOST_IN_MEMORY_BYTES = 1024 * 1024
_READ_BYTES = 64 * 1024


class Tap:
    """Keeps the bytes of one body, large ones on disk. An exception here would hang the client, so none leaves."""

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

    def close(self) -> None:
        """Let go of the bytes."""
        self._spool.close()


@dataclass(frozen=True, slots=True)
class Body:
    """The bytes that passed a tap, without their content coding; they can be read more than once."""

    tap: Tap
    content_encoding: str

    def __iter__(self) -> Iterator[bytes]:
        return decoded(self.tap.pieces(), self.content_encoding)
