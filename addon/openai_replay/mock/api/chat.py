"""Chat completions, whole: create, and the stored ones of `store: true`."""

from __future__ import annotations

from typing import Any

from ..exchange import Answer
from . import compatible
from .account import Call, page
from .answers import ApiError, json_answer, stream_answer
from .chat_reply import FINGERPRINT, Reply, logprobs_of, reply_for, usage
from .chat_stream import chunk_events
from .identifiers import new_id, now
from .models import dated
from .routes import Route


def completion(body: dict[str, Any]) -> dict[str, Any]:
    """Return the `chat.completion` that answers the request `body`."""
    replies = [reply_for(body, index) for index in range(body.get("n") or 1)]
    return {
        "id": new_id("chatcmpl-", 29),
        "object": "chat.completion",
        "created": now(),
        "model": dated(body.get("model", "")),
        "choices": [_choice(index, reply, body) for index, reply in enumerate(replies)],
        "usage": usage(body, replies),
        "service_tier": "default",
        # Reasoning models have none; the member is there all the same.
        "system_fingerprint": None if _reasons(body) else FINGERPRINT,
    }


def _reasons(body: dict[str, Any]) -> bool:
    return str(body.get("model")).startswith(("gpt-5", "o1", "o3", "o4"))


def _create(call: Call) -> Answer:
    body = call.body
    _check(body)
    if answer := compatible.maybe_answer(call):
        return answer
    whole = completion(body)
    if body.get("store"):
        call.account.collection("chat completions", "completion").add(_stored(whole, body))
    if call.streamed:
        replies = [reply_for(body, index) for index in range(body.get("n") or 1)]
        return stream_answer(chunk_events(whole, replies, body))
    return json_answer(whole)


def _check(body: dict[str, Any]) -> None:
    if not isinstance(body.get("messages"), list):
        raise ApiError(
            400,
            "Missing required parameter: 'messages'.",
            param="messages",
            code="missing_required_parameter",
        )
    if not body.get("model"):
        raise ApiError(400, "you must provide a model parameter")
    temperature = body.get("temperature")
    if isinstance(temperature, int | float) and temperature > 2:
        raise ApiError(
            400,
            "Invalid 'temperature': decimal above maximum value. "
            f"Expected a value <= 2, but got {temperature} instead.",
            param="temperature",
            code="decimal_above_max_value",
        )


def _choice(index: int, reply: Reply, body: dict[str, Any]) -> dict[str, Any]:
    asked_for_logprobs = body.get("logprobs") and reply.content
    return {
        "index": index,
        "message": _message(reply),
        "logprobs": logprobs_of(reply.content or "", body.get("top_logprobs") or 0)
        if asked_for_logprobs
        else None,
        "finish_reason": reply.finish_reason,
    }


def _message(reply: Reply) -> dict[str, Any]:
    calls = [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in reply.tool_calls
    ]
    return {
        "role": "assistant",
        "content": reply.content,
        **({"tool_calls": calls} if calls else {}),
        "refusal": reply.refusal,
        "annotations": [],
    }


def _stored(whole: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    return {
        **whole,
        "request_id": new_id("req_", 32),
        "tool_choice": body.get("tool_choice"),
        "seed": body.get("seed", 8131451),
        "top_p": body.get("top_p", 1.0),
        "temperature": body.get("temperature", 1.0),
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "input_user": None,
        "tools": body.get("tools"),
        "metadata": body.get("metadata") or {},
        "response_format": body.get("response_format"),
        "messages": body["messages"],
    }


def _public(stored: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in stored.items() if name != "messages"}


def _list_stored(call: Call) -> Answer:
    kept = [_public(one) for one in call.account.collection("chat completions").all()]
    return json_answer(page(kept, call.request.parameters, newest_first=False))


def _retrieve_stored(call: Call) -> Answer:
    return json_answer(
        _public(call.account.collection("chat completions", "completion").get(call.names["id"]))
    )


def _update_stored(call: Call) -> Answer:
    stored = call.account.collection("chat completions", "completion").get(call.names["id"])
    stored["metadata"] = call.body.get("metadata") or {}
    return json_answer(_public(stored))


def _delete_stored(call: Call) -> Answer:
    call.account.collection("chat completions", "completion").remove(call.names["id"])
    return json_answer({"object": "chat.completion.deleted", "id": call.names["id"], "deleted": True})


def _stored_messages(call: Call) -> Answer:
    stored = call.account.collection("chat completions", "completion").get(call.names["id"])
    messages = [
        {
            "id": f"{stored['id']}-{index}",
            "role": message.get("role"),
            "content": message.get("content"),
            "name": None,
        }
        for index, message in enumerate(stored["messages"])
    ]
    return json_answer(page(messages, call.request.parameters, newest_first=False))


ROUTES = (
    Route("POST", "/v1/chat/completions", _create),
    Route("GET", "/v1/chat/completions", _list_stored),
    Route("GET", "/v1/chat/completions/{id}", _retrieve_stored),
    Route("POST", "/v1/chat/completions/{id}", _update_stored),
    Route("DELETE", "/v1/chat/completions/{id}", _delete_stored),
    Route("GET", "/v1/chat/completions/{id}/messages", _stored_messages),
)
