"""Legacy completions, whole and streamed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..events import ServerSentEvent, json_event
from ..exchange import Answer
from .account import Call
from .answers import DONE, json_answer, stream_answer
from .identifiers import new_id, now
from .models import dated
from .routes import Route
from .text import count_tokens, reply_to, text_of, tokens


def _create(call: Call) -> Answer:
    body = call.body
    prompts = _prompts(body.get("prompt"))
    texts = ["\n\n" + reply_to(prompt) for prompt in prompts for _ in range(body.get("n") or 1)]
    usage = _usage(prompts, texts)
    head = {"id": new_id("cmpl-", 29), "object": "text_completion", "created": now()}
    model = dated(body.get("model", ""))
    if call.streamed:
        return stream_answer(_events(head, model, texts, usage, body))
    choices = [_choice(text, index, "stop") for index, text in enumerate(texts)]
    return json_answer({**head, "model": model, "choices": choices, "usage": usage})


def _prompts(prompt: Any) -> list[str]:
    """Return the texts of `prompt`: one, several, or none for prompts given as token numbers."""
    if isinstance(prompt, list) and prompt and isinstance(prompt[0], str):
        return prompt
    return [text_of(prompt)]


def _events(
    head: dict[str, Any], model: str, texts: list[str], usage: dict[str, Any], body: dict[str, Any]
) -> Iterator[ServerSentEvent]:
    with_usage = (body.get("stream_options") or {}).get("include_usage")
    no_usage = {"usage": None} if with_usage else {}
    for index, text in enumerate(texts):
        pieces = tokens(text)
        for piece in pieces:
            yield json_event({**head, "choices": [_choice(piece, index, None)], "model": model, **no_usage})
        yield json_event({**head, "choices": [_choice("", index, "stop")], "model": model, **no_usage})
    if with_usage:
        yield json_event({**head, "choices": [], "model": model, "usage": usage})
    yield DONE


def _choice(text: str, index: int, finish_reason: str | None) -> dict[str, Any]:
    return {"text": text, "index": index, "logprobs": None, "finish_reason": finish_reason}


def _usage(prompts: list[str], texts: list[str]) -> dict[str, Any]:
    asked, generated = sum(map(count_tokens, prompts)), sum(map(count_tokens, texts))
    return {"prompt_tokens": asked, "completion_tokens": generated, "total_tokens": asked + generated}


ROUTES = (Route("POST", "/v1/completions", _create),)
