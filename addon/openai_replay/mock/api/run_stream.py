"""The events of a streamed run: each has an object in its state at that moment, and the name of its last change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..events import ServerSentEvent, json_event
from .text import tokens


def named(event: str, value: Any) -> ServerSentEvent:
    """Return the event called `event` that carries `value`: an object, or the text that ends the stream."""
    return ServerSentEvent(data=value, event=event) if isinstance(value, str) else json_event(value, event)


def message_events(step: dict[str, Any], message: dict[str, Any]) -> Iterator[ServerSentEvent]:
    """Yield how `message` comes into being in `step`."""
    yield named("thread.run.step.created", step)
    yield named("thread.run.step.in_progress", step)
    empty = {**_with_status(message, "in_progress"), "content": []}
    yield named("thread.message.created", empty)
    yield named("thread.message.in_progress", empty)
    for number, token in enumerate(tokens(message["content"][0]["text"]["value"])):
        text = {"value": token, "annotations": []} if number == 0 else {"value": token}
        delta = {"content": [{"index": 0, "type": "text", "text": text}]}
        yield named(
            "thread.message.delta", {"id": message["id"], "object": "thread.message.delta", "delta": delta}
        )
    yield named("thread.message.completed", _with_status(message, "completed"))


def tool_call_events(step: dict[str, Any], tool_call: dict[str, Any]) -> Iterator[ServerSentEvent]:
    """Yield how `tool_call` is written, piece by piece, in `step`."""
    unwritten = {**step, "step_details": {"type": "tool_calls", "tool_calls": []}}
    yield named("thread.run.step.created", unwritten)
    yield named("thread.run.step.in_progress", unwritten)
    function = {"name": tool_call["function"]["name"], "arguments": "", "output": None}
    yield _step_delta(step, {"index": 0, "id": tool_call["id"], "type": "function", "function": function})
    for token in tokens(tool_call["function"]["arguments"]):
        yield _step_delta(step, {"index": 0, "type": "function", "function": {"arguments": token}})


def _step_delta(step: dict[str, Any], tool_call: dict[str, Any]) -> ServerSentEvent:
    details = {"type": "tool_calls", "tool_calls": [tool_call]}
    value = {"id": step["id"], "object": "thread.run.step.delta", "delta": {"step_details": details}}
    return named("thread.run.step.delta", value)


def _with_status(message: dict[str, Any], status: str) -> dict[str, Any]:
    """Return `message` with the additional members that it has in a stream, at its end."""
    return {
        **message,
        "status": status,
        "incomplete_details": None,
        "incomplete_at": None,
        "completed_at": message["created_at"] if status == "completed" else None,
    }
