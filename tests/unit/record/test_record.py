"""`record`: no secret is recorded, and objects are as the reference dumps them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from openai_replay.format.recording import JSON, opened
from openai_replay.record.exchange import Recorded
from openai_replay.record.record import record
from openai_replay.request.redaction import redactor
from openai_replay.request.rules import Rules
from support.requests import chat_body
from unit.exchanges import (
    Api,
    answered,
    chat,
    chunk,
    completion,
    streamed,
)
from unit.recorded import KEY, body_of, dumped_by_package


def everything(recorded: Recorded) -> str:
    return repr(recorded)


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("kind", ["json", "stream", "raw", "text", "escaped"])
def test_no_secret_is_recorded(status: int, kind: str) -> None:
    rules = Rules((), redactor(["top-secret-[0-9]+"]))
    request = replace(chat("Hi", stream=kind == "stream", rules=rules), credentials=("my-own-credential-0",))
    said = f"You said {KEY} and my-own-credential-0 and top-secret-7."
    exchanges = {
        "json": answered(request, completion(said), status=status),
        "stream": streamed(request, [chunk(said)]),
        "raw": streamed(request, [said]),
        "text": answered(request, said.encode(), headers=(("content-type", "text/plain"),), status=status),
        "escaped": answered(
            request, json.dumps(completion(said)).replace("s", "\\u0073").encode(), status=status
        ),
    }
    recorded = record(replace(exchanges[kind], status=status))

    text = everything(recorded)
    assert KEY not in text
    assert "my-own-credential-0" not in text
    assert "top-secret-7" not in text
    assert "REDACTED" in text


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("words", ["Hello", "Say 30 words", "get_weather please", "please refuse"])
def test_envelopes_equal_what_the_reference_dumps(stream: bool, words: str) -> None:
    body: dict[str, JSON] = chat_body(
        words,
        stream=stream,
        stream_options={"include_usage": True} if stream else None,
        tools=[{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}],
    )
    exchange = Api().exchange("POST", "/v1/chat/completions", body)
    pieces = list(exchange.body)
    recorded = record(replace(exchange, body=pieces))

    wires = (
        [json.loads(piece[6:]) for piece in pieces if piece != b"data: [DONE]\n\n"]
        if stream
        else [json.loads(b"".join(pieces))]
    )
    chunks = body_of(recorded) if stream else [body_of(recorded)]
    stable = {"id": f"rec-{exchange.api_request.name()[:12]}", "created": 0}
    assert len(wires) > (stream and 1)
    for one, wire in zip(chunks, wires, strict=True):
        class_name, data = opened(one)
        assert json.dumps(data) == json.dumps(dumped_by_package(str(class_name), wire) | stable)
