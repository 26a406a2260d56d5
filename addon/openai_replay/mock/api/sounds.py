"""Make short real sounds, each with one tone that depends on the text to say."""

from __future__ import annotations

import hashlib
import io
import math
import struct
import wave

SAMPLES_PER_SECOND = 8000
SECONDS = 0.5
REALTIME_SAMPLES_PER_SECOND = 24000


def samples(words: str) -> bytes:
    """Return half a second of a tone as 16-bit samples (the API's `pcm`)."""
    return _tone(words, SAMPLES_PER_SECOND, int(SAMPLES_PER_SECOND * SECONDS))


def _tone(words: str, samples_per_second: int, count: int) -> bytes:
    hertz = 220 + hashlib.sha256(words.encode()).digest()[0]
    wave_form = (
        int(9000 * math.sin(2 * math.pi * hertz * index / samples_per_second)) for index in range(count)
    )
    return struct.pack(f"<{count}h", *wave_form)


def speech(words: str) -> bytes:
    """Return a tenth of a second of a tone for each word, as the Realtime API's `audio/pcm`: 24 kHz, 16 bits, mono."""
    return b"".join(
        _tone(word, REALTIME_SAMPLES_PER_SECOND, REALTIME_SAMPLES_PER_SECOND // 10) for word in words.split()
    )


def wav(words: str) -> bytes:
    """Return the tone as a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(SAMPLES_PER_SECOND)
        writer.writeframes(samples(words))
    return file.getvalue()


def mp3(words: str) -> bytes:
    """Return frames with the headers of an MP3 (MPEG 1 layer III, 128 kbit/s) around arbitrary bytes."""
    frame_length, frames = 417, 24
    filling = hashlib.shake_256(words.encode()).digest((frame_length - 4) * frames)
    return b"".join(
        b"\xff\xfb\x90\x64" + filling[index * (frame_length - 4) : (index + 1) * (frame_length - 4)]
        for index in range(frames)
    )
