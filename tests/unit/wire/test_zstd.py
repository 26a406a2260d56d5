"""`zstd`: each library that is installed here reads the frames of each, however they are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.errors import NotRecordable
from openai_replay.wire import zstd

LIBRARIES = zstd.installed_libraries()

by_each = pytest.mark.parametrize("library", LIBRARIES)
of_each = pytest.mark.parametrize("writer", LIBRARIES)


def _frame(content: bytes, library: str) -> bytes:
    compressor = zstd.compressor(library)
    return compressor.chunk(content[:7]) + compressor.chunk(content[7:]) + compressor.end()


def test_one_library_at_least_is_installed() -> None:
    assert LIBRARIES


@by_each
@of_each
@given(contents=st.lists(st.binary(max_size=99), max_size=3), place=st.integers(0, 400))
def test_frames_are_read_however_they_are_cut(
    library: str, writer: str, contents: list[bytes], place: int
) -> None:
    stream = b"".join(_frame(content, writer) for content in contents)

    assert b"".join(zstd.decompressed([stream[:place], stream[place:]], library)) == b"".join(contents)


@by_each
def test_each_flushed_chunk_is_readable_at_once(library: str) -> None:
    compressor = zstd.compressor(library)
    chunks = [compressor.chunk(b"data: 1\n\n"), compressor.chunk(b"data: 2\n\n")]
    read = zstd.decompressed(chunks, library)

    assert [next(read), next(read)] == [b"data: 1\n\n", b"data: 2\n\n"]


@by_each
@of_each
def test_a_large_content_comes_in_pieces_of_a_few_megabytes(library: str, writer: str) -> None:
    size = 64 * 1024 * 1024
    pieces = [len(piece) for piece in zstd.decompressed([_frame(bytes(size), writer)], library)]

    assert sum(pieces) == size
    assert max(pieces) <= 8 * 1024 * 1024


@by_each
def test_bytes_that_are_no_frame_are_an_error(library: str) -> None:
    with pytest.raises(NotRecordable, match=r"^the response is not valid zstd: "):
        list(zstd.decompressed([b"no frame at all"], library))


def test_without_a_library_the_error_names_those_that_would_do() -> None:
    with pytest.raises(NotRecordable) as caught:
        list(zstd.decompressed([b"x"], "no_such_library"))

    assert str(caught.value) == (
        "zstd cannot be read here: expected one of compression.zstd, backports.zstd, zstandard, and none is "
        "installed"
    )
