"""The stand-in's Realtime API: who speaks first, which answer follows which event, and when speech begins and ends."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from openai_replay.mock.api.realtime import BYTES_PER_MS, RealtimeConversation


def opened() -> RealtimeConversation:
    conversation = RealtimeConversation("gpt-realtime", "realtime")
    assert [event["type"] for event in events(conversation)] == ["session.created"]
    return conversation


def events(conversation: RealtimeConversation) -> list[dict[str, Any]]:
    found = []
    while isinstance(said := conversation.say(), str):
        found.append(json.loads(said))
    return found


def answered(conversation: RealtimeConversation, **event: Any) -> list[dict[str, Any]]:
    conversation.hear(json.dumps(event))
    return events(conversation)


def sound(length_ms: int) -> str:
    return base64.b64encode(bytes(length_ms * BYTES_PER_MS)).decode()


def message(text: str) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def test_every_event_has_an_id_of_its_own() -> None:
    conversation = opened()
    answered(conversation, type="conversation.item.create", item=message("Hello"))
    ids = [event["event_id"] for event in answered(conversation, type="response.create")]

    assert len(set(ids)) == len(ids)


def test_a_session_is_updated_at_any_depth() -> None:
    change = {"audio": {"output": {"voice": "cedar"}}}
    (updated,) = answered(opened(), type="session.update", session=change)

    assert updated["session"]["audio"]["output"]["voice"] == "cedar"
    assert updated["session"]["audio"]["output"]["speed"] == 1.0


def test_a_response_speaks_and_writes_down_what_it_says() -> None:
    conversation = opened()
    answered(conversation, type="conversation.item.create", item=message("Hello"))
    said = answered(conversation, type="response.create")
    deltas = [event["delta"] for event in said if event["type"] == "response.output_audio_transcript.delta"]
    (done,) = [event for event in said if event["type"] == "response.done"]

    assert "".join(deltas) == done["response"]["output"][0]["content"][0]["transcript"]
    assert any(event["type"] == "response.output_audio.delta" for event in said)


def test_a_tool_that_is_named_is_called() -> None:
    conversation = opened()
    answered(
        conversation, type="session.update", session={"tools": [{"type": "function", "name": "weather"}]}
    )
    answered(conversation, type="conversation.item.create", item=message("the weather please"))
    said = answered(conversation, type="response.create")

    assert [e["name"] for e in said if e["type"] == "response.function_call_arguments.done"] == ["weather"]


@pytest.mark.parametrize("piece_ms", [20, 100, 500])
def test_speech_begins_and_ends_by_the_length_of_the_sound(piece_ms: int) -> None:
    conversation = opened()
    detection = {"audio": {"input": {"turn_detection": {"type": "server_vad"}}}}
    answered(conversation, type="session.update", session=detection)
    said: list[dict[str, Any]] = []
    for _ in range(500 // piece_ms):
        said += answered(conversation, type="input_audio_buffer.append", audio=sound(piece_ms))
    heard = [event["type"] for event in said if event["type"].startswith("input_audio_buffer.")]

    assert heard == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
    ]
    assert any(event["type"] == "response.done" for event in said)


def test_an_unknown_event_is_an_error_that_names_the_clients_event() -> None:
    (error,) = answered(opened(), type="no.such.event", event_id="mine")

    assert (error["type"], error["error"]["event_id"]) == ("error", "mine")
