"""Conversations of the Responses API, and their items: create, list in pages, retrieve, delete."""

from __future__ import annotations

from ..exchange import Answer
from .account import Call, Collection, page
from .answers import json_answer
from .identifiers import new_hex_id, now
from .response_output import input_items
from .routes import Route


def _conversations(call: Call) -> Collection:
    return call.account.collection("conversations", "conversation")


def _items(call: Call) -> Collection:
    _conversations(call).get(call.names["id"])
    return call.account.collection(f"items of {call.names['id']}", "item")


def _create(call: Call) -> Answer:
    made = {
        "id": new_hex_id("conv_"),
        "object": "conversation",
        "created_at": now(),
        "metadata": call.body.get("metadata") or {},
    }
    items = call.account.collection(f"items of {made['id']}", "item")
    for item in input_items({"input": call.body.get("items")}):
        items.add(item)
    return json_answer(_conversations(call).add(made))


def _retrieve(call: Call) -> Answer:
    return json_answer(_conversations(call).get(call.names["id"]))


def _update(call: Call) -> Answer:
    stored = _conversations(call).get(call.names["id"])
    stored["metadata"] = call.body.get("metadata") or {}
    return json_answer(stored)


def _delete(call: Call) -> Answer:
    _conversations(call).remove(call.names["id"])
    return json_answer({"id": call.names["id"], "object": "conversation.deleted", "deleted": True})


def _create_items(call: Call) -> Answer:
    added = [_items(call).add(item) for item in input_items({"input": call.body.get("items")})]
    return json_answer(page(added, {"order": "asc"}))


def _list_items(call: Call) -> Answer:
    return json_answer(page(_items(call).all(), call.request.parameters))


def _retrieve_item(call: Call) -> Answer:
    return json_answer(_items(call).get(call.names["item"]))


def _delete_item(call: Call) -> Answer:
    _items(call).remove(call.names["item"])
    return json_answer(_conversations(call).get(call.names["id"]))


ROUTES = (
    Route("POST", "/v1/conversations", _create),
    Route("GET", "/v1/conversations/{id}", _retrieve),
    Route("POST", "/v1/conversations/{id}", _update),
    Route("DELETE", "/v1/conversations/{id}", _delete),
    Route("POST", "/v1/conversations/{id}/items", _create_items),
    Route("GET", "/v1/conversations/{id}/items", _list_items),
    Route("GET", "/v1/conversations/{id}/items/{item}", _retrieve_item),
    Route("DELETE", "/v1/conversations/{id}/items/{item}", _delete_item),
)
