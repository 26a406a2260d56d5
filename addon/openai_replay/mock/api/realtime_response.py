"""The events of one response of the Realtime API, from `response.created` to `response.done`.

Source: `realtime_server_event` of openai-python and the API reference, "Realtime server events".
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from typing import Any

from .identifiers import new_id
from .schemas import example_of
from .sounds import speech
from .text import reply_to, tokens

Event = dict[str, Any]
Item = dict[str, Any]

# How much sound one `response.output_audio.delta` carries: a fifth of a second of 24 kHz PCM16.
DELTA_BYTES = 9600


def response_events(
    session: dict[str, Any], wanted: dict[str, Any], items: Sequence[Item], response_id: str
) -> Iterator[Event]:
    """Yield the events of a response.

    Args:
        session: the session as it was last updated.
        wanted: the members of `response.create`'s `response`, which go before the session's.
        items: the conversation so far, oldest first.
        response_id: the id of the response.
    """
    modalities = wanted.get("output_modalities") or session["output_modalities"]
    response = _response(response_id, modalities, wanted)
    yield {"type": "response.created", "response": response}
    item = _item(session, wanted, items, modalities)
    place = {"response_id": response_id, "output_index": 0}
    empty: Item = {"content": []} if "content" in item else {"arguments": ""}
    opened = {**item, "status": "in_progress", **empty}
    yield {"type": "response.output_item.added", **place, "item": opened}
    yield {"type": "conversation.item.added", "previous_item_id": _last_id(items), "item": opened}
    yield from _function_events(place, item) if item["type"] == "function_call" else _said(place, item)
    yield {"type": "conversation.item.done", "previous_item_id": _last_id(items), "item": item}
    yield {"type": "response.output_item.done", **place, "item": item}
    usage = {"total_tokens": 60, "input_tokens": 20, "output_tokens": 40}
    done = {**response, "status": "completed", "output": [item], "usage": usage}
    yield {"type": "response.done", "response": done}
    limit = {"name": "requests", "limit": 1000, "remaining": 999, "reset_seconds": 0.06}
    yield {"type": "rate_limits.updated", "rate_limits": [limit]}


def cancelled(response_id: str, reason: str) -> Event:
    """Return the `response.done` of a response that ended early: `client_cancelled` or `turn_detected`."""
    details = {"type": "cancelled", "reason": reason}
    response = {**_response(response_id, ["audio"], {}), "status": "cancelled", "status_details": details}
    return {"type": "response.done", "response": response}


def _response(response_id: str, modalities: list[str], wanted: dict[str, Any]) -> dict[str, Any]:
    return {
        "object": "realtime.response",
        "id": response_id,
        "status": "in_progress",
        "status_details": None,
        "output": [],
        "conversation_id": new_id("conv_"),
        "output_modalities": modalities,
        "max_output_tokens": "inf",
        "usage": None,
        "metadata": wanted.get("metadata"),
    }


def _item(
    session: dict[str, Any], wanted: dict[str, Any], items: Sequence[Item], modalities: list[str]
) -> Item:
    last = items[-1] if items else {}
    tools = wanted.get("tools") or session.get("tools") or []
    question = _text(last)
    if last.get("type") != "function_call_output" and (called := _called(tools, question)):
        return {
            "id": new_id("item_"),
            "object": "realtime.item",
            "type": "function_call",
            "status": "completed",
            "name": called["name"],
            "call_id": new_id("call_"),
            "arguments": json.dumps(example_of(called.get("parameters") or {})),
        }
    said = f"The tool says: {last['output']}" if "output" in last else reply_to(question or "the sound")
    part = {"type": "output_audio", "transcript": said}
    text = {"type": "output_text", "text": said}
    return {
        "id": new_id("item_"),
        "object": "realtime.item",
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [part if "audio" in modalities else text],
    }


def _called(tools: list[dict[str, Any]], question: str) -> dict[str, Any] | None:
    return next((tool for tool in tools if tool.get("name") and tool["name"] in question), None)


def _text(item: Item) -> str:
    return " ".join(part.get("text") or part.get("transcript") or "" for part in item.get("content") or [])


def _last_id(items: Sequence[Item]) -> str | None:
    return items[-1]["id"] if items else None


def _function_events(place: Event, item: Item) -> Iterator[Event]:
    where = {**place, "item_id": item["id"], "call_id": item["call_id"]}
    for token in tokens(item["arguments"]):
        yield {"type": "response.function_call_arguments.delta", **where, "delta": token}
    done = {"name": item["name"], "arguments": item["arguments"]}
    yield {"type": "response.function_call_arguments.done", **where, **done}


def _said(place: Event, item: Item) -> Iterator[Event]:
    where = {**place, "item_id": item["id"], "content_index": 0}
    (part,) = item["content"]
    is_spoken = part["type"] == "output_audio"
    empty = {"type": "audio", "transcript": ""} if is_spoken else {"type": "text", "text": ""}
    yield {"type": "response.content_part.added", **where, "part": empty}
    yield from _spoken(where, part["transcript"]) if is_spoken else _written(where, part["text"])
    full = (
        {"type": "audio", "transcript": part["transcript"]}
        if is_spoken
        else {"type": "text", "text": part["text"]}
    )
    yield {"type": "response.content_part.done", **where, "part": full}


def _written(where: Event, text: str) -> Iterator[Event]:
    for token in tokens(text):
        yield {"type": "response.output_text.delta", **where, "delta": token}
    yield {"type": "response.output_text.done", **where, "text": text}


def _spoken(where: Event, words: str) -> Iterator[Event]:
    sound = speech(words)
    pieces = [sound[start : start + DELTA_BYTES] for start in range(0, len(sound), DELTA_BYTES)]
    for token in tokens(words):
        yield {"type": "response.output_audio_transcript.delta", **where, "delta": token}
        if pieces:
            delta = base64.b64encode(pieces.pop(0)).decode()
            yield {"type": "response.output_audio.delta", **where, "delta": delta}
    for piece in pieces:
        yield {"type": "response.output_audio.delta", **where, "delta": base64.b64encode(piece).decode()}
    yield {"type": "response.output_audio.done", **where}
    yield {"type": "response.output_audio_transcript.done", **where, "transcript": words}
