"""`content_coding`: a compressed body is read as far as it came, in any pieces."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Callable
from functools import cache

import brotli  # type: ignore[import-untyped]  # no stubs exist
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.errors import NotRecordable
from openai_replay.wire import zstd
from openai_replay.wire.content_coding import decoded, decoded_request


def _raw_deflate(content: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(content) + compressor.flush()


def _zstandard(content: bytes) -> bytes:
    compressor = zstd.compressor()
    return compressor.chunk(content) + compressor.end()


CODINGS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("X-GZip", gzip.compress),
    "deflate as the standard says": ("deflate", zlib.compress),
    "deflate without its wrapper": ("deflate", _raw_deflate),
    "br": ("br", brotli.compress),
    "zstd": ("zstd", _zstandard),
    "gzip with zeros behind it": ("gzip", lambda content: gzip.compress(content) + bytes(9)),
    "gzip with a comment behind it": ("gzip", lambda content: gzip.compress(content) + b"<!-- cached -->"),
    "gzip, zeros, gzip": (
        "gzip",
        lambda content: gzip.compress(content[:3]) + bytes(3) + gzip.compress(content[3:]),
    ),
    "identity": ("identity", bytes),
    "a charset in the place of a coding": ("utf-8", bytes),
    "a charset and a coding": ("UTF-8, gzip", gzip.compress),
    "none": ("", bytes),
    "two, the later one first undone": ("gzip, br", lambda content: brotli.compress(gzip.compress(content))),
    "several members of gzip": (
        "gzip",
        lambda content: gzip.compress(content[:3]) + gzip.compress(content[3:]),
    ),
    "several frames of zstd": (
        "zstd",
        lambda content: _zstandard(content[:3]) + _zstandard(content[3:]),
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
        "zstd": lambda: zstd.compressor().chunk(b"data: 1\n\n"),
    }
    assert b"".join(decoded([compressors[name]()], name)) == b"data: 1\n\n"


def _flushed(compressor: zlib._Compress) -> bytes:
    return compressor.compress(b"data: 1\n\n") + compressor.flush(zlib.Z_SYNC_FLUSH)


def _flushed_brotli() -> bytes:
    compressor = brotli.Compressor()
    flushed: bytes = compressor.process(b"data: 1\n\n") + compressor.flush()
    return flushed


def test_an_unknown_coding_is_an_error_that_names_it_and_the_known_ones() -> None:
    with pytest.raises(NotRecordable) as caught:
        list(decoded([b"x"], "snappy"))

    assert str(caught.value) == ("unknown content coding 'snappy': expected br, deflate, gzip, x-gzip, zstd")


@pytest.mark.parametrize("coding", ["application/json", "null", "aws-chunked", "gzip;q=1", "8bit"])
@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(
    "text", [b"", b'{"a": 1}', b"  [1]\n" * 30, b"\xef\xbb\xbf{}", b"data: x\n\n", b": ping\n\n" * 20]
)
def test_text_under_an_unknown_coding_is_as_clients_read_it(coding: str, size: int, text: bytes) -> None:
    pieces = [text[at : at + size] for at in range(0, len(text), size)]

    assert b"".join(decoded(pieces, coding)) == text


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
def test_bytes_that_are_not_of_their_coding_are_an_error(name: str) -> None:
    with pytest.raises(NotRecordable, match=f"^the response is not valid {name}: "):
        list(decoded([b"\x07 no such thing, nowhere"], name))


LARGE_BYTES = 32 * 1024 * 1024
BOMBS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": lambda content: brotli.compress(content, quality=1),
    "zstd": lambda content: _zstandard(content),
    "gzip, gzip": lambda content: gzip.compress(gzip.compress(content)),
}


@cache
def bomb(name: str) -> bytes:
    return BOMBS[name](bytes(LARGE_BYTES))


@pytest.mark.parametrize("name", BOMBS)
def test_a_small_body_that_stands_for_a_large_one_costs_no_memory(name: str) -> None:
    content = bomb(name)
    tracemalloc.start()
    with pytest.raises(NotRecordable, match=r"^the response is larger than 1,000,000 bytes"):
        for _ in decoded([content], name, most=1_000_000):
            pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 8_000_000


@pytest.mark.parametrize("name", BOMBS)
def test_a_body_of_just_the_largest_size_is_decoded(name: str) -> None:
    assert sum(map(len, decoded([bomb(name)], name, most=LARGE_BYTES))) == LARGE_BYTES


LARGE = bytes(range(256)) * 2000


@every_coding
def test_a_large_body_is_read_to_its_end(name: str, encode: Callable[[bytes], bytes]) -> None:
    encoded = encode(LARGE)
    for pieces in ([encoded], [encoded[start : start + 5000] for start in range(0, len(encoded), 5000)]):
        assert b"".join(decoded(pieces, name)).removesuffix(b"<!-- cached -->") == LARGE


def test_many_large_members_of_gzip_are_read_up_to_the_limit() -> None:
    many = gzip.compress(bytes(200_000)) * 50
    assert sum(map(len, decoded([many], "gzip"))) == 10_000_000
    with pytest.raises(NotRecordable, match="larger than 1,000,000 bytes"):
        for _ in decoded([many], "gzip", 1_000_000):
            pass


def test_a_request_that_is_not_of_its_coding_stays_as_it_is() -> None:
    assert decoded_request(gzip.compress(b"{}"), "gzip") == b"{}"
    assert decoded_request(b"{}", "") == b"{}"
    assert decoded_request(b"{}", "gzip") == b"{}"
    assert decoded_request(b"\x00", "unheard-of") == b"\x00"
