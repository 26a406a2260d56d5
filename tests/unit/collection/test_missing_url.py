"""`missing_url`: a path of OpenAI's API gets its host, and an answer tells the URL that a cassette has replaced."""

from __future__ import annotations

from dataclasses import replace

import pytest

from openai_replay.collection.missing_url import has_host, with_whole_url
from openai_replay.record.raw_exchange import RawExchange
from unit.exchanges import Api

REPLACED = RawExchange("a.yaml, interaction 1", "POST", "**REDACTED**", (), b"{}", 200, (), b"")
CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": 'Say "object": "response".'}]}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", CHAT),
        ("/v1/chat/completions", {**CHAT, "stream": True}),
        ("/v1/responses", {"model": "gpt-4o", "input": "Hi"}),
        ("/v1/responses", {"model": "gpt-4o", "input": "Hi", "stream": True}),
        ("/v1/embeddings", {"model": "text-embedding-3-small", "input": "Hi"}),
        ("/v1/completions", {"model": "gpt-3.5-turbo-instruct", "prompt": "Hi"}),
    ],
)
def test_each_kind_of_answer_tells_its_endpoint(path: str, body: dict[str, object]) -> None:
    answer = b"".join(Api().exchange("POST", path, body).body)  # type: ignore[arg-type]  # a JSON object
    found = with_whole_url(REPLACED, answer)
    assert found.url == f"https://api.openai.com{path}"
    assert found.note == f"its URL is replaced by '**REDACTED**': taken for {found.url}, by its answer"


@pytest.mark.parametrize("answer", [b"", b'{"error": {}}', b'{"object": "list", "data": []}', b"\x89PNG"])
def test_another_answer_tells_nothing(answer: bytes) -> None:
    assert with_whole_url(REPLACED, answer) == REPLACED


@pytest.mark.parametrize("path", ["/v1/chat/completions?a=1", "/v1/models/gpt-4o", "/v1/files"])
def test_a_path_of_the_api_gets_its_host(path: str) -> None:
    found = with_whole_url(replace(REPLACED, url=path), b"")
    assert (found.url, found.note) == (
        f"https://api.openai.com{path}",
        "its host is not in the file: taken for https://api.openai.com",
    )


@pytest.mark.parametrize(
    "path", ["/v1/messages", "/v1/chats", "/v1beta/models", "/chat/completions", "//x/v1/files"]
)
def test_another_path_stays(path: str) -> None:
    raw = replace(REPLACED, url=path)
    assert with_whole_url(raw, b'{"object": "response"}') == raw


def test_a_url_with_a_host_is_told_from_a_path_and_a_word() -> None:
    assert all(map(has_host, ("https://x", "http://<region>/v1")))
    assert not any(map(has_host, ("/v1/x", "REDACTED")))
