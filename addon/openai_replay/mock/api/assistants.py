"""Assistants: create, list in pages, retrieve, update, delete."""

from __future__ import annotations

from ..exchange import Answer
from .account import Call, Collection, page
from .answers import json_answer
from .identifiers import new_id, now
from .routes import Route

CHANGEABLE = ("name", "description", "model", "instructions", "tools", "metadata", "temperature", "top_p")


def _assistants(call: Call) -> Collection:
    return call.account.collection("assistants", "assistant")


def _create(call: Call) -> Answer:
    body = call.body
    assistant = {
        "id": new_id("asst_"),
        "object": "assistant",
        "created_at": now(),
        "name": body.get("name"),
        "description": body.get("description"),
        "model": body.get("model"),
        "instructions": body.get("instructions"),
        "tools": body.get("tools") or [],
        "top_p": body.get("top_p", 1.0),
        "temperature": body.get("temperature", 1.0),
        "reasoning_effort": None,
        "tool_resources": body.get("tool_resources") or {},
        "metadata": body.get("metadata") or {},
        "response_format": body.get("response_format", "auto"),
    }
    return json_answer(_assistants(call).add(assistant))


def _list(call: Call) -> Answer:
    return json_answer(page(_assistants(call).all(), call.request.parameters))


def _retrieve(call: Call) -> Answer:
    return json_answer(_assistants(call).get(call.names["id"]))


def _update(call: Call) -> Answer:
    assistant = _assistants(call).get(call.names["id"])
    assistant.update({name: call.body[name] for name in CHANGEABLE if name in call.body})
    return json_answer(assistant)


def _delete(call: Call) -> Answer:
    _assistants(call).remove(call.names["id"])
    return json_answer({"id": call.names["id"], "object": "assistant.deleted", "deleted": True})


ROUTES = (
    Route("POST", "/v1/assistants", _create),
    Route("GET", "/v1/assistants", _list),
    Route("GET", "/v1/assistants/{id}", _retrieve),
    Route("POST", "/v1/assistants/{id}", _update),
    Route("DELETE", "/v1/assistants/{id}", _delete),
)
