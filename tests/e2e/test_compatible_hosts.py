"""Hosts that speak the API with an accent: Azure, and servers like vLLM, Ollama and OpenRouter, by http and https."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from openai import AzureOpenAI, OpenAI

from openai_replay.mock import Upstream
from support.both import Both, Seen, assert_same_on_wire, both, listening_client, shown
from support.proxy import Proxy, curl
from support.requests import chat_body

AZURE = "https://a.openai.azure.com"
HOSTS = (
    "https://a.openai.azure.com/openai/v1",
    "https://openrouter.ai/api/v1",
    "http://openrouter.ai/api/v1",
    "https://vllm.example/v1",
    "http://vllm.example/v1",
    "http://ollama.example/v1",
    "http://ollama.example:11434/v1",
    "https://vllm.example:8000/v1",
)
TOOL: Any = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}


@pytest.fixture(scope="module")
def proxies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    hosts = ("*.openai.azure.com", "openrouter.ai", "vllm.example", "ollama.example", "ollama.example:11434")
    # The ports of these servers are routed to the stand-in's two, which are known once it listens.
    with Upstream(plain=True) as upstream:
        routes = (
            f"upstream_routes=ollama.example:11434={upstream.plain_port}",
            f"upstream_routes=vllm.example:8000={upstream.port}",
        )
        options = (*(f"recording_hosts={host}" for host in hosts), *routes)
        with both(tmp_path_factory.mktemp("hosts"), *options, upstream=upstream) as proxies:
            yield proxies


def at(proxies: Both, base_url: str) -> Both:
    return replace(proxies, base_url=base_url)


def conversation(client: OpenAI) -> Any:
    usage: Any = {"include_usage": True}
    for more in ({}, {"tools": [TOOL]}):
        asked: Any = chat_body("Hello", model="some-model", **more)
        yield client.chat.completions.create(**asked)
        yield list(client.chat.completions.create(**asked, stream=True))
        yield list(client.chat.completions.create(**asked, stream=True, stream_options=usage))


@pytest.mark.parametrize("base_url", HOSTS)
def test_what_a_host_adds_comes_back(proxies: Both, base_url: str) -> None:
    recorded, replayed = at(proxies, base_url).twice(
        lambda client: [shown(one) for one in conversation(client)], base_url
    )

    assert replayed.result == recorded.result
    assert_same_on_wire(recorded.wires, replayed.wires)


def test_the_hosts_do_add_something(proxies: Both) -> None:
    def bodies(base_url: str) -> bytes:
        seen: Seen[Any] = at(proxies, base_url).seen(
            proxies.recorder, lambda client: list(conversation(client)), "adds"
        )
        return b"".join(wire.body for wire in seen.wires)

    assert b": OPENROUTER PROCESSING\n\n" in bodies("https://openrouter.ai/api/v1")
    assert b"prompt_filter_results" in bodies("https://a.openai.azure.com/openai/v1")
    assert b"native_finish_reason" in bodies("https://openrouter.ai/api/v1")


def azure(running: Proxy, test_id: str, deployment: str, api_version: str) -> Any:
    """Return the answers that the package's Azure client gets."""
    with listening_client(running, test_id) as (http_client, wires):
        client = AzureOpenAI(
            azure_endpoint=AZURE,
            api_key="0123456789abcdef0123456789abcdef",
            api_version=api_version,
            http_client=http_client,
            max_retries=0,
        )
        asked: Any = chat_body("Hello", model=deployment)
        whole = client.chat.completions.create(**asked)
        chunks = list(client.chat.completions.create(**asked, stream=True))
        return [shown(whole), shown(chunks)], wires


def test_azure_deployments(proxies: Both) -> None:
    recorded, recorded_wires = azure(proxies.recorder, "azure", "gpt-4o", "2024-10-21")
    proxies.recorder.ask("/report")
    heard = len(proxies.upstream.requests)
    replayed, replayed_wires = azure(proxies.replayer, "azure", "gpt-4o", "2024-10-21")

    assert replayed == recorded
    assert_same_on_wire(recorded_wires, replayed_wires)
    assert len(proxies.upstream.requests) == heard
    assert {one["request"]["url"] for one in proxies.recordings_of("azure")} == {
        f"{AZURE}/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"
    }


def test_the_key_of_azure_is_in_no_file(proxies: Both) -> None:
    azure(proxies.recorder, "azure key", "gpt-4o", "2024-10-21")
    proxies.recorder.ask("/report")

    files = [path for path in proxies.folder.rglob("*") if path.is_file()]
    assert not any(b"0123456789abcdef0123456789abcdef" in path.read_bytes() for path in files)


