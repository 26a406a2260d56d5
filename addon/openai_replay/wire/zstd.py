"""Decompress Zstandard (RFC 8878) with an installed library: Python's own, its backport, or `zstandard`.

mitmproxy brings one of the last two, depending on its version; Python has had its own since 3.14. A stream may be
several frames in a row, of which Python's decompressor reads one. Windows are at most 8 MiB, the limit that RFC 9659
sets for HTTP, so that a frame cannot request more memory than that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple

from ..errors import NotRecordable

_LIBRARIES = ("compression.zstd", "backports.zstd", "zstandard")

_WINDOW_LOG = 23

# `zstandard` takes no limit for its output. A block is 4 bytes at least and 128 KiB at most when it is decompressed.
_SLICE_BYTES = 128

# Most bytes that a decompressor returns at once, where it takes a limit.
_MOST_AT_ONCE = 64 * 1024


class Compressor(NamedTuple):
    """Compresses one body: `chunk` returns all that is needed to read the bytes so far, `end` the rest."""

    chunk: Callable[[bytes], bytes]
    end: Callable[[], bytes]


def installed_libraries() -> list[str]:
    """Return the names of the modules that could be used here; the first is in use."""
    return [name for name in _LIBRARIES if _imported(name) is not None]


def decompressed(pieces: Iterable[bytes], library: str | None = None) -> Iterator[bytes]:
    """Yield the content of a stream of frames, as far as it came, in pieces of a few MiB at most.

    Args:
        pieces: the stream, cut anywhere.
        library: one of `installed_libraries()`, the first by default.

    Raises:
        NotRecordable: it is not Zstandard, or no library is installed.
    """
    module = _library(library)
    try:
        frame = _frame(module)
        for piece in pieces:
            while piece:
                if frame.eof:
                    frame = _frame(module)
                yield from frame.contents(piece)
                piece = frame.unused_data if frame.eof else b""
    except module.ZstdError as exc:
        raise NotRecordable(f"the response is not valid zstd: {exc}") from exc


def compressor(library: str | None = None) -> Compressor:
    """Return a compressor of one body.

    Raises:
        NotRecordable: no library is installed.
    """
    module = _library(library)
    if module.__name__ == "zstandard":
        writer = module.ZstdCompressor().compressobj()
        return Compressor(
            lambda data: writer.compress(data) + writer.flush(module.COMPRESSOBJ_FLUSH_BLOCK), writer.flush
        )
    stream = module.ZstdCompressor()
    return Compressor(lambda data: stream.compress(data, mode=stream.FLUSH_BLOCK), stream.flush)


class _FrameOfPython:
    """One frame, read by `compression.zstd` or its backport."""

    def __init__(self, module: ModuleType) -> None:
        options = {module.DecompressionParameter.window_log_max: _WINDOW_LOG}
        self._decompressor: Any = module.ZstdDecompressor(options=options)

    @property
    def eof(self) -> bool:
        return bool(self._decompressor.eof)

    @property
    def unused_data(self) -> bytes:
        return bytes(self._decompressor.unused_data)

    def contents(self, piece: bytes) -> Iterator[bytes]:
        while True:
            content: bytes = self._decompressor.decompress(piece, _MOST_AT_ONCE)
            if content:
                yield content
            if self._decompressor.eof or self._decompressor.needs_input:
                return
            piece = b""


class _FrameOfZstandard:
    """One frame, read by `zstandard`, in slices that cannot become very large."""

    def __init__(self, module: ModuleType) -> None:
        decompressor = module.ZstdDecompressor(max_window_size=1 << _WINDOW_LOG)
        self._decompressor: Any = decompressor.decompressobj()
        self.unused_data = b""

    @property
    def eof(self) -> bool:
        return bool(self._decompressor.eof)

    def contents(self, piece: bytes) -> Iterator[bytes]:
        for start in range(0, len(piece), _SLICE_BYTES):
            content: bytes = self._decompressor.decompress(piece[start : start + _SLICE_BYTES])
            if content:
                yield content
            if self._decompressor.eof:
                self.unused_data = self._decompressor.unused_data + piece[start + _SLICE_BYTES :]
                return


def _frame(module: ModuleType) -> _FrameOfPython | _FrameOfZstandard:
    return _FrameOfZstandard(module) if module.__name__ == "zstandard" else _FrameOfPython(module)


def _library(name: str | None) -> ModuleType:
    for candidate in _LIBRARIES if name is None else (name,):
        module = _imported(candidate)
        if module is not None:
            return module
    raise NotRecordable(
        f"zstd cannot be read here: expected one of {', '.join(_LIBRARIES)}, and none is installed"
    )


def _imported(name: str) -> ModuleType | None:
    try:
        return import_module(name)
    except ImportError:
        return None
