"""The messages of a Realtime session as a recording has them, and the sound in them.

    {"from": "client", "data": {"type": "input_audio_buffer.append", "audio": {"__audio__": "0-9599"}}}

Sound is base64 in the messages; a recording has it in a WAV file for each side, named in `response.wire.audio`, and in
its place the range of bytes behind the file's header. Rule: a text is taken for sound only if its bytes give the same
text back.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from ..format.recording import JSON
from .sound import SoundFormat, read_format

CLIENT, SERVER = "client", "server"

_RANGE = "__audio__"
_BYTES = re.compile(r"(?P<first>[0-9]+)-(?P<last>[0-9]+)")

# The member that holds sound, by side and type: Realtime (GA and beta), translations, live sessions.
_SOUND_MEMBERS = {
    (CLIENT, "input_audio_buffer.append"): "audio",
    (CLIENT, "session.input_audio_buffer.append"): "audio",
    (CLIENT, "session.input_audio.append"): "audio",
    (SERVER, "response.output_audio.delta"): "delta",
    (SERVER, "response.audio.delta"): "delta",
    (SERVER, "session.output_audio.delta"): "delta",
}


@dataclass(frozen=True, slots=True)
class Message:
    """A message of one side; `data` is its JSON, or a text or `{"__base64__": …}` that is none."""

    side: str
    data: JSON

    def to_json(self) -> dict[str, JSON]:
        """Return it as a recording has it."""
        return {"from": self.side, "data": self.data}


def read_message(value: JSON) -> Message | None:
    """Read a message of a recording; None where it is none."""
    side = value.get("from") if isinstance(value, dict) else None
    if not isinstance(value, dict) or side not in (CLIENT, SERVER) or "data" not in value:
        return None
    return Message(str(side), value["data"])


def binary(content: bytes) -> JSON:
    """Return the JSON that stands for a binary message."""
    return {"__base64__": base64.b64encode(content).decode()}


def binary_content(data: JSON) -> bytes | None:
    """Return the bytes of a binary message, None for a message of text."""
    if (
        isinstance(data, dict)
        and data.keys() == {"__base64__"}
        and isinstance(text := data["__base64__"], str)
    ):
        try:
            return base64.b64decode(text)
        except binascii.Error:
            return None
    return None


def sound_member(side: str, data: JSON) -> str | None:
    """Return the name of the member that holds a message's sound, None where it has none."""
    kind = data.get("type") if isinstance(data, dict) else None
    return _SOUND_MEMBERS.get((side, kind)) if isinstance(kind, str) else None


def sound_in(side: str, data: JSON) -> bytes | None:
    """Return the sound in a message as it is on the wire, None where it has none."""
    member = sound_member(side, data)
    text = data.get(member) if member is not None and isinstance(data, dict) else None
    if not isinstance(text, str):
        return None
    try:
        content = base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
    return content if base64.b64encode(content).decode() == text else None


def with_range(side: str, data: JSON, first: int, size: int) -> JSON:
    """Return a message with the range of its sound in the place of the sound."""
    member = sound_member(side, data)
    assert isinstance(data, dict)
    assert member is not None
    return {**data, member: {_RANGE: f"{first}-{first + size - 1}"}}


def range_in(side: str, data: JSON) -> tuple[int, int] | None:
    """Return the range of bytes (first, behind the last) that stands for a message's sound, None without one."""
    member = sound_member(side, data)
    value = data.get(member) if member is not None and isinstance(data, dict) else None
    text = value.get(_RANGE) if isinstance(value, dict) else None
    match = _BYTES.fullmatch(text) if isinstance(text, str) else None
    return (int(match["first"]), int(match["last"]) + 1) if match else None


def with_sound(side: str, data: JSON, content: bytes) -> JSON:
    """Return a message with its sound in the place of the range."""
    member = sound_member(side, data)
    assert isinstance(data, dict)
    assert member is not None
    return {**data, member: base64.b64encode(content).decode()}


def formats_in(data: JSON) -> dict[str, SoundFormat]:
    """Return the formats of each side's sound that a `session` object in a message names."""
    session = data.get("session") if isinstance(data, dict) else None
    if not isinstance(session, dict):
        return {}
    audio = session.get("audio")
    given = {
        CLIENT: _member(_member(audio, "input"), "format") or session.get("input_audio_format"),
        SERVER: _member(_member(audio, "output"), "format") or session.get("output_audio_format"),
    }
    return {side: found for side, value in given.items() if (found := read_format(value)) is not None}


def _member(value: JSON, name: str) -> JSON:
    return value.get(name) if isinstance(value, dict) else None
