"""The reply of the mock model to a chat request: a text, a refusal, or tool calls."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from .identifiers import new_id
from .schemas import example_of
from .text import REFUSAL, count_tokens, last_user_text, reply_to, tokens, wants_refusal

PARALLEL_CALLS = 2
FINGERPRINT = "fp_cbf1785567"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call of a function, with its arguments as the JSON text that the API hands on."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Reply:
    """One choice: exactly one of `content`, `refusal` and `tool_calls` says something."""

    content: str | None = None
    refusal: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str = "stop"

    def text(self) -> str:
        """Return all that was generated, for counting tokens."""
        return (self.content or self.refusal or "") + "".join(
            call.name + call.arguments for call in self.tool_calls
        )


def reply_for(body: dict[str, Any], choice: int = 0) -> Reply:
    """Return choice number `choice` of the answer to the chat request `body`."""
    question = last_user_text(body)
    if _calls_tools(body):
        return Reply(tool_calls=tuple(_tool_calls(body, question)), finish_reason="tool_calls")
    if wants_refusal(question):
        return Reply(refusal=REFUSAL)
    return _shortened(_said(body, question, choice), body)


def logprobs_of(text: str, top: int) -> dict[str, Any]:
    """Return the `logprobs` of a choice for `text`, with `top` alternatives for each token."""
    return {"content": [_token_logprob(token, top) for token in tokens(text)], "refusal": None}


def usage(body: dict[str, Any], replies: list[Reply]) -> dict[str, Any]:
    """Return the `usage` of a request and its generated texts."""
    asked = count_tokens(body.get("messages")) + 3
    generated = sum(count_tokens(reply.text()) for reply in replies)
    return {
        "prompt_tokens": asked,
        "completion_tokens": generated,
        "total_tokens": asked + generated,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _said(body: dict[str, Any], question: str, choice: int) -> str:
    format = body.get("response_format") or {}
    if format.get("type") == "json_schema":
        return json.dumps(example_of(format["json_schema"].get("schema", {})), separators=(",", ":"))
    if format.get("type") == "json_object":
        return json.dumps({"answer": reply_to(question)}, indent=2, ensure_ascii=False)
    if tool_results := _tool_results(body):
        return f"The tool says: {tool_results[-1]}"
    said = reply_to(question)
    return said if choice == 0 else f"{said} (variant {choice + 1})"


def _shortened(said: str, body: dict[str, Any]) -> Reply:
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    pieces = tokens(said)
    if limit is None or len(pieces) <= limit:
        return Reply(content=said)
    return Reply(content="".join(pieces[:limit]), finish_reason="length")


def _calls_tools(body: dict[str, Any]) -> bool:
    messages = body.get("messages") or [{}]
    return (
        bool(body.get("tools")) and body.get("tool_choice") != "none" and messages[-1].get("role") == "user"
    )


def _tool_calls(body: dict[str, Any], question: str) -> list[ToolCall]:
    functions = [tool["function"] for tool in body["tools"] if tool.get("type") == "function"]
    wanted = _forced_name(body)
    mentioned = [
        one for one in functions if one["name"] == wanted or (not wanted and one["name"] in question)
    ]
    called = mentioned or functions[:1]
    if len(called) == 1 and "in parallel" in question and body.get("parallel_tool_calls") is not False:
        called *= PARALLEL_CALLS
    return [
        ToolCall(
            new_id("call_"),
            one["name"],
            json.dumps(example_of(one.get("parameters") or {}), separators=(",", ":")),
        )
        for one in called
    ]


def _forced_name(body: dict[str, Any]) -> str | None:
    choice = body.get("tool_choice")
    return choice["function"]["name"] if isinstance(choice, dict) and "function" in choice else None


def _tool_results(body: dict[str, Any]) -> list[str]:
    last = (body.get("messages") or [{}])[-1]
    if last.get("role") != "tool":
        return []
    content = last.get("content")
    return [content if isinstance(content, str) else " ".join(part.get("text", "") for part in content)]


def _token_logprob(token: str, top: int) -> dict[str, Any]:
    entry = _scored(token, 0)
    return {
        **entry,
        "top_logprobs": [_scored(token if rank == 0 else token.upper(), rank) for rank in range(top)],
    }


def _scored(token: str, rank: int) -> dict[str, Any]:
    # A digest keeps the numbers the same from run to run and as crooked as the API's.
    noise = int.from_bytes(hashlib.sha256(token.encode()).digest()[:4]) / 2**32
    return {"token": token, "logprob": -round(rank * 5 + noise / 3, 9), "bytes": list(token.encode())}
