"""Describe unused recordings for a person: their test and the last message of their request, beside their name."""

from __future__ import annotations

from pathlib import Path

from ..errors import OpenAIReplayError
from ..format.recording import decode
from ..format.short_text import one_line
from ..transcript.transcript import transcript

_LONGEST_PROMPT = 60


def described(folder: Path, name: str) -> str:
    """Return a recording's name, test and prompt in one line; the name alone where the file cannot be read."""
    try:
        recording = decode((folder / name).read_bytes(), folder / name)
    except (OSError, OpenAIReplayError):
        return name
    prompt = one_line(transcript(recording).prompt(), _LONGEST_PROMPT)
    return "  ".join(filter(None, (name, recording.test_id or "", f'"{prompt}"' if prompt else "")))
