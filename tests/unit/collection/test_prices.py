"""`prices`: costs from recorded tokens; an unknown model is a dear one."""

from __future__ import annotations

from openai_replay.collection.prices import cost_of
from openai_replay.format.recording import JSON, Recording, Request, Response


def recording(model: str, usage: JSON, method: str = "POST") -> Recording:
    request = Request(method, "https://api.openai.com/v1/chat/completions", {"model": model}, "", model)
    return Recording(None, request, Response({"choices": [], "usage": usage}))


def test_tokens_have_the_price_of_their_model() -> None:
    usage: JSON = {"prompt_tokens": 1_000_000, "completion_tokens": 1_000_000, "total_tokens": 2_000_000}
    assert cost_of(recording("gpt-4o-mini-2024-07-18", usage)) == 0.75
    assert cost_of(recording("gpt-4o", usage)) == 12.5
    assert cost_of(recording("a-model-to-come", usage)) == 150.0
    assert cost_of(recording("gpt-4o", usage, method="GET")) == 0.0


def test_without_usage_the_texts_are_counted() -> None:
    assert 0 < cost_of(recording("gpt-4o", None)) < 0.01
