"""`session`: the messages of a Realtime session as turns."""

from __future__ import annotations

from openai_replay.format.recording import JSON
from openai_replay.transcript.session import model_of, socket_turns
from openai_replay.transcript.turns import Kind, Turn


def message(side: str, data: JSON) -> JSON:
    return {"from": side, "data": data}


def test_texts_transcripts_and_calls_are_turns_in_order() -> None:
    item: JSON = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}
    messages = [
        message("server", {"type": "session.created"}),
        message("client", {"type": "conversation.item.create", "item": item}),
        message(
            "server", {"type": "conversation.item.input_audio_transcription.completed", "transcript": "Ho"}
        ),
        message("server", {"type": "response.output_audio_transcript.done", "transcript": "Hello"}),
        message("server", {"type": "response.function_call_arguments.done", "name": "f", "arguments": "{}"}),
        "no object",
    ]
    assert list(socket_turns(messages)) == [
        Turn("user", "Hi"),
        Turn("user", "Ho"),
        Turn("assistant", "Hello"),
        Turn("assistant", "{}", Kind.TOOL_CALL, "f"),
    ]


def test_the_model_is_that_of_the_first_session_that_names_one() -> None:
    updates: list[JSON] = [{"voice": "marin"}, {"model": "gpt-realtime"}, {"model": "other"}]
    messages = [message("client", {"type": "session.update", "session": update}) for update in updates]
    assert model_of(messages) == "gpt-realtime"
    assert model_of(["no object"]) == ""
