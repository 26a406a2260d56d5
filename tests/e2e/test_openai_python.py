"""The openai Python package: its objects say the same in replay as while recording."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

from clients.toolchains import client_named
from support.client_runs import (
    CONNECTIONS,
    HOST,
    KEY,
    Run,
    built,
    comparable,
    recorded_and_replayed,
    said_by,
)
from support.proxy import recordings
from support.requests import chat_body

TOOL: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The current weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}


USAGE = {"stream_options": {"include_usage": True}}
CHATS = {
    "text": chat_body("Say Grüße in 20 words"),
    "tools": chat_body("What is the weather in Zürich?", tools=[TOOL]),
    "tools in parallel": chat_body("What is the weather in Zürich and Genf, in parallel?", tools=[TOOL]),
    "a refusal": chat_body("please refuse"),
    "two choices with logprobs": chat_body("Say hello", n=2, logprobs=True, top_logprobs=2),
}


@contextmanager
def client(run: Run) -> Iterator[OpenAI]:
    """A client as a program would make it, pointed at the proxy as environment variables would."""
    with OpenAI(**_where(run), http_client=httpx.Client(**_how(run)), max_retries=0) as client:
        yield client


@asynccontextmanager
async def async_client(run: Run) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(
        **_where(run), http_client=httpx.AsyncClient(**_how(run)), max_retries=0
    ) as client:
        yield client


def _where(run: Run) -> dict[str, Any]:
    base_url = f"https://{HOST}/v1" if run.connection == "proxy" else f"{run.proxy.url}/v1"
    return {"api_key": KEY, "base_url": base_url}


def _how(run: Run) -> dict[str, Any]:
    if run.connection == "base-url":
        return {"trust_env": False}
    context = ssl.create_default_context(cafile=str(run.proxy.ca_file))
    return {"trust_env": False, "proxy": run.proxy.url, "verify": context}


def dumped(value: BaseModel) -> Any:
    """Return all that an object holds, and which of it the wire had set."""
    return comparable([value.model_dump(mode="json"), value.model_dump(mode="json", exclude_unset=True)])


def all_that_sync_clients_say(run: Run) -> dict[str, Any]:
    said: dict[str, Any] = {}
    api: Any  # the requests are data here, which no overload of the package's takes
    with client(run) as api:
        for name, request in CHATS.items():
            said[name] = dumped(api.chat.completions.create(**request))
            stream = api.chat.completions.create(**request, stream=True)
            said[f"{name}, streamed"] = [dumped(chunk) for chunk in stream]
            stream = api.chat.completions.create(**request, stream=True, **USAGE)
            said[f"{name}, streamed with usage"] = [dumped(chunk) for chunk in stream]
            with api.chat.completions.stream(**request, **USAGE) as helped:
                said[f"{name}, by the helper"] = [dumped(event) for event in helped]
                said[f"{name}, in the end"] = dumped(helped.get_final_completion())
        said["embeddings"] = dumped(
            api.embeddings.create(model="text-embedding-3-small", input=["Zürich", "東京"])
        )
        said["embeddings as floats"] = dumped(
            api.embeddings.create(model="text-embedding-3-small", input="Zürich", encoding_format="float")
        )
        said["models"] = [dumped(model) for model in api.models.list()]
        said["a model"] = dumped(api.models.retrieve("gpt-4o"))
        said["completion"] = dumped(
            api.completions.create(model="gpt-3.5-turbo-instruct", prompt="Say hello")
        )
        said["completion, streamed"] = [
            dumped(part)
            for part in api.completions.create(
                model="gpt-3.5-turbo-instruct", prompt="Say hello", stream=True
            )
        ]
        said["raw"] = raw(api)
        said["no such model"] = failure(api, "this-model-does-not-exist")
    return said


def raw(api: Any) -> Any:
    """Return the package's view of the response itself."""
    response = api.chat.completions.with_raw_response.create(**CHATS["text"])
    return response.status_code, response.headers["content-type"], dumped(response.parse())


