"""The turns of a Realtime session, from the messages of its WebSocket."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..format.recording import JSON, opened
from .turns import Kind, Turn, content_turns, members, text_of

# Messages of the server with a whole text, and the member that holds it.
_SAID = {
    "response.output_audio_transcript.done": "transcript",
    "response.audio_transcript.done": "transcript",
    "response.output_text.done": "text",
    "response.text.done": "text",
}
_HEARD = "conversation.item.input_audio_transcription.completed"


def socket_turns(messages: Sequence[JSON]) -> Iterator[Turn]:
    """Yield the turns of a session, in order; messages that say nothing to a person have none."""
    for message in messages:
        data = members(opened(members(message).get("data"))[1])
        kind = text_of(data.get("type"))
        if kind == "conversation.item.create":
            yield from _created(members(data.get("item")))
        elif kind in _SAID:
            yield Turn("assistant", text_of(data.get(_SAID[kind])))
        elif kind == _HEARD:
            yield Turn("user", text_of(data.get("transcript")))
        elif kind == "response.function_call_arguments.done":
            called = text_of(data.get("name"))
            yield Turn("assistant", text_of(data.get("arguments")), Kind.TOOL_CALL, called)
        elif kind == "error":
            yield Turn("error", text_of(members(data.get("error")).get("message")))


def model_of(messages: Sequence[JSON]) -> str:
    """Return the model that the first `session` object with one names, "" without one."""
    sessions = (
        members(members(opened(members(message).get("data"))[1]).get("session")) for message in messages
    )
    models = (session.get("model") for session in sessions)
    return next((model for model in models if isinstance(model, str)), "")


def _created(item: dict[str, JSON]) -> Iterator[Turn]:
    if item.get("type") == "function_call_output":
        yield Turn("tool", text_of(item.get("output")), Kind.TOOL_RESULT)
    else:
        yield from content_turns(text_of(item.get("role")) or "user", item.get("content"))
