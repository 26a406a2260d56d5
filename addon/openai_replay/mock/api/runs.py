"""Runs of an assistant on a thread, and their steps; streamed, or advancing from poll to poll.

A run with a function among its tools stops at `requires_action` until it gets the tool's output.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ..events import ServerSentEvent
from ..exchange import Answer
from .account import Account, Call, Collection, page
from .answers import json_answer, stream_answer
from .identifiers import new_id, now
from .models import dated
from .routes import Route
from .run_stream import message_events, named, tool_call_events
from .schemas import example_of
from .text import count_tokens, reply_to
from .threads import make_message, make_thread, messages, threads

LIFETIME_SECONDS = 600


def _runs(account: Account, thread_id: str) -> Collection:
    return account.collection(f"runs of {thread_id}", "run")


def _steps(account: Account, run_id: str) -> Collection:
    return account.collection(f"steps of {run_id}", "run step")


def _create(call: Call) -> Answer:
    threads(call.account).get(call.names["id"])
    for message in call.body.get("additional_messages") or []:
        messages(call.account, call.names["id"]).add(make_message(call.names["id"], message))
    return _start(call, call.names["id"], [])


def _create_with_thread(call: Call) -> Answer:
    thread = make_thread(call.account, call.body.get("thread") or {})
    return _start(call, thread["id"], [named("thread.created", thread)])


def _start(call: Call, thread_id: str, before: list[ServerSentEvent]) -> Answer:
    run = _runs(call.account, thread_id).add(_run(call, thread_id))
    if call.streamed:
        return stream_answer([*before, *_begun(run), *_worked(call.account, run), named("done", "[DONE]")])
    return json_answer(dict(run))


def _run(call: Call, thread_id: str) -> dict[str, Any]:
    body = call.body
    assistant = call.account.collection("assistants", "assistant").get(body.get("assistant_id", ""))
    return {
        "id": new_id("run_"),
        "object": "thread.run",
        "created_at": now(),
        "assistant_id": assistant["id"],
        "thread_id": thread_id,
        "status": "queued",
        "started_at": None,
        "expires_at": now() + LIFETIME_SECONDS,
        "cancelled_at": None,
        "failed_at": None,
        "completed_at": None,
        "required_action": None,
        "last_error": None,
        "model": dated(body.get("model") or assistant["model"]),
        "instructions": body.get("instructions") or assistant["instructions"],
        "tools": body.get("tools") or assistant["tools"],
        "tool_resources": {},
        "metadata": body.get("metadata") or {},
        "temperature": body.get("temperature", 1.0),
        "top_p": body.get("top_p", 1.0),
        "reasoning_effort": None,
        "max_completion_tokens": None,
        "max_prompt_tokens": None,
        "truncation_strategy": {"type": "auto", "last_messages": None},
        "incomplete_details": None,
        "usage": None,
        "response_format": "auto",
        "tool_choice": "auto",
        "parallel_tool_calls": True,
    }


def _begun(run: dict[str, Any]) -> Iterator[ServerSentEvent]:
    yield named("thread.run.created", run)
    yield named("thread.run.queued", run)
    run.update(status="in_progress", started_at=now())
    yield named("thread.run.in_progress", run)


def _worked(account: Account, run: dict[str, Any]) -> Iterator[ServerSentEvent]:
    """Yield the steps of a run until it is done or needs something; the account keeps the results."""
    functions = [tool["function"] for tool in run["tools"] if tool.get("type") == "function"]
    if functions and not _steps(account, run["id"]).all():
        yield from _ask_for_tool(account, run, functions[0])
    else:
        yield from _say(account, run)


def _ask_for_tool(
    account: Account, run: dict[str, Any], function: dict[str, Any]
) -> Iterator[ServerSentEvent]:
    arguments = json.dumps(example_of(function.get("parameters") or {}), separators=(",", ":"))
    tool_call = {
        "id": new_id("call_"),
        "type": "function",
        "function": {"name": function["name"], "arguments": arguments, "output": None},
    }
    step = _steps(account, run["id"]).add(_step(run, {"type": "tool_calls", "tool_calls": [tool_call]}))
    yield from tool_call_events(step, tool_call)
    asked = {**tool_call, "function": {"name": function["name"], "arguments": arguments}}
    action = {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": [asked]}}
    run.update(status="requires_action", required_action=action)
    yield named("thread.run.requires_action", run)


def _say(account: Account, run: dict[str, Any]) -> Iterator[ServerSentEvent]:
    said = reply_to(_question(account, run["thread_id"]))
    message = make_message(run["thread_id"], {"role": "assistant", "content": said}, run)
    messages(account, run["thread_id"]).add(message)
    details = {"type": "message_creation", "message_creation": {"message_id": message["id"]}}
    step = _steps(account, run["id"]).add(_step(run, details))
    yield from message_events(step, message)
    generated = count_tokens(said)
    usage = {"prompt_tokens": 20, "completion_tokens": generated, "total_tokens": 20 + generated}
    step.update(status="completed", completed_at=now(), usage=usage)
    yield named("thread.run.step.completed", step)
    run.update(status="completed", completed_at=now(), expires_at=None, required_action=None, usage=usage)
    yield named("thread.run.completed", run)


def _question(account: Account, thread_id: str) -> str:
    asked = [message for message in messages(account, thread_id).all() if message["role"] == "user"]
    return asked[-1]["content"][0]["text"]["value"] if asked else ""


def _step(run: dict[str, Any], details: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": new_id("step_"),
        "object": "thread.run.step",
        "created_at": now(),
        "run_id": run["id"],
        "assistant_id": run["assistant_id"],
        "thread_id": run["thread_id"],
        "type": details["type"],
        "status": "in_progress",
        "cancelled_at": None,
        "completed_at": None,
        "expires_at": run["expires_at"],
        "failed_at": None,
        "last_error": None,
        "step_details": details,
        "usage": None,
    }


def _retrieve(call: Call) -> Answer:
    """Advance the run: queued, in progress, and then as far as it gets."""
    run = _runs(call.account, call.names["id"]).get(call.names["run"])
    if run["status"] == "queued":
        run.update(status="in_progress", started_at=now())
    elif run["status"] == "in_progress":
        # The events have no listener; their effects on the account count all the same.
        list(_worked(call.account, run))
    return json_answer(run)


def _list(call: Call) -> Answer:
    return json_answer(page(_runs(call.account, call.names["id"]).all(), call.request.parameters))


def _update(call: Call) -> Answer:
    run = _runs(call.account, call.names["id"]).get(call.names["run"])
    run["metadata"] = call.body.get("metadata") or {}
    return json_answer(run)


def _cancel(call: Call) -> Answer:
    run = _runs(call.account, call.names["id"]).get(call.names["run"])
    run.update(status="cancelling")
    return json_answer(run)


def _submit_tool_outputs(call: Call) -> Answer:
    run = _runs(call.account, call.names["id"]).get(call.names["run"])
    step = _steps(call.account, run["id"]).all()[-1]
    outputs = {given["tool_call_id"]: given.get("output") for given in call.body.get("tool_outputs", [])}
    for tool_call in step["step_details"]["tool_calls"]:
        tool_call["function"]["output"] = outputs.get(tool_call["id"])
    step.update(status="completed", completed_at=now())
    run.update(status="in_progress" if call.streamed else "queued", required_action=None)
    if not call.streamed:
        return json_answer(run)
    events = [
        named("thread.run.step.completed", step),
        named("thread.run.queued", {**run, "status": "queued"}),
        named("thread.run.in_progress", run),
    ]
    return stream_answer([*events, *_worked(call.account, run), named("done", "[DONE]")])


def _list_steps(call: Call) -> Answer:
    return json_answer(page(_steps(call.account, call.names["run"]).all(), call.request.parameters))


def _retrieve_step(call: Call) -> Answer:
    return json_answer(_steps(call.account, call.names["run"]).get(call.names["step"]))


ROUTES = (
    Route("POST", "/v1/threads/runs", _create_with_thread),
    Route("POST", "/v1/threads/{id}/runs", _create),
    Route("GET", "/v1/threads/{id}/runs", _list),
    Route("GET", "/v1/threads/{id}/runs/{run}", _retrieve),
    Route("POST", "/v1/threads/{id}/runs/{run}", _update),
    Route("POST", "/v1/threads/{id}/runs/{run}/cancel", _cancel),
    Route("POST", "/v1/threads/{id}/runs/{run}/submit_tool_outputs", _submit_tool_outputs),
    Route("GET", "/v1/threads/{id}/runs/{run}/steps", _list_steps),
    Route("GET", "/v1/threads/{id}/runs/{run}/steps/{step}", _retrieve_step),
)
