"""`content_coding`: what a server compressed is read as far as it came, whatever the pieces."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import brotli  # type: ignore[import-untyped]  # no stubs exist
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.errors import NotRecordable
from openai_replay.wire.content_coding import decoded


def _raw_deflate(content: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(content) + compressor.flush()


CODINGS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("X-GZip", gzip.compress),
    "deflate as the standard says": ("deflate", zlib.compress),
    "deflate without its wrapper": ("deflate", _raw_deflate),
    "br": ("br", brotli.compress),
    "zstd": ("zstd", zstandard.compress),
    "identity": ("identity", bytes),
    "none": ("", bytes),
    "two, the later one first undone": ("gzip, br", lambda content: brotli.compress(gzip.compress(content))),
    "several members of gzip": (
        "gzip",
        lambda content: gzip.compress(content[:3]) + gzip.compress(content[3:]),
    ),
    "several frames of zstd": (
        "zstd",
        lambda content: zstandard.compress(content[:3]) + zstandard.compress(content[3:]),
    ),
}

every_coding = pytest.mark.parametrize(("name", "encode"), CODINGS.values(), ids=CODINGS)


@every_coding
def test_a_body_is_decoded_byte_by_byte(name: str, encode: Callable[[bytes], bytes]) -> None:
    body = 'data: {"x": "Zürich"}\n\n'.encode() * 50
    assert b"".join(decoded((bytes([byte]) for byte in encode(body)), name)) == body


@every_coding
@given(body=st.binary(max_size=200), place=st.integers(0, 200))
def test_a_body_is_decoded_however_it_is_cut(
    name: str, encode: Callable[[bytes], bytes], body: bytes, place: int
) -> None:
    coded = encode(body)
    assert b"".join(decoded([coded[:place], coded[place:]], name)) == body


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
def test_of_a_body_that_broke_off_what_was_flushed_is_there(name: str) -> None:
    compressors: dict[str, Callable[[], bytes]] = {
        "gzip": lambda: _flushed(zlib.compressobj(wbits=16 + zlib.MAX_WBITS)),
        "deflate": lambda: _flushed(zlib.compressobj()),
        "br": _flushed_brotli,
        "zstd": _flushed_zstd,
    }
    assert b"".join(decoded([compressors[name]()], name)) == b"data: 1\n\n"


def _flushed(compressor: zlib._Compress) -> bytes:
    return compressor.compress(b"data: 1\n\n") + compressor.flush(zlib.Z_SYNC_FLUSH)


def _flushed_brotli() -> bytes:
    compressor = brotli.Compressor()
    flushed: bytes = compressor.process(b"data: 1\n\n") + compressor.flush()
    return flushed


def _flushed_zstd() -> bytes:
    compressor = zstandard.ZstdCompressor().compressobj()
    return compressor.compress(b"data: 1\n\n") + compressor.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)


def test_an_unknown_coding_is_an_error_that_names_it_and_the_known_ones() -> None:
    with pytest.raises(NotRecordable) as caught:
        list(decoded([b"x"], "snappy"))

    assert str(caught.value) == ("unknown content coding 'snappy': expected br, deflate, gzip, x-gzip, zstd")


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
def test_bytes_that_are_not_of_their_coding_are_an_error(name: str) -> None:
    with pytest.raises(NotRecordable, match=f"^the response is not valid {name}: "):
        list(decoded([b"\x07 no such thing, nowhere"], name))
