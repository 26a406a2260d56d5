"""Content codings (RFC 9110, 8.4.1) undone piece by piece: what came of a response that broke off is readable."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator

import brotli  # type: ignore[import-untyped]  # no stubs exist
import zstandard

from ..errors import NotRecordable

type Decode = Callable[[bytes], bytes]


def decoded(pieces: Iterable[bytes], content_encoding: str) -> Iterator[bytes]:
    """Yield a body's bytes without its content codings, as far as they came.

    Args:
        content_encoding: the header's value, codings in the order they were applied.

    Raises:
        NotRecordable: a coding is unknown, or the bytes are not of it.
    """
    codings = [coding.strip().lower() for coding in content_encoding.split(",") if coding.strip()]
    decoders = [_decoder(coding) for coding in reversed(codings)]
    for piece in pieces:
        for decode in decoders:
            piece = decode(piece)
        if piece:
            yield piece


def _decoder(coding: str) -> Decode:
    if coding == "identity":
        return bytes
    make = _DECODERS.get(coding)
    if make is None:
        raise NotRecordable(f"unknown content coding {coding!r}: expected {', '.join(sorted(_DECODERS))}")
    decode = make()

    def checked(piece: bytes) -> bytes:
        try:
            return decode(piece)
        except (zlib.error, brotli.error, zstandard.ZstdError) as exc:
            raise NotRecordable(f"the response is not valid {coding}: {exc}") from exc

    return checked


def _deflate() -> Decode:
    """Take both readings of "deflate": with the zlib wrapper, as RFC 9110 says, and without, as some servers send."""
    decompressor = zlib.decompressobj()
    is_first = True

    def decode(piece: bytes) -> bytes:
        nonlocal decompressor, is_first
        if is_first and piece:
            is_first = False
            if piece[0] & 0x0F != zlib.DEFLATED:
                decompressor = zlib.decompressobj(-zlib.MAX_WBITS)
        return decompressor.decompress(piece)

    return decode


_GZIP = 16


def _gzip() -> Decode:
    """Take one member after the other (RFC 1952, 2.2), as servers send them that compress each flush by itself."""
    decompressor = zlib.decompressobj(_GZIP + zlib.MAX_WBITS)

    def decode(piece: bytes) -> bytes:
        nonlocal decompressor
        content = decompressor.decompress(piece)
        while decompressor.eof and (rest := decompressor.unused_data):
            decompressor = zlib.decompressobj(_GZIP + zlib.MAX_WBITS)
            content += decompressor.decompress(rest)
        return content

    return decode


def _zstd() -> Decode:
    """Take one frame after the other (RFC 8878, 3.1)."""
    return zstandard.ZstdDecompressor().decompressobj(read_across_frames=True).decompress


_DECODERS: dict[str, Callable[[], Decode]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "br": lambda: brotli.Decompressor().process,
    "zstd": _zstd,
}
