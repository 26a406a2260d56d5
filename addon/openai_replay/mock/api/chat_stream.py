"""Chat completions, streamed: the same completion as `chat.completion.chunk` events.

Members that are always there, even as null: `logprobs` and `finish_reason`. Only beside `role`: `refusal`.
Only with `stream_options.include_usage`: `usage`, null until the last chunk, which has no choices.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from ..events import ServerSentEvent, json_event
from .answers import DONE, obfuscated
from .chat_reply import Reply, ToolCall, logprobs_of
from .text import tokens

Delta = dict[str, Any]


def chunk_events(
    whole: dict[str, Any], replies: list[Reply], body: dict[str, Any]
) -> Iterator[ServerSentEvent]:
    """Yield the stream that says the completion `whole`, made of `replies`, to the request `body`."""
    options = body.get("stream_options") or {}
    for choice in _choices(replies, body):
        usage = {"usage": None} if options.get("include_usage") else {}
        yield _event(_chunk(whole, [choice], usage), options)
    if options.get("include_usage"):
        yield _event(_chunk(whole, [], {"usage": whole["usage"]}), options)
    yield DONE


def _choices(replies: list[Reply], body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the choices' deltas, turn by turn where there are several, as the API mixes them."""
    for turn in zip_longest(*(_deltas(reply) for reply in replies)):
        for index, delta in enumerate(turn):
            if delta is not None:
                yield _choice(index, delta, None, body)
    for index, reply in enumerate(replies):
        yield _choice(index, {}, reply.finish_reason, body)


def _deltas(reply: Reply) -> Iterator[Delta]:
    if reply.tool_calls:
        yield from _tool_deltas(reply.tool_calls)
    elif reply.refusal is not None:
        yield {"role": "assistant", "content": None, "refusal": ""}
        yield from ({"refusal": token} for token in tokens(reply.refusal))
    else:
        yield {"role": "assistant", "content": "", "refusal": None}
        yield from ({"content": token} for token in tokens(reply.content or ""))


def _tool_deltas(calls: tuple[ToolCall, ...]) -> Iterator[Delta]:
    if len(calls) > 1:
        # Parallel calls are announced by a separate chunk; a single call comes with the role.
        yield {"role": "assistant", "content": None, "refusal": None}
    for index, call in enumerate(calls):
        opening = {
            "index": index,
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": ""},
        }
        if len(calls) > 1:
            yield {"tool_calls": [opening]}
        else:
            yield {"role": "assistant", "content": None, "tool_calls": [opening], "refusal": None}
        for token in tokens(call.arguments):
            yield {"tool_calls": [{"index": index, "function": {"arguments": token}}]}


def _choice(index: int, delta: Delta, finish_reason: str | None, body: dict[str, Any]) -> dict[str, Any]:
    content = delta.get("content")
    logprobs = (
        logprobs_of(content, body.get("top_logprobs") or 0) if body.get("logprobs") and content else None
    )
    return {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}


def _chunk(whole: dict[str, Any], choices: list[dict[str, Any]], usage: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": whole["id"],
        "object": "chat.completion.chunk",
        "created": whole["created"],
        "model": whole["model"],
        "service_tier": whole["service_tier"],
        "system_fingerprint": whole["system_fingerprint"],
        "choices": choices,
        **usage,
    }


def _event(chunk: dict[str, Any], options: dict[str, Any]) -> ServerSentEvent:
    return json_event(chunk if options.get("include_obfuscation") is False else obfuscated(chunk))
