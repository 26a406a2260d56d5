"""The openai Node package: its objects say the same in replay as while recording."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from clients.toolchains import client_named
from support.client_runs import Run, built, comparable, recorded_and_replayed
from support.node import answers
from support.requests import chat_body, embeddings_body

TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The current weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


CHATS = (
    chat_body("Say Grüße in 20 words"),
    chat_body("What is the weather in Zürich?", tools=[TOOL]),
    chat_body("What is the weather in Zürich and Genf, in parallel?", tools=[TOOL]),
    chat_body("please refuse"),
)
CREATE, HELPER = ["chat", "completions", "create"], ["chat", "completions", "stream"]
STREAMED = {"stream": True, "stream_options": {"include_usage": True}}
CALLS: list[tuple[list[str], dict[str, Any]]] = [
    *((CREATE, request) for request in CHATS),
    *((CREATE, {**request, "stream": True}) for request in CHATS),
    *((CREATE, {**request, **STREAMED}) for request in CHATS),
    *((HELPER, {**request, "n": 1}) for request in CHATS),
    (["embeddings", "create"], embeddings_body(["Zürich", "東京"])),
    (["models", "list"], {}),
    (
        ["completions", "create"],
        {"model": "gpt-3.5-turbo-instruct", "prompt": "Say hello", "stream": True},
    ),
]
FAILING: list[tuple[list[str], dict[str, Any]]] = [
    (CREATE, chat_body("Hello", model="this-model-does-not-exist")),
    (CREATE, chat_body("[scenario: bad-request]")),
    (CREATE, chat_body("Stop [scenario: cut-after-3-chunks]", **STREAMED)),
]


@pytest.mark.parametrize(
    ("client", "connection"),
    [("openai-node", "proxy"), ("openai-node", "base-url"), ("openai-node-20", "base-url")],
)
def test_objects_say_in_replay_what_they_said_while_recording(
    tmp_path: Path, client: str, connection: str
) -> None:
    executable, program = built(client_named(client), in_ci=bool(os.environ.get("CI")))

    def use(run: Run) -> list[Any]:
        said: list[Any] = comparable(answers(executable, program, run.environment(), [*CALLS, *FAILING]))
        return said

    recorded, replayed = recorded_and_replayed(tmp_path, connection, use)
    assert len(recorded) == len(CALLS) + len(FAILING)
    for (path, argument), now, before in zip([*CALLS, *FAILING], replayed, recorded, strict=True):
        assert now == before, (path, argument)
    assert all(answer.get("items") or answer.get("value") for answer in recorded[: len(CALLS)])
    no_model, bad_request, cut = recorded[len(CALLS) :]
    assert (no_model["error"]["class"], no_model["error"]["status"]) == ("NotFoundError", 404)
    assert (bad_request["error"]["class"], bad_request["error"]["status"]) == ("BadRequestError", 400)
    assert len(cut["items"]) == 3
    assert cut["error"]["message"]
