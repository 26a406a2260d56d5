"""WAV files (RIFF, Microsoft 1991) around the raw sound of the API: PCM16, or G.711 as telephones speak it."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..format.recording import JSON

# The format tags of WAVE (RFC 2361), and bytes a sample, by the API's names; beta sessions use other names.
_TAGS = {"audio/pcm": (1, 2), "audio/pcma": (6, 1), "audio/pcmu": (7, 1)}
_BETA_NAMES = {"pcm16": "audio/pcm", "g711_alaw": "audio/pcma", "g711_ulaw": "audio/pcmu"}

_TELEPHONE_RATE = 8000
_RATE = 24000

HEADER_BYTES = 44


@dataclass(frozen=True, slots=True)
class SoundFormat:
    """How sound is encoded: the media type, and samples a second, in one channel."""

    kind: str = "audio/pcm"
    rate: int = _RATE

    def bytes_a_second(self) -> int:
        """Return how many bytes a second of sound takes."""
        return self.rate * _TAGS[self.kind][1]


def read_format(value: JSON) -> SoundFormat | None:
    """Read the API's `{"type": "audio/pcm", "rate": 24000}` or a beta name; None for any other."""
    if isinstance(value, str) and value in _BETA_NAMES:
        value = {"type": _BETA_NAMES[value]}
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(kind, str) or kind not in _TAGS:
        return None
    rate = value.get("rate")
    default = _RATE if kind == "audio/pcm" else _TELEPHONE_RATE
    return SoundFormat(kind, rate if isinstance(rate, int) and 0 < rate < 2**31 else default)


def wav(sound_format: SoundFormat, size: int, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a WAV file of so many bytes of sound; the sound begins at HEADER_BYTES."""
    tag, width = _TAGS[sound_format.kind]
    padding = size % 2
    yield struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        min(HEADER_BYTES - 8 + size + padding, 0xFFFFFFFF),
        b"WAVE",
        b"fmt ",
        16,
        tag,
        1,
        sound_format.rate,
        sound_format.bytes_a_second(),
        width,
        8 * width,
        b"data",
        min(size, 0xFFFFFFFF),
    )
    yield from pieces
    if padding:
        yield b"\0"