@pytest.mark.parametrize(
    ("deployment", "api_version"), [("gpt-4o-mini", "2024-10-21"), ("gpt-4o", "2025-01-01")]
)
def test_another_deployment_or_version_is_another_request(
    proxies: Both, deployment: str, api_version: str
) -> None:
    azure(proxies.recorder, "azure", "gpt-4o", "2024-10-21")
    proxies.recorder.ask("/report")
    url = f"{AZURE}/openai/deployments/{deployment}/chat/completions?api-version={api_version}"
    body = chat_body("Hello")
    answered = curl(proxies.replayer, url, "-d", json.dumps(body), test_id="azure")

    assert json.loads(answered.stdout)["error"]["code"] == "recording_not_found"


def test_the_same_path_at_another_host_or_port_is_another_request(proxies: Both) -> None:
    body = json.dumps(chat_body("Where?", model="m"))
    recorded = curl(proxies.recorder, "http://vllm.example/v1/chat/completions", "-d", body)
    proxies.recorder.ask("/report")

    def replayed(url: str) -> Any:
        return json.loads(curl(proxies.replayer, f"{url}/v1/chat/completions", "-d", body).stdout)

    assert replayed("http://vllm.example")["choices"] == json.loads(recorded.stdout)["choices"]
    assert replayed("http://ollama.example")["error"]["code"] == "recording_not_found"
    assert replayed("https://vllm.example:8000")["error"]["code"] == "recording_not_found"


def test_models_of_a_host(proxies: Both) -> None:
    def act(client: OpenAI) -> Any:
        return [shown(model) for model in client.models.list()]

    recorded, replayed = at(proxies, "http://vllm.example/v1").twice(act, "models")

    assert replayed.result == recorded.result
    assert_same_on_wire(recorded.wires, replayed.wires)


# Answers of servers beyond the API's forms: Ollama's own lines, and fields of servers that no class knows.
ODD_ANSWERS: dict[str, dict[str, Any]] = {
    "lines of JSON": {
        "content_type": "application/x-ndjson",
        "text": '{"model":"m","done":false}\n{"model":"m","done":true}\n',
    },
    "reasoning": {
        "events": [
            {
                "data": {
                    "id": "1",
                    "object": "chat.completion.chunk",
                    "created": 1,
                    "model": "m",
                    "choices": [
                        {
                            "index": 0,
                            "delta": {"role": "assistant", "content": None, "reasoning_content": "Hm"},
                            "finish_reason": None,
                            "stop_reason": None,
                        }
                    ],
                    "usage": None,
                    "prompt_token_ids": None,
                }
            },
            {"data": {"choices": [], "usage": {"total_tokens": 3.0}, "object": "chat.completion.chunk"}},
            {"data": "[DONE]"},
        ]
    },
    "names and ids of events": {
        "events": [
            {"comment": "hello", "event": "start", "id": "1", "data": {"a": 1}},
            {"retry": 3000},
            {"event": "odd name", "data": {"b": [1.0, -0.0, 1e300]}},
            {"data": "plain words"},
            {"data": "[DONE]"},
            {"data": {"after": "the end"}},
        ]
    },
    "several DONEs": {"events": [{"data": {"a": 1}}, {"data": "[DONE]"}, {"data": "[DONE]"}]},
    "an empty stream": {"events": []},
    "only DONE": {"events": [{"data": "[DONE]"}]},
    "only comments": {"events": [{"comment": "one"}, {"comment": "two"}]},
    "empty data": {"events": [{"data": ""}, {"data": {"a": 1}}]},
    "lists as chunks": {"events": [{"data": [1, 2]}, {"data": "null"}, {"data": 7}]},
    "a stream without DONE": {"events": [{"data": {"object": "chat.completion.chunk", "choices": []}}]},
}


@pytest.mark.parametrize("name", ODD_ANSWERS)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/api/generate"])
def test_an_odd_answer_comes_back(proxies: Both, name: str, path: str) -> None:
    proxies.upstream.add({"match": {"path": path, "body": {"odd": name}}, "answer": ODD_ANSWERS[name]})

    def act(client: OpenAI) -> Any:
        url = f"http://vllm.example{path}"
        return client._client.post(url, json={"odd": name, "stream": True}).content

    recorded, replayed = proxies.twice(act, f"odd {path} {name}")

    assert_same_on_wire(recorded.wires, replayed.wires)
