"""Threads of the Assistants API, and their messages: create, list in pages, retrieve, update, delete."""

from __future__ import annotations

from typing import Any

from ..exchange import Answer
from .account import Account, Call, Collection, page
from .answers import json_answer
from .identifiers import new_id, now
from .routes import Route


def threads(account: Account) -> Collection:
    """Return the threads of `account`."""
    return account.collection("threads", "thread")


def messages(account: Account, thread_id: str) -> Collection:
    """Return the messages of a thread."""
    return account.collection(f"messages of {thread_id}", "message")


def make_thread(account: Account, given: dict[str, Any]) -> dict[str, Any]:
    """Make a thread, with the messages that `given` begins it with, and return it."""
    thread: dict[str, Any] = {
        "id": new_id("thread_"),
        "object": "thread",
        "created_at": now(),
        "metadata": given.get("metadata") or {},
        "tool_resources": given.get("tool_resources") or {},
    }
    threads(account).add(thread)
    for message in given.get("messages") or []:
        messages(account, thread["id"]).add(make_message(thread["id"], message))
    return thread


def make_message(thread_id: str, given: dict[str, Any], run: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a message of the thread; with `run` it is the message of that run."""
    return {
        "id": new_id("msg_"),
        "object": "thread.message",
        "created_at": now(),
        "assistant_id": run["assistant_id"] if run else None,
        "thread_id": thread_id,
        "run_id": run["id"] if run else None,
        "role": given.get("role", "user"),
        "content": _content(given.get("content")),
        "attachments": given.get("attachments") or [],
        "metadata": given.get("metadata") or {},
    }


def _content(given: Any) -> list[dict[str, Any]]:
    if isinstance(given, str):
        return [{"type": "text", "text": {"value": given, "annotations": []}}]
    return [
        {"type": "text", "text": {"value": part["text"], "annotations": []}}
        if part.get("type") == "text"
        else part
        for part in given or []
    ]


def _create(call: Call) -> Answer:
    return json_answer(make_thread(call.account, call.body))


def _retrieve(call: Call) -> Answer:
    return json_answer(threads(call.account).get(call.names["id"]))


def _update(call: Call) -> Answer:
    thread = threads(call.account).get(call.names["id"])
    thread["metadata"] = call.body.get("metadata") or {}
    return json_answer(thread)


def _delete(call: Call) -> Answer:
    threads(call.account).remove(call.names["id"])
    return json_answer({"id": call.names["id"], "object": "thread.deleted", "deleted": True})


def _create_message(call: Call) -> Answer:
    thread = threads(call.account).get(call.names["id"])
    return json_answer(messages(call.account, thread["id"]).add(make_message(thread["id"], call.body)))


def _list_messages(call: Call) -> Answer:
    return json_answer(page(messages(call.account, call.names["id"]).all(), call.request.parameters))


def _retrieve_message(call: Call) -> Answer:
    return json_answer(messages(call.account, call.names["id"]).get(call.names["message"]))


def _update_message(call: Call) -> Answer:
    message = messages(call.account, call.names["id"]).get(call.names["message"])
    message["metadata"] = call.body.get("metadata") or {}
    return json_answer(message)


def _delete_message(call: Call) -> Answer:
    messages(call.account, call.names["id"]).remove(call.names["message"])
    return json_answer({"id": call.names["message"], "object": "thread.message.deleted", "deleted": True})


ROUTES = (
    Route("POST", "/v1/threads", _create),
    Route("GET", "/v1/threads/{id}", _retrieve),
    Route("POST", "/v1/threads/{id}", _update),
    Route("DELETE", "/v1/threads/{id}", _delete),
    Route("POST", "/v1/threads/{id}/messages", _create_message),
    Route("GET", "/v1/threads/{id}/messages", _list_messages),
    Route("GET", "/v1/threads/{id}/messages/{message}", _retrieve_message),
    Route("POST", "/v1/threads/{id}/messages/{message}", _update_message),
    Route("DELETE", "/v1/threads/{id}/messages/{message}", _delete_message),
)
