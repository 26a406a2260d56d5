"""The Responses API: create, streamed or not, retrieve, delete, cancel, input items, work in the background."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ..exchange import Answer
from .account import Account, Call, page
from .answers import ApiError, json_answer, stream_answer
from .identifiers import new_hex_id, now
from .models import dated
from .response_output import generated_text, input_items, output_items
from .response_stream import response_events
from .routes import Route
from .text import count_tokens

BACKGROUND = ("queued", "in_progress", "completed")
# The member for the request, kept with a stored response and never sent.
REQUEST = "request"


def _create(call: Call) -> Answer:
    body = call.body
    finished = created(call.account, body)
    if call.streamed:
        return stream_answer(response_events(finished, body))
    return json_answer(_at_stage(finished, 0) if body.get("background") else finished)


def created(account: Account, body: dict[str, Any], known: Collection[str] = ()) -> dict[str, Any]:
    """Make the finished response to the request `body`, and keep it unless it says `store: false`.

    Args:
        known: ids of responses besides the stored ones that `previous_response_id` may name.

    Raises:
        ApiError: 400, `previous_response_id` names no response.
    """
    previous = body.get("previous_response_id")
    if previous and previous not in known:
        _check_previous(account, previous)
    finished = _response(body)
    if body.get("store") is not False:
        account.collection("responses").add({**finished, REQUEST: body})
    return finished


def _check_previous(account: Account, previous: str) -> None:
    if all(stored["id"] != previous for stored in account.collection("responses").all()):
        raise ApiError(
            400,
            f"Previous response with id '{previous}' not found.",
            param="previous_response_id",
            code="previous_response_not_found",
        )


def _response(body: dict[str, Any]) -> dict[str, Any]:
    output = [] if body.get("generate") is False else output_items(body)
    reasoning = body.get("reasoning") or {}
    cut_short = count_tokens(generated_text(output)) == body.get("max_output_tokens")
    return {
        "id": new_hex_id("resp_", 50),
        "object": "response",
        "created_at": now(),
        "status": "incomplete" if cut_short else "completed",
        "background": body.get("background") or False,
        "billing": {"payer": "developer"},
        **({"conversation": _conversation(body)} if body.get("conversation") else {}),
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if cut_short else None,
        "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "max_tool_calls": None,
        "model": dated(body.get("model", "")),
        "output": output,
        "parallel_tool_calls": body.get("parallel_tool_calls", True),
        "previous_response_id": body.get("previous_response_id"),
        "prompt_cache_key": None,
        "reasoning": {"effort": reasoning.get("effort"), "summary": reasoning.get("summary")},
        "safety_identifier": None,
        "service_tier": "default",
        "store": body.get("store", True),
        "temperature": body.get("temperature", 1.0),
        "text": {"format": {"type": "text"}, "verbosity": "medium", **(body.get("text") or {})},
        "tool_choice": body.get("tool_choice", "auto"),
        "tools": [_tool(tool) for tool in body.get("tools") or []],
        "top_logprobs": 0,
        "top_p": body.get("top_p", 1.0),
        "truncation": body.get("truncation", "disabled"),
        "usage": _usage(body, output),
        "user": body.get("user"),
        "metadata": body.get("metadata") or {},
    }


def _conversation(body: dict[str, Any]) -> dict[str, Any]:
    given = body["conversation"]
    return {"id": given if isinstance(given, str) else given["id"]}


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    if tool.get("type") != "function":
        return tool
    return {
        "type": "function",
        "description": tool.get("description"),
        "name": tool["name"],
        "parameters": tool.get("parameters"),
        "strict": tool.get("strict", True),
    }


def _usage(body: dict[str, Any], output: list[dict[str, Any]]) -> dict[str, Any]:
    asked = count_tokens(body.get("input")) + 3
    reasoned = 64 if body.get("reasoning") else 0
    generated = count_tokens(generated_text(output)) + reasoned
    return {
        "input_tokens": asked,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": generated,
        "output_tokens_details": {"reasoning_tokens": reasoned},
        "total_tokens": asked + generated,
    }


def _at_stage(finished: dict[str, Any], stage: int) -> dict[str, Any]:
    """Return `finished` as a poll sees it: queued, then in progress, then as it is."""
    if stage >= len(BACKGROUND) - 1:
        return finished
    return {**finished, "status": BACKGROUND[stage], "output": [], "usage": None}


def _public(stored: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in stored.items() if name != REQUEST}


def _retrieve(call: Call) -> Answer:
    stored = call.account.collection("responses", "response").get(call.names["id"])
    request = stored[REQUEST]
    if call.request.parameters.get("stream") == "true":
        after = int(call.request.parameters.get("starting_after", -1))
        return stream_answer(response_events(_public(stored), request, after))
    if request.get("background") and stored["status"] == "completed":
        call.account.polls[stored["id"]] += 1
        return json_answer(_at_stage(_public(stored), call.account.polls[stored["id"]] - 1))
    return json_answer(_public(stored))


def _delete(call: Call) -> Answer:
    call.account.collection("responses", "response").remove(call.names["id"])
    return json_answer({"id": call.names["id"], "object": "response.deleted", "deleted": True})


def _cancel(call: Call) -> Answer:
    stored = call.account.collection("responses", "response").get(call.names["id"])
    stored.update(status="cancelled", output=[], usage=None)
    return json_answer(_public(stored))


def _list_input_items(call: Call) -> Answer:
    stored = call.account.collection("responses", "response").get(call.names["id"])
    return json_answer(page(input_items(stored[REQUEST]), call.request.parameters))


def _count_input_tokens(call: Call) -> Answer:
    return json_answer(
        {"object": "response.input_tokens", "input_tokens": count_tokens(call.body.get("input"))}
    )


ROUTES = (
    Route("POST", "/v1/responses", _create),
    Route("POST", "/v1/responses/input_tokens", _count_input_tokens),
    Route("GET", "/v1/responses/{id}", _retrieve),
    Route("DELETE", "/v1/responses/{id}", _delete),
    Route("POST", "/v1/responses/{id}/cancel", _cancel),
    Route("GET", "/v1/responses/{id}/input_items", _list_input_items),
)
