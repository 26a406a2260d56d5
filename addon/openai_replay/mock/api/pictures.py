"""Draw small real PNG pictures, each in one colour that depends on the prompt."""

from __future__ import annotations

import hashlib
import struct
import zlib

SIDE_PIXELS = 32


def png(words: str, brightness: float = 1.0) -> bytes:
    """Return a PNG (RFC 2083) whose colour is made of `words`; `brightness` below 1 gives an unfinished look."""
    colour = bytes(int(channel * brightness) for channel in hashlib.sha256(words.encode()).digest()[:3])
    row = b"\x00" + colour * SIDE_PIXELS
    header = struct.pack(">IIBBBBB", SIDE_PIXELS, SIDE_PIXELS, 8, 2, 0, 0, 0)
    pixels = zlib.compress(row * SIDE_PIXELS)
    chunks = _chunk(b"IHDR", header) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
