"""A recording as speech bubbles of HTML: the messages of the request, the answer, tool calls, usage and ending."""

from __future__ import annotations

from html import escape
from pathlib import Path

from ..errors import OpenAIReplayError
from ..format.recording import Recording, decode
from ..transcript.transcript import transcript
from ..transcript.turns import Kind, Transcript, Turn

_LONGEST_TEXT = 20_000
_LONGEST_MESSAGE = 200
_LARGEST_FILE_BYTES = 8 * 1024 * 1024

_TOOLS = (Kind.TOOL_CALL, Kind.TOOL_RESULT)


def conversation(path: Path) -> tuple[str, str]:
    """Return the title and the HTML of a recording; of a file that cannot be read, "" and the reason."""
    read = _recording(path)
    if isinstance(read, str):
        return "", f'<p class="quiet">{escape(read)}</p>'
    request = read.request
    return f"{request.method} {request.endpoint} {request.model}".strip(), _bubbles(transcript(read))


def last_message(path: Path) -> str:
    """Return the beginning of the last message of a recording's request, "" where there is none."""
    read = _recording(path)
    return "" if isinstance(read, str) else transcript(read).prompt()[:_LONGEST_MESSAGE]


def _recording(path: Path) -> Recording | str:
    """Return a recording, or why it cannot be shown."""
    try:
        if path.stat().st_size > _LARGEST_FILE_BYTES:
            return "The file is too large for this page."
        return decode(path.read_bytes(), path)
    except (OSError, OpenAIReplayError) as exc:
        return f"The recording could not be read: {exc}"


def _bubbles(read: Transcript) -> str:
    sent = "".join(_bubble(turn, "sent") for turn in read.sent)
    received = "".join(_bubble(turn, "received") for turn in read.received)
    usage = ", ".join(f"{count} {name}" for name, count in read.usage.items())
    ending = " · ".join(filter(None, (read.ending, f"tokens: {usage}" if usage else "")))
    return f'{sent}{received}<p class="ending">{escape(ending)}</p>'


def _bubble(turn: Turn, side: str) -> str:
    kind = "tool" if turn.kind in _TOOLS else turn.kind.value
    said = "" if turn.kind is Kind.TEXT else turn.kind.value
    label = " · ".join(filter(None, (turn.role, said, turn.name)))
    text = turn.text
    if len(text) > _LONGEST_TEXT:
        text = f"{text[:_LONGEST_TEXT]}… ({len(turn.text) - _LONGEST_TEXT} more characters)"
    return f'<div class="turn {side} {kind}"><header>{escape(label)}</header><pre>{escape(text)}</pre></div>'
