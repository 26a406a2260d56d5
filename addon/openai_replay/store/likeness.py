"""How like two requests are, quickly: a body as a set of small hashes of its leaves.

A sketch finds the few candidates for "the nearest recording" among thousands; what differs is then worked out on
the bodies themselves.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from ..format.recording import JSON

# A request of more leaves than this is sketched by its first ones; a message and a model are among them.
_MOST_LEAVES = 256


def of(body: JSON) -> bytes:
    """Return the sketch of a body: the 32-bit hashes of its leaves, and of the words of its texts, packed."""
    hashes = []
    for leaf in _leaves(body, ""):
        hashes.append(zlib.crc32(leaf.encode("utf-8", "surrogatepass")))
        if len(hashes) == _MOST_LEAVES:
            break
    return struct.pack(f"<{len(hashes)}I", *hashes)


def opened(sketch: bytes) -> frozenset[int]:
    """Return the hashes of a packed sketch."""
    return frozenset(struct.unpack(f"<{len(sketch) // 4}I", sketch))


def likeness(one: frozenset[int], other: frozenset[int]) -> float:
    """Return how much two sketches share, from 0 (nothing) to 1 (all)."""
    shared = len(one & other)
    union = len(one) + len(other) - shared
    return shared / union if union else 1.0


def _leaves(value: JSON, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _leaves(item, f"{path}.{name}")
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item, f"{path}[]")
    elif isinstance(value, str):
        yield f"{path}={value[:200]}"
        for word in value[:400].split()[:12]:
            yield f"{path} {word}"
    elif isinstance(value, float) and value.is_integer():
        yield f"{path}={int(value)}"
    else:
        yield f"{path}={value}"
