"""The output of a response of the Responses API: reasoning, tool calls and messages, finished."""

from __future__ import annotations

import json
from typing import Any

from .identifiers import new_hex_id, new_id
from .response_tools import custom_tool_calls, hosted_items
from .schemas import example_of
from .text import REFUSAL, last_user_text, reply_to, tokens, wants_refusal

Item = dict[str, Any]
CITED_URL = "https://en.wikipedia.org/wiki/Saturn"


def output_items(body: dict[str, Any]) -> list[Item]:
    """Return the finished `output` of the response to the request `body`."""
    question, tools = last_user_text(body), body.get("tools") or []
    items = [_reasoning(body)] if body.get("reasoning") else []
    if calls := _function_calls(body, question) or custom_tool_calls(tools, question):
        return items + calls
    hosted = hosted_items(tools, question)
    cited = any(item["type"] == "web_search_call" for item in hosted)
    if wants_refusal(question):
        part: Item = {"type": "refusal", "refusal": REFUSAL}
    else:
        part = _output_text(_said(body, question), cited)
    return [*items, *hosted, _message([part])]


def input_items(body: dict[str, Any]) -> list[Item]:
    """Return the `input` of `body` as the items that `/input_items` lists."""
    given = body.get("input")
    entries = [{"role": "user", "content": given}] if isinstance(given, str) else given or []
    return [_input_item(entry) for entry in entries]


def generated_text(items: list[Item]) -> str:
    """Return all that was generated in `items`, for counting tokens."""
    texts = []
    for item in items:
        texts.append(item.get("arguments", ""))
        texts.extend(part.get("text", part.get("refusal", "")) for part in item.get("content", []))
    return " ".join(texts)


def _input_item(entry: Item) -> Item:
    if entry.get("type", "message") != "message":
        return {"id": entry.get("id") or new_hex_id("item_"), "status": "completed", **entry}
    content = entry.get("content")
    parts = [{"type": "input_text", "text": content}] if isinstance(content, str) else content
    return {
        "id": entry.get("id") or new_hex_id("msg_"),
        "type": "message",
        "status": "completed",
        "content": parts,
        "role": entry.get("role", "user"),
    }


def _said(body: dict[str, Any], question: str) -> str:
    format = (body.get("text") or {}).get("format") or {}
    if format.get("type") == "json_schema":
        said = json.dumps(example_of(format.get("schema", {})), separators=(",", ":"))
    elif tool_output := _tool_output(body):
        said = f"The tool says: {tool_output}"
    elif format.get("type") == "json_object":
        said = json.dumps({"answer": reply_to(question)}, ensure_ascii=False)
    else:
        said = reply_to(question)
    limit = body.get("max_output_tokens")
    return "".join(tokens(said)[:limit])


def _tool_output(body: dict[str, Any]) -> str | None:
    given = body.get("input")
    last = given[-1] if isinstance(given, list) and given else {}
    return str(last.get("output")) if last.get("type") == "function_call_output" else None


def _function_calls(body: dict[str, Any], question: str) -> list[Item]:
    functions = [tool for tool in body.get("tools") or [] if tool.get("type") == "function"]
    if not functions or _tool_output(body) is not None or body.get("tool_choice") == "none":
        return []
    called = [tool for tool in functions if tool["name"] in question] or functions[:1]
    if len(called) == 1 and "in parallel" in question:
        called *= 2
    return [
        {
            "id": new_hex_id("fc_"),
            "type": "function_call",
            "status": "completed",
            "arguments": json.dumps(example_of(tool.get("parameters") or {}), separators=(",", ":")),
            "call_id": new_id("call_"),
            "name": tool["name"],
        }
        for tool in called
    ]


def _reasoning(body: dict[str, Any]) -> Item:
    wanted = body["reasoning"].get("summary") is not None
    summary = "**Weighing the question**\n\nI recall what I know, and answer briefly."
    encrypted = "reasoning.encrypted_content" in (body.get("include") or [])
    return {
        "id": new_hex_id("rs_"),
        "type": "reasoning",
        **({"encrypted_content": "gAAAAABo" + new_id("", 80)} if encrypted else {}),
        "summary": [{"type": "summary_text", "text": summary}] if wanted else [],
    }


def _message(content: list[Item]) -> Item:
    return {
        "id": new_hex_id("msg_"),
        "type": "message",
        "status": "completed",
        "content": content,
        "role": "assistant",
    }


def _output_text(text: str, cited: bool) -> Item:
    citation = {
        "type": "url_citation",
        "end_index": len(text),
        "start_index": 0,
        "title": "Saturn - Wikipedia",
        "url": CITED_URL,
    }
    return {"type": "output_text", "annotations": [citation] if cited else [], "logprobs": [], "text": text}
