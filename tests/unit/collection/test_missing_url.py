"""`missing_url`: the answers of OpenAI's endpoints tell the URL that a cassette has replaced."""

from __future__ import annotations

import pytest

from openai_replay.collection.missing_url import is_missing, with_url_of_answer
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
    found = with_url_of_answer(REPLACED, answer)
    assert found.url == f"https://api.openai.com{path}"
    assert found.note == f"its URL is replaced by '**REDACTED**': taken for {found.url}, by its answer"


@pytest.mark.parametrize("answer", [b"", b'{"error": {}}', b'{"object": "list", "data": []}', b"\x89PNG"])
def test_another_answer_tells_nothing(answer: bytes) -> None:
    assert with_url_of_answer(REPLACED, answer) == REPLACED


def test_a_path_and_a_url_are_there() -> None:
    assert is_missing("REDACTED")
    assert not any(map(is_missing, ("/v1/x", "https://x", "http://<region>/v1")))
