"""Encode and decode a block of HTTP/2 headers once, if the same headers come again over the same connection.

The library `hpack` looks at each header of each block in Python, and searches its table for each header that it sends.
A block's meaning depends on the connection's table (RFC 7541, section 2.3). So a block is remembered only if it left
the table as it was, and its result is used only while the table is still the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from hpack import Decoder, Encoder

from .guarded import Shortcut, Undo

HEADER_BLOCKS = Shortcut(
    "blocks of headers",
    "serve: 3 to 8 % of the CPU time of a replayed request over HTTP/2",
    {
        "hpack:Decoder.decode": "(self, data, raw=False)",
        "hpack:Encoder.encode": "(self, headers, huffman=True)",
        "hpack.table:HeaderTable.get_by_index": "(self, index)",
        "hpack.table:HeaderTable.search": "(self, name, value)",
    },
)

_DECODE, _ENCODE = "decode", "encode"

# The attribute in which a decoder and an encoder keep their latest block.
_LATEST = "openai_replay_latest"


@dataclass(frozen=True, slots=True)
class _Block:
    """A block that left the table as it was: what it was made of, the state of the table, and what was made."""

    given: object
    state: object
    result: Any


def remember_header_blocks() -> Undo:
    """Let each decoder and encoder of `hpack` remember its latest block."""
    decode, encode = vars(Decoder)[_DECODE], vars(Encoder)[_ENCODE]

    def decode_once(self: Decoder, data: bytes, raw: bool = False) -> list[Any]:
        return list(_remembered(self, (data, raw), _state_of_decoder, lambda: tuple(decode(self, data, raw))))

    def encode_once(self: Encoder, headers: Iterable[Any], huffman: bool = True) -> bytes:
        if isinstance(headers, dict) or self.header_table.resized:
            return bytes(encode(self, headers, huffman))
        found = list(headers)
        # A header that must not be kept in the table has another type and an equal value.
        given = found, list(map(type, found)), huffman
        return bytes(_remembered(self, given, _state_of_table, lambda: encode(self, found, huffman)))

    setattr(Decoder, _DECODE, decode_once)
    setattr(Encoder, _ENCODE, encode_once)

    def undo() -> None:
        setattr(Decoder, _DECODE, decode)
        setattr(Encoder, _ENCODE, encode)

    return undo


def _remembered[C: (Decoder, Encoder)](
    coder: C, given: object, state_of: Callable[[C], object], make: Callable[[], Any]
) -> Any:
    """Return what is made of something given, from the latest block if that was of the same in the same state."""
    state = state_of(coder)
    latest = vars(coder).get(_LATEST)
    if latest is not None and latest.given == given and latest.state == state:
        return latest.result
    result = make()
    if state_of(coder) == state:
        vars(coder)[_LATEST] = _Block(given, state, result)
    return result


def _state_of_table(coder: Decoder | Encoder) -> object:
    """Return all on which the meaning of a header's number depends."""
    return coder.header_table.maxsize, tuple(coder.header_table.dynamic_entries)


def _state_of_decoder(decoder: Decoder) -> object:
    """Return the same, and the limits that a block may exceed."""
    return _state_of_table(decoder), decoder.max_header_list_size, decoder.max_allowed_table_size
