"""WAV files around raw sound, read back with the standard library."""

from __future__ import annotations

import io
import wave

import pytest

from openai_replay.format.recording import JSON
from openai_replay.wire.sound import HEADER_BYTES, SoundFormat, read_format, wav


def test_pcm_is_a_file_that_plays() -> None:
    content = bytes(range(256)) * 2
    with wave.open(io.BytesIO(b"".join(wav(SoundFormat(), len(content), [content]))), "rb") as reader:
        assert (reader.getnchannels(), reader.getsampwidth(), reader.getframerate()) == (1, 2, 24000)
        assert reader.readframes(10000) == content


@pytest.mark.parametrize(("kind", "tag"), [("audio/pcm", 1), ("audio/pcma", 6), ("audio/pcmu", 7)])
def test_the_format_tag_says_the_encoding(kind: str, tag: int) -> None:
    file = b"".join(wav(SoundFormat(kind, 8000), 3, [b"abc"]))

    assert file[20:22] == tag.to_bytes(2, "little")
    assert file[HEADER_BYTES : HEADER_BYTES + 3] == b"abc"
    assert len(file) % 2 == 0


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ({"type": "audio/pcm", "rate": 24000}, SoundFormat("audio/pcm", 24000)),
        ({"type": "audio/pcmu"}, SoundFormat("audio/pcmu", 8000)),
        ({"type": "audio/pcm", "rate": -1}, SoundFormat()),
        ("pcm16", SoundFormat()),
        ("g711_ulaw", SoundFormat("audio/pcmu", 8000)),
        ("mp3", None),
        ({"type": ["audio/pcm"]}, None),
        (None, None),
    ],
)
def test_formats_of_the_api_are_read(value: JSON, read: SoundFormat | None) -> None:
    assert read_format(value) == read


def test_a_second_of_sound_takes_so_many_bytes() -> None:
    assert SoundFormat().bytes_a_second() == 48000
