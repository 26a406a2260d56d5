"""Decodes content codings (RFC 9110, 8.4.1: gzip, deflate, br, zstd) piece by piece, in bounded memory.

A body that broke off is decoded as far as it came. A small compressed body may stand for a very large one, so no
decoder returns more than a few MiB at once, and a body that becomes larger than a limit is an error.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Iterator

import brotli  # type: ignore[import-untyped]  # no stubs exist

from ..errors import NotRecordable
from ..limits import MOST_BODY_BYTES
from . import zstd

type Decode = Callable[[Iterable[bytes]], Iterator[bytes]]

# Most bytes that zlib and brotli return at once.
_MOST_AT_ONCE = 64 * 1024

# Brotli 1.1 takes no limit for its output. Its smallest block is 3 bytes, its largest 16 MiB when it is decompressed.
_BROTLI_HAS_LIMIT = hasattr(brotli.Decompressor, "can_accept_more_data")
_BROTLI_SLICE_BYTES = 4


def decoded(pieces: Iterable[bytes], content_encoding: str, most: int = MOST_BODY_BYTES) -> Iterator[bytes]:
    """Yield a body's bytes without its content codings, as far as they came.

    Args:
        pieces: the body, cut anywhere.
        content_encoding: the header's value, codings in the order they were applied.
        most: the largest size in bytes, of the body and of each step between two codings.

    Raises:
        NotRecordable: a coding is unknown and the body is no text, the bytes are not of it, or they are too many.
    """
    codings = [coding.strip().lower() for coding in content_encoding.split(",") if coding.strip()]
    decoders = [_decoder(coding) for coding in reversed(codings) if not _changes_nothing(coding)]
    result: Iterable[bytes] = _limited(pieces, most)
    for decode in decoders:
        result = _limited(decode(result), most)
    return (piece for piece in result if piece)


def decoded_request(content: bytes, content_encoding: str) -> bytes:
    """Return a request's body without its content codings; one that is not of its coding, or too large, as it is."""
    if not content_encoding:
        return content
    try:
        return b"".join(decoded([content], content_encoding))
    except NotRecordable:
        return content


def _limited(pieces: Iterable[bytes], most: int) -> Iterator[bytes]:
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > most:
            raise NotRecordable(f"the response is larger than {most:,} bytes (recording_max_body)")
        yield piece


def _changes_nothing(coding: str) -> bool:
    """Tell whether a name is no coding: some servers put the charset here, and clients ignore it."""
    if coding in ("identity", "none", "binary", "7bit", "8bit"):
        return True
    try:
        "".encode(coding)
    except (LookupError, ValueError):
        return False
    return True


def _decoder(coding: str) -> Decode:
    decode = _DECODERS.get(coding)
    if decode is None:
        return lambda pieces: _plain_text(pieces, coding)

    def checked(pieces: Iterable[bytes]) -> Iterator[bytes]:
        try:
            yield from decode(pieces)
        except (zlib.error, brotli.error) as exc:
            raise NotRecordable(f"the response is not valid {coding}: {exc}") from exc

    return checked


# How JSON and event streams begin, and how many bytes of them tell.
_BEGINS_TEXT = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:[\[{\"]|data|event|id|retry|:|$)")
_START_BYTES = 64


def _plain_text(pieces: Iterable[bytes], coding: str) -> Iterator[bytes]:
    """Take JSON or an event stream as it is: some servers name the media type here, say, and clients ignore it.

    Raises:
        NotRecordable: the body does not begin like either.
    """
    rest = iter(pieces)
    start = b""
    while len(start) < _START_BYTES and (piece := next(rest, None)) is not None:
        start += piece
    if not _BEGINS_TEXT.match(start):
        raise NotRecordable(f"unknown content coding {coding!r}: expected {', '.join(sorted(_DECODERS))}")
    yield start
    yield from rest


def _deflate(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Take both readings of "deflate": with the zlib wrapper, as RFC 9110 says, and without, as some servers send."""
    decompressor: zlib._Decompress | None = None
    for piece in pieces:
        if decompressor is None and piece:
            is_wrapped = piece[0] & 0x0F == zlib.DEFLATED
            decompressor = zlib.decompressobj(zlib.MAX_WBITS if is_wrapped else -zlib.MAX_WBITS)
        if decompressor is not None:
            yield from _inflated(decompressor, piece)


_GZIP = 16
_GZIP_MAGIC = b"\x1f\x8b"


def _gzip(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Take one member after the other (RFC 1952, 2.2), as servers send them that compress each flush by itself.

    Bytes after a whole member that begin no other one, such as zeros, are padding, and clients ignore them.
    """
    member = zlib.decompressobj(_GZIP + zlib.MAX_WBITS)
    rest = b""
    for piece in pieces:
        rest += piece
        while rest:
            if member.eof:
                rest = rest.lstrip(b"\0")
                if not rest.startswith(_GZIP_MAGIC):
                    break
                member = zlib.decompressobj(_GZIP + zlib.MAX_WBITS)
            yield from _inflated(member, rest)
            rest = member.unused_data
        if member.eof and not _GZIP_MAGIC.startswith(rest[:2]):
            return


def _inflated(decompressor: zlib._Decompress, piece: bytes) -> Iterator[bytes]:
    while True:
        content = decompressor.decompress(piece, _MOST_AT_ONCE)
        yield content
        piece = decompressor.unconsumed_tail
        # At the end of a member zlib keeps the bytes after it both here and in `unused_data`.
        if decompressor.eof or (not piece and len(content) < _MOST_AT_ONCE):
            return


def _brotli(pieces: Iterable[bytes]) -> Iterator[bytes]:
    decompressor = brotli.Decompressor()
    for piece in pieces:
        if _BROTLI_HAS_LIMIT:
            while content := decompressor.process(piece, output_buffer_limit=_MOST_AT_ONCE):
                yield content
                piece = b""
        else:
            for start in range(0, len(piece), _BROTLI_SLICE_BYTES):
                yield decompressor.process(piece[start : start + _BROTLI_SLICE_BYTES])


_DECODERS: dict[str, Decode] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "br": _brotli,
    "zstd": zstd.decompressed,
}


def is_text(content: bytes) -> bool:
    """Tell whether bytes are UTF-8."""
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
