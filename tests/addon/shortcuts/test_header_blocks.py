"""`header_blocks`: blocks and headers are those of `hpack` alone, whatever came before them on the connection."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from hpack import Decoder, Encoder, HeaderTuple, NeverIndexedHeaderTuple
from hpack.exceptions import HPACKDecodingError, OversizedHeaderListError

from openai_replay.proxy.shortcuts.header_blocks import remember_header_blocks

NAMES = (b":path", b"content-type", b"x-request-id", b"authorization")
VALUES = (b"/v1/models", b"application/json", b"req_1", b"req_2", b"x" * 200)

# Sizes of a table: none, room for some of the headers, the default.
SIZES = (0, 150, 300, 4096)


def some_headers(chance: random.Random) -> list[HeaderTuple]:
    kinds = (HeaderTuple, HeaderTuple, NeverIndexedHeaderTuple)
    return [
        chance.choice(kinds)(chance.choice(NAMES), chance.choice(VALUES)) for _ in range(chance.randint(1, 4))
    ]


def conversation(seed: int) -> Iterator[tuple[list[HeaderTuple], int | None, bool]]:
    """Yield headers that often come again, with a new size of the table now and then."""
    chance = random.Random(seed)
    known = [some_headers(chance) for _ in range(3)]
    for _ in range(60):
        size = chance.choice(SIZES) if chance.random() < 0.1 else None
        yield (
            chance.choice(known) if chance.random() < 0.8 else some_headers(chance),
            size,
            chance.random() < 0.9,
        )


def spoken(seed: int) -> list[tuple[bytes, list[Any], list[type]]]:
    """Return the blocks of a conversation, and the headers that its other side reads."""
    encoder, decoder = Encoder(), Decoder()
    said = []
    for headers, size, huffman in conversation(seed):
        if size is not None:
            encoder.header_table_size = decoder.max_allowed_table_size = size
        block = encoder.encode(iter(headers), huffman)
        read = list(decoder.decode(block, raw=True))
        said.append((block, read, list(map(type, read))))
    return said


def assert_same(said: Callable[[], object]) -> None:
    """Assert that the same is said with the shortcut as without it."""
    plain = said()
    undo = remember_header_blocks()
    try:
        assert said() == plain
    finally:
        undo()


@pytest.mark.parametrize("seed", range(30))
def test_a_conversation_is_the_same(seed: int) -> None:
    assert_same(partial(spoken, seed))


def test_a_header_that_must_not_be_kept_is_told_from_an_equal_one() -> None:
    header = (b"x-name", b"value")

    def blocks() -> list[bytes]:
        encoder = Encoder()
        return [
            encoder.encode([kind(*header)]) for kind in (NeverIndexedHeaderTuple, HeaderTuple, HeaderTuple)
        ]

    assert_same(blocks)


def test_a_table_that_was_emptied_is_filled_again() -> None:
    header, in_no_table = HeaderTuple(b"x-name", b"value"), HeaderTuple(b":method", b"GET")

    def blocks() -> list[bytes]:
        encoder = Encoder()
        said = [encoder.encode([header])]
        encoder.header_table_size = 0
        encoder.header_table_size = 4096
        return [*said, *(encoder.encode([one]) for one in (in_no_table, header, header))]

    assert_same(blocks)


@pytest.fixture
def _remembering() -> Iterator[None]:
    undo = remember_header_blocks()
    yield
    undo()


@pytest.mark.usefixtures("_remembering")
def test_read_headers_may_be_changed() -> None:
    block, decoder = Encoder().encode([(b":path", b"/")]), Decoder()
    for _ in range(3):
        headers = decoder.decode(block, raw=True)
        assert isinstance(headers, list)
        assert headers == [(b":path", b"/")]
        headers.clear()


@pytest.mark.usefixtures("_remembering")
def test_a_limit_that_comes_later_holds() -> None:
    block, decoder = Encoder().encode([(b"x-name", b"value", True)]), Decoder()
    for _ in range(2):
        decoder.decode(block, raw=True)
    decoder.max_header_list_size = 10
    with pytest.raises(OversizedHeaderListError):
        decoder.decode(block, raw=True)


@pytest.mark.usefixtures("_remembering")
def test_an_invalid_block_is_refused_each_time() -> None:
    decoder = Decoder()
    for _ in range(2):
        with pytest.raises(HPACKDecodingError):
            decoder.decode(b"\xff\xff\xff", raw=True)


@pytest.mark.usefixtures("_remembering")
def test_text_and_mappings_are_taken_as_before() -> None:
    encoder, decoder = Encoder(), Decoder()
    headers: dict[bytes | str, bytes | str] = {"a": "1", ":path": "/"}
    for _ in range(3):
        read: list[Any] = [*decoder.decode(encoder.encode(headers))]
        assert read == [(":path", "/"), ("a", "1")]


def test_the_internals_are_put_back() -> None:
    before = Decoder.decode, Encoder.encode
    undo = remember_header_blocks()
    replaced: Any = (Decoder.decode, Encoder.encode)
    undo()
    assert replaced[0] is not before[0]
    assert replaced[1] is not before[1]
    assert (Decoder.decode, Encoder.encode) == before
