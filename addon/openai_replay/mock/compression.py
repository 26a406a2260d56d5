"""Compress answers (gzip, deflate, br, zstd; RFC 9110, section 8.4.1), flushed after each chunk."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import brotli  # type: ignore[import-untyped]

from ..wire import zstd


class Compressor:
    """One body in one content coding; None is identity."""

    def __init__(self, content_encoding: str | None) -> None:
        self._compress, self._finish = _codings()[content_encoding]()

    def chunk(self, data: bytes) -> bytes:
        """Return the bytes that let the other side decode `data` at once."""
        return self._compress(data)

    def end(self) -> bytes:
        """Return the bytes that the coding puts after the last chunk."""
        return self._finish()


_Coding = tuple[Callable[[bytes], bytes], Callable[[], bytes]]


def _codings() -> dict[str | None, Callable[[], _Coding]]:
    return {
        None: lambda: (bytes, lambda: b""),
        "gzip": lambda: _zlib(16 + zlib.MAX_WBITS),
        "deflate": lambda: _zlib(zlib.MAX_WBITS),
        "br": _brotli,
        "zstd": zstd.compressor,
    }


def _zlib(window_bits: int) -> _Coding:
    deflater = zlib.compressobj(wbits=window_bits)
    return lambda data: deflater.compress(data) + deflater.flush(zlib.Z_SYNC_FLUSH), deflater.flush


def _brotli() -> _Coding:
    encoder = brotli.Compressor(quality=4)
    return lambda data: encoder.process(data) + encoder.flush(), encoder.finish
