"""The events of a streamed response, made from the finished one. The API reference's "Streaming events" has them.

Each event is named by its `type`, is numbered by `sequence_number`, and no `[DONE]` follows the last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..events import ServerSentEvent, json_event
from . import response_tools
from .answers import obfuscated
from .response_output import Item
from .text import tokens

Event = dict[str, Any]
# The members of a response before it is finished.
UNFINISHED: dict[str, Any] = {"status": "in_progress", "output": [], "usage": None}


def response_events(
    finished: dict[str, Any], body: dict[str, Any], after: int = -1
) -> Iterator[ServerSentEvent]:
    """Yield the stream of the response `finished` to the request `body`.

    Args:
        finished: the response as its last event has it.
        body: the request.
        after: the `sequence_number` after which to begin (`starting_after`).
    """
    hidden = (body.get("stream_options") or {}).get("include_obfuscation") is not False
    for number, event in enumerate(_events(finished, body)):
        numbered = {"type": event.pop("type"), "sequence_number": number, **event}
        if number > after:
            padded = obfuscated(numbered) if hidden and numbered["type"].endswith(".delta") else numbered
            yield json_event(padded, numbered["type"])


def _events(finished: dict[str, Any], body: dict[str, Any]) -> Iterator[Event]:
    begun = {**finished, **UNFINISHED}
    yield {
        "type": "response.created",
        "response": {**begun, "status": "queued"} if body.get("background") else begun,
    }
    if body.get("background"):
        yield {"type": "response.queued", "response": {**begun, "status": "queued"}}
    yield {"type": "response.in_progress", "response": begun}
    for index, item in enumerate(finished["output"]):
        yield from _item_events(index, item)
    yield {"type": f"response.{finished['status']}", "response": finished}


def _item_events(index: int, item: Item) -> Iterator[Event]:
    events, opening = ITEM_EVENTS[item["type"]]
    yield {"type": "response.output_item.added", "output_index": index, "item": {**item, **opening}}
    yield from events({"item_id": item["id"], "output_index": index}, item)
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _message_events(place: Event, item: Item) -> Iterator[Event]:
    for index, part in enumerate(item["content"]):
        where = {**place, "content_index": index}
        text_events, opening = (
            (_refusal_events, {"refusal": ""}) if part["type"] == "refusal" else (_text_events, {"text": ""})
        )
        unmarked = {**part, "annotations": []} if "annotations" in part else part
        yield {"type": "response.content_part.added", **where, "part": {**unmarked, **opening}}
        yield from text_events(where, part)
        yield {"type": "response.content_part.done", **where, "part": part}


def _text_events(where: Event, part: Item) -> Iterator[Event]:
    for token in tokens(part["text"]):
        yield {"type": "response.output_text.delta", **where, "delta": token, "logprobs": []}
    for index, annotation in enumerate(part["annotations"]):
        yield {
            "type": "response.output_text.annotation.added",
            **where,
            "annotation_index": index,
            "annotation": annotation,
        }
    yield {"type": "response.output_text.done", **where, "text": part["text"], "logprobs": []}


def _refusal_events(where: Event, part: Item) -> Iterator[Event]:
    for token in tokens(part["refusal"]):
        yield {"type": "response.refusal.delta", **where, "delta": token}
    yield {"type": "response.refusal.done", **where, "refusal": part["refusal"]}


def _reasoning_events(place: Event, item: Item) -> Iterator[Event]:
    for index, part in enumerate(item["summary"]):
        where = {**place, "summary_index": index}
        yield {"type": "response.reasoning_summary_part.added", **where, "part": {**part, "text": ""}}
        for token in tokens(part["text"]):
            yield {"type": "response.reasoning_summary_text.delta", **where, "delta": token}
        yield {"type": "response.reasoning_summary_text.done", **where, "text": part["text"]}
        yield {"type": "response.reasoning_summary_part.done", **where, "part": part}


def _function_call_events(place: Event, item: Item) -> Iterator[Event]:
    for token in tokens(item["arguments"]):
        yield {"type": "response.function_call_arguments.delta", **place, "delta": token}
    yield {"type": "response.function_call_arguments.done", **place, "arguments": item["arguments"]}


# How each type of item grows, and its first state.
ITEM_EVENTS: dict[str, tuple[Callable[[Event, Item], Iterator[Event]], Item]] = {
    "message": (_message_events, {"status": "in_progress", "content": []}),
    "reasoning": (_reasoning_events, {"summary": []}),
    "function_call": (_function_call_events, {"status": "in_progress", "arguments": ""}),
    "custom_tool_call": (response_tools.custom_tool_events, {"status": "in_progress", "input": ""}),
    "web_search_call": (response_tools.web_search_events, {"status": "in_progress"}),
    "file_search_call": (response_tools.file_search_events, {"status": "in_progress"}),
    "code_interpreter_call": (
        response_tools.code_interpreter_events,
        {"status": "in_progress", "code": ""},
    ),
    "image_generation_call": (
        response_tools.image_generation_events,
        {"status": "in_progress", "result": None},
    ),
    "mcp_list_tools": (response_tools.list_tools_events, {"tools": []}),
    "mcp_call": (
        response_tools.server_call_events,
        {"status": "in_progress", "arguments": "", "output": None},
    ),
}