def failure(api: Any, model: str) -> Any:
    with pytest.raises(openai.APIStatusError) as raised:
        api.chat.completions.create(model=model, messages=[{"role": "user", "content": "Hello"}])
    error = raised.value
    return type(error).__name__, error.status_code, error.message, error.body, error.code


async def all_that_async_clients_say(run: Run) -> dict[str, Any]:
    said: dict[str, Any] = {}
    api: Any
    async with async_client(run) as api:
        for name, request in CHATS.items():
            said[name] = dumped(await api.chat.completions.create(**request))
            stream = await api.chat.completions.create(**request, stream=True, **USAGE)
            said[f"{name}, streamed"] = [dumped(chunk) async for chunk in stream]
            async with api.chat.completions.stream(**request, **USAGE) as helped:
                said[f"{name}, by the helper"] = [dumped(event) async for event in helped]
        said["embeddings"] = dumped(
            await api.embeddings.create(model="text-embedding-3-small", input=["Zürich", "東京"])
        )
        said["models"] = [dumped(model) async for model in api.models.list()]
    return said


@pytest.mark.parametrize("connection", CONNECTIONS)
def test_sync_objects_say_in_replay_what_they_said_while_recording(tmp_path: Path, connection: str) -> None:
    recorded, replayed = recorded_and_replayed(tmp_path, connection, all_that_sync_clients_say)
    assert len(recorded) == 5 * len(CHATS) + 8
    for name, said in recorded.items():
        assert replayed[name] == said, name
    assert all(said for said in recorded.values())
    assert recordings(tmp_path / "recordings")


@pytest.mark.parametrize("connection", CONNECTIONS)
def test_async_objects_say_in_replay_what_they_said_while_recording(tmp_path: Path, connection: str) -> None:
    recorded, replayed = recorded_and_replayed(
        tmp_path, connection, lambda run: asyncio.run(all_that_async_clients_say(run))
    )
    assert len(recorded) == 3 * len(CHATS) + 2
    for name, said in recorded.items():
        assert replayed[name] == said, name


@pytest.mark.parametrize("connection", CONNECTIONS)
def test_async_clients_replay_what_sync_clients_recorded(tmp_path: Path, connection: str) -> None:
    """And many at once: each gets its own answer."""

    async def at_once(run: Run) -> list[Any]:
        api: Any
        async with async_client(run) as api:
            return await asyncio.gather(
                *(api.chat.completions.create(**request) for _ in range(5) for request in CHATS.values())
            )

    def one_after_the_other_then_at_once(run: Run) -> list[Any]:
        api: Any
        if not (tmp_path / "recordings").exists():
            with client(run) as api:
                return [dumped(api.chat.completions.create(**request)) for request in CHATS.values()] * 5
        return [dumped(completion) for completion in asyncio.run(at_once(run))]

    recorded, replayed = recorded_and_replayed(tmp_path, connection, one_after_the_other_then_at_once)
    assert replayed == recorded


PROGRAM_CASES = ("tools", "tools-stream")
PROGRAMS = ("openai-python", "openai-python-async", "openai-python-stream-helper")


@pytest.mark.parametrize("connection", CONNECTIONS)
def test_programs_of_the_current_package_get_the_same_by_their_environment_alone(
    tmp_path: Path, connection: str
) -> None:
    """The package's newest version, in programs that nothing but HTTPS_PROXY and CA, or the base URL, leads here."""
    clients = [client_named(name) for name in PROGRAMS]
    commands = {client.name: built(client, in_ci=bool(os.environ.get("CI"))) for client in clients}

    def use(run: Run) -> dict[str, Any]:
        return {
            f"{client.name} {case}": said_by([*commands[client.name], case], run.environment())
            for client in clients
            for case in client.cases
            if case in PROGRAM_CASES
        }

    recorded, replayed = recorded_and_replayed(tmp_path, connection, use)
    for name, said in recorded.items():
        assert replayed[name] == said, name
    assert all(said["error"] is None for said in recorded.values())
