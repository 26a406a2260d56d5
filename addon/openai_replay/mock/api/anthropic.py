"""Anthropic's Messages API, whole and streamed: an API of another vendor on a recorded host."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..events import ServerSentEvent, json_event
from ..exchange import Answer
from .account import Call
from .answers import json_answer, stream_answer
from .identifiers import new_id
from .routes import Route
from .text import count_tokens, last_user_text, reply_to, tokens


def _create(call: Call) -> Answer:
    said = reply_to(last_user_text(call.body))
    message = {
        "id": new_id("msg_01", 22),
        "type": "message",
        "role": "assistant",
        "model": call.body.get("model"),
        "content": [{"type": "text", "text": said}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": count_tokens(call.body.get("messages")),
            "output_tokens": count_tokens(said),
        },
    }
    return stream_answer(_events(message, said)) if call.streamed else json_answer(message)


def _events(message: dict[str, Any], said: str) -> Iterator[ServerSentEvent]:
    usage = message["usage"]
    begun = {**message, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    yield _event({"type": "message_start", "message": begun})
    yield _event({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
    yield _event({"type": "ping"})
    for token in tokens(said):
        delta = {"type": "text_delta", "text": token}
        yield _event({"type": "content_block_delta", "index": 0, "delta": delta})
    yield _event({"type": "content_block_stop", "index": 0})
    stop = {"stop_reason": "end_turn", "stop_sequence": None}
    yield _event({"type": "message_delta", "delta": stop, "usage": {"output_tokens": usage["output_tokens"]}})
    yield _event({"type": "message_stop"})


def _event(value: dict[str, Any]) -> ServerSentEvent:
    return json_event(value, value["type"])


ROUTES = (Route("POST", "/v1/messages", _create),)
