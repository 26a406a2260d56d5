"""Chat completions of compatible hosts, with their differences: Ollama, vLLM, OpenRouter, Azure. Chosen by host.

The differences of each host from the API were read off recorded traffic and the servers' sources.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import Any

from ..events import ServerSentEvent, json_event
from ..exchange import Answer
from .account import Call
from .answers import DONE, json_answer, obfuscated, stream_answer
from .chat_reply import FINGERPRINT, Reply, reply_for, usage
from .identifiers import new_id, now, random_text
from .models import dated
from .text import count_tokens, tokens

Chunk = dict[str, Any]
REASONING = "The user asks something simple; I answer at once."
NO_CONTENT = {
    name: {"filtered": False, "severity": "safe"} for name in ("hate", "self_harm", "sexual", "violence")
}


def maybe_answer(call: Call) -> Answer | None:
    """Return the answer of the host that `call` asks for a chat completion; None: it speaks as the API does."""
    host = call.request.host.partition(":")[0]
    for pattern, (whole, stream) in FLAVOURS.items():
        if fnmatchcase(host, pattern):
            body, reply = call.body, reply_for(call.body)
            return stream_answer(stream(body, reply)) if call.streamed else json_answer(whole(body, reply))
    return None


def _pieces(reply: Reply) -> Iterator[dict[str, Any]]:
    """Yield the delta of each chunk of `reply`: text, or a whole tool call as the compatible servers send it."""
    for index, call in enumerate(reply.tool_calls):
        function = {"name": call.name, "arguments": call.arguments}
        yield {"tool_calls": [{"index": index, "id": call.id, "type": "function", "function": function}]}
    yield from ({"content": token} for token in tokens(reply.content or reply.refusal or ""))


def _message(reply: Reply) -> dict[str, Any]:
    calls = [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in reply.tool_calls
    ]
    said = reply.content or reply.refusal or ""
    return {"role": "assistant", "content": said, **({"tool_calls": calls} if calls else {})}


def _short_usage(body: dict[str, Any], reply: Reply) -> dict[str, int]:
    asked, generated = count_tokens(body.get("messages")), count_tokens(reply.text())
    return {"prompt_tokens": asked, "completion_tokens": generated, "total_tokens": asked + generated}


def _wants_usage(body: dict[str, Any]) -> bool:
    return bool((body.get("stream_options") or {}).get("include_usage"))


def _ollama_head(body: dict[str, Any], kind: str) -> Chunk:
    return {
        "id": f"chatcmpl-{secrets.randbelow(1000)}",
        "object": kind,
        "created": now(),
        "model": body.get("model"),
        "system_fingerprint": "fp_ollama",
    }


def _ollama_whole(body: dict[str, Any], reply: Reply) -> Chunk:
    choice = {"index": 0, "message": _message(reply), "finish_reason": reply.finish_reason}
    return {**_ollama_head(body, "chat.completion"), "choices": [choice], "usage": _short_usage(body, reply)}


def _ollama_stream(body: dict[str, Any], reply: Reply) -> Iterator[ServerSentEvent]:
    head = _ollama_head(body, "chat.completion.chunk")
    for piece in _pieces(reply):
        delta = {"role": "assistant", "content": "", **piece}
        yield json_event({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    last = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": reply.finish_reason}
    yield json_event({**head, "choices": [last]})
    if _wants_usage(body):
        yield json_event({**head, "choices": [], "usage": _short_usage(body, reply)})
    yield DONE


def _vllm_head(body: dict[str, Any], kind: str) -> Chunk:
    return {
        "id": f"chatcmpl-{secrets.token_hex(16)}",
        "object": kind,
        "created": now(),
        "model": body.get("model"),
    }


def _vllm_whole(body: dict[str, Any], reply: Reply) -> Chunk:
    message = {
        "role": "assistant",
        "content": reply.content,
        "refusal": None,
        "annotations": None,
        "audio": None,
        "function_call": None,
        "tool_calls": _message(reply).get("tool_calls", []),
        "reasoning_content": REASONING,
    }
    choice = {
        "index": 0,
        "message": message,
        "logprobs": None,
        "finish_reason": reply.finish_reason,
        "stop_reason": None,
        "token_ids": None,
    }
    return {
        **_vllm_head(body, "chat.completion"),
        "choices": [choice],
        "service_tier": None,
        "system_fingerprint": None,
        "usage": {**_short_usage(body, reply), "prompt_tokens_details": None},
        "prompt_logprobs": None,
        "prompt_token_ids": None,
        "kv_transfer_params": None,
    }


def _vllm_stream(body: dict[str, Any], reply: Reply) -> Iterator[ServerSentEvent]:
    head = _vllm_head(body, "chat.completion.chunk")
    opening = {
        "index": 0,
        "delta": {"role": "assistant", "content": ""},
        "logprobs": None,
        "finish_reason": None,
    }
    yield json_event({**head, "choices": [opening], "prompt_token_ids": None})
    for delta in [*({"reasoning_content": token} for token in tokens(REASONING)), *_pieces(reply)]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None, "token_ids": None}
        yield json_event({**head, "choices": [choice]})
    last = {"index": 0, "delta": {"content": ""}, "logprobs": None, "finish_reason": reply.finish_reason}
    yield json_event({**head, "choices": [{**last, "stop_reason": None, "token_ids": None}]})
    if _wants_usage(body):
        yield json_event({**head, "choices": [], "usage": _short_usage(body, reply)})
    yield DONE


def _openrouter_head(body: dict[str, Any], kind: str) -> Chunk:
    return {
        "id": f"gen-{now()}-{random_text(20)}",
        "provider": "OpenAI",
        "model": body.get("model"),
        "object": kind,
        "created": now(),
    }


def _openrouter_usage(body: dict[str, Any], reply: Reply) -> dict[str, Any]:
    return {
        **_short_usage(body, reply),
        "cost": 0.000217,
        "is_byok": False,
        "prompt_tokens_details": {"cached_tokens": 0},
        "cost_details": {"upstream_inference_cost": None},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }


def _openrouter_whole(body: dict[str, Any], reply: Reply) -> Chunk:
    choice = {
        "logprobs": None,
        "finish_reason": reply.finish_reason,
        "native_finish_reason": "completed",
        "index": 0,
        "message": {**_message(reply), "refusal": None, "reasoning": None},
    }
    whole = _openrouter_head(body, "chat.completion")
    return {**whole, "choices": [choice], "usage": _openrouter_usage(body, reply)}


def _openrouter_stream(body: dict[str, Any], reply: Reply) -> Iterator[ServerSentEvent]:
    processing = ServerSentEvent(comment="OPENROUTER PROCESSING")
    head = _openrouter_head(body, "chat.completion.chunk")
    # While the provider thinks, comments keep the connection awake.
    yield processing
    yield processing
    for piece in _pieces(reply):
        yield json_event(
            {**head, "choices": [_openrouter_choice({"role": "assistant", "content": "", **piece})]}
        )
    yield processing
    last = _openrouter_choice({"role": "assistant", "content": ""}, reply.finish_reason, "completed")
    yield json_event({**head, "choices": [last]})
    usage = _openrouter_usage(body, reply)
    yield json_event(
        {**head, "choices": [_openrouter_choice({"role": "assistant", "content": ""})], "usage": usage}
    )
    yield DONE


def _openrouter_choice(delta: Chunk, finish: str | None = None, native: str | None = None) -> Chunk:
    return {
        "index": 0,
        "delta": delta,
        "finish_reason": finish,
        "native_finish_reason": native,
        "logprobs": None,
    }


def _azure_whole(body: dict[str, Any], reply: Reply) -> Chunk:
    choice = {
        "content_filter_results": NO_CONTENT,
        "finish_reason": reply.finish_reason,
        "index": 0,
        "logprobs": None,
        "message": {"annotations": [], **_message(reply), "refusal": None},
    }
    return {
        "choices": [choice],
        "created": now(),
        "id": new_id("chatcmpl-", 29),
        "model": dated(body.get("model") or ""),
        "object": "chat.completion",
        "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": NO_CONTENT}],
        "system_fingerprint": FINGERPRINT,
        "usage": usage(body, [reply]),
    }


def _azure_stream(body: dict[str, Any], reply: Reply) -> Iterator[ServerSentEvent]:
    filtered = [{"prompt_index": 0, "content_filter_results": NO_CONTENT}]
    # Azure's first chunk is about the prompt, and empty otherwise.
    nothing = {"choices": [], "created": 0, "id": "", "model": "", "object": ""}
    yield json_event({**nothing, "prompt_filter_results": filtered})
    rest = {
        "created": now(),
        "id": new_id("chatcmpl-", 29),
        "model": dated(body.get("model") or ""),
        "object": "chat.completion.chunk",
    }
    opening: list[Chunk] = [{"content": "", "refusal": None, "role": "assistant"}]
    for delta in [*opening, *_pieces(reply)]:
        yield _azure_event([_azure_choice(delta, None)], rest, body)
    yield _azure_event([_azure_choice({}, reply.finish_reason)], rest, body)
    if _wants_usage(body):
        yield _azure_event([], {**rest, "usage": usage(body, [reply])}, body)
    yield DONE


def _azure_choice(delta: Chunk, finish_reason: str | None) -> Chunk:
    results = NO_CONTENT if delta.get("content") else {}
    return {
        "content_filter_results": results,
        "delta": delta,
        "finish_reason": finish_reason,
        "index": 0,
        "logprobs": None,
    }


def _azure_event(choices: list[Chunk], rest: Chunk, body: dict[str, Any]) -> ServerSentEvent:
    chunk = {"choices": choices, **rest, "system_fingerprint": FINGERPRINT}
    if _wants_usage(body):
        chunk.setdefault("usage", None)
    return json_event(obfuscated(chunk))


_Whole = Callable[[dict[str, Any], Reply], Chunk]
_Stream = Callable[[dict[str, Any], Reply], Iterator[ServerSentEvent]]
FLAVOURS: dict[str, tuple[_Whole, _Stream]] = {
    "ollama.example": (_ollama_whole, _ollama_stream),
    "vllm.example": (_vllm_whole, _vllm_stream),
    "openrouter.ai": (_openrouter_whole, _openrouter_stream),
    "*.openai.azure.com": (_azure_whole, _azure_stream),
}
