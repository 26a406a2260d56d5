"""The tools that the API runs itself within a response: the output of each, and its events.

`HOSTED` says, by a tool's type, which finished items it makes of a question.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

from .identifiers import new_hex_id, new_id
from .pictures import png
from .text import tokens

Item = dict[str, Any]
Event = dict[str, Any]
CODE = "answer = 6 * 7\nprint(answer)\n"
SERVER_TOOL = "look_up"


def hosted_items(tools: list[dict[str, Any]], question: str) -> list[Item]:
    """Return the output of the API's own tools among `tools` for `question`."""
    return [
        item for tool in tools if (make := HOSTED.get(tool.get("type", ""))) for item in make(tool, question)
    ]


def custom_tool_calls(tools: list[dict[str, Any]], question: str) -> list[Item]:
    """Return a call of the first custom tool among `tools`, whose input is free text."""
    named = [tool["name"] for tool in tools if tool.get("type") == "custom"]
    return [
        {
            "id": new_hex_id("ctc_"),
            "type": "custom_tool_call",
            "status": "completed",
            "call_id": new_id("call_"),
            "input": f"Answer this: {question}",
            "name": name,
        }
        for name in named[:1]
    ]


def _web_search(tool: dict[str, Any], question: str) -> list[Item]:
    action = {"type": "search", "query": question[:60]}
    return [{"id": new_hex_id("ws_"), "type": "web_search_call", "status": "completed", "action": action}]


def _file_search(tool: dict[str, Any], question: str) -> list[Item]:
    call = {"id": new_hex_id("fs_"), "type": "file_search_call", "status": "completed"}
    return [{**call, "queries": [question[:60]], "results": None}]


def _code_interpreter(tool: dict[str, Any], question: str) -> list[Item]:
    call = {"id": new_hex_id("ci_"), "type": "code_interpreter_call", "status": "completed"}
    return [{**call, "code": CODE, "container_id": new_hex_id("cntr_"), "outputs": None}]


def _image_generation(tool: dict[str, Any], question: str) -> list[Item]:
    return [
        {
            "id": new_hex_id("ig_"),
            "type": "image_generation_call",
            "status": "completed",
            "background": "opaque",
            "output_format": "png",
            "quality": "low",
            "result": base64.b64encode(png(question)).decode(),
            "revised_prompt": f"{question}, in one colour",
            "size": "1024x1024",
        }
    ]


def _model_context_protocol(tool: dict[str, Any], question: str) -> list[Item]:
    label = tool.get("server_label", "server")
    schema = {"type": "object", "properties": {"what": {"type": "string"}}}
    listed = {
        "annotations": None,
        "description": "Look something up.",
        "input_schema": schema,
        "name": SERVER_TOOL,
    }
    return [
        {"id": new_hex_id("mcpl_"), "type": "mcp_list_tools", "server_label": label, "tools": [listed]},
        {
            "id": new_hex_id("mcp_"),
            "type": "mcp_call",
            "status": "completed",
            "approval_request_id": None,
            "arguments": '{"what":"rings"}',
            "error": None,
            "name": SERVER_TOOL,
            "output": "Saturn has rings.",
            "server_label": label,
        },
    ]


def web_search_events(place: Event, item: Item) -> Iterator[Event]:
    """Yield the stages of a web search."""
    yield from _stages("web_search_call", place, "in_progress", "searching", "completed")


def file_search_events(place: Event, item: Item) -> Iterator[Event]:
    """Yield the stages of a search in files."""
    yield from _stages("file_search_call", place, "in_progress", "searching", "completed")


def code_interpreter_events(place: Event, item: Item) -> Iterator[Event]:
    """Yield how code is written and run."""
    yield from _stages("code_interpreter_call", place, "in_progress")
    for token in tokens(item["code"]):
        yield {"type": "response.code_interpreter_call_code.delta", **place, "delta": token}
    yield {"type": "response.code_interpreter_call_code.done", **place, "code": item["code"]}
    yield from _stages("code_interpreter_call", place, "interpreting", "completed")


def image_generation_events(place: Event, item: Item) -> Iterator[Event]:
    """Yield how a picture comes into being, with one unfinished look at it."""
    yield from _stages("image_generation_call", place, "in_progress", "generating")
    yield {
        "type": "response.image_generation_call.partial_image",
        **place,
        "partial_image_index": 0,
        "partial_image_b64": base64.b64encode(png(item["revised_prompt"], 0.5)).decode(),
        **{name: item[name] for name in ("size", "quality", "background", "output_format")},
    }
    yield from _stages("image_generation_call", place, "completed")


def list_tools_events(place: Event, item: Item) -> Iterator[Event]:
    """Yield the stages in which a server lists its tools."""
    yield from _stages("mcp_list_tools", place, "in_progress", "completed")


def server_call_events(place: Event, item: Item) -> Iterator[Event]:
    """Yield how a server's tool is called."""
    yield from _stages("mcp_call", place, "in_progress")
    yield {"type": "response.mcp_call_arguments.delta", **place, "delta": item["arguments"]}
    yield {"type": "response.mcp_call_arguments.done", **place, "arguments": item["arguments"]}
    yield from _stages("mcp_call", place, "completed")


def custom_tool_events(place: Event, item: Item) -> Iterator[Event]:
    """Yield how the input of a custom tool is written."""
    for token in tokens(item["input"]):
        yield {"type": "response.custom_tool_call_input.delta", **place, "delta": token}
    yield {"type": "response.custom_tool_call_input.done", **place, "input": item["input"]}


def _stages(kind: str, place: Event, *stages: str) -> Iterator[Event]:
    for stage in stages:
        yield {"type": f"response.{kind}.{stage}", **place}


HOSTED: dict[str, Callable[[dict[str, Any], str], list[Item]]] = {
    "web_search": _web_search,
    "web_search_preview": _web_search,
    "file_search": _file_search,
    "code_interpreter": _code_interpreter,
    "image_generation": _image_generation,
    "mcp": _model_context_protocol,
}
