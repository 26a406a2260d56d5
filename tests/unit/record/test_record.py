"""`record`: no secret is recorded, and objects are as the reference dumps them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.format.recording import JSON, opened
from openai_replay.record.exchange import Exchange, Recorded
from openai_replay.record.record import record
from openai_replay.request.escapes import levels
from openai_replay.request.identity import ApiRequest, describe_sent
from openai_replay.request.redaction import redactor
from openai_replay.request.rules import Rules
from support.requests import CHAT_URL, chat_body
from unit.exchanges import (
    NO_RULES,
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


# --- the file -----------------------------------------------------------------------------------------------------

OWN = "my-own/credential+0aB3"
SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "JSON": lambda text: json.dumps(text)[1:-1],
    "letters": lambda text: "".join(f"\\u{ord(letter):04x}" for letter in text),
    "URL": lambda text: quote(text, safe=""),
    "program": lambda text: "".join(f"\\x{ord(letter):02x}" for letter in text),
    "HTML": lambda text: "".join(f"&#{ord(letter)};" for letter in text),
}
REQUESTS: dict[str, Callable[[str], JSON]] = {
    "message": lambda said: {"messages": [{"role": "user", "content": said}]},
    "name": lambda said: {"metadata": {said: 1}},
    "arguments": lambda said: {"input": [{"type": "function_call", "arguments": json.dumps({"x": said})}]},
    "text": lambda said: {"__text__": f"a: {said}"},
    "form": lambda said: {"__multipart__": [{"name": said, "filename": said, "value": said}]},
}
ANSWERS: dict[str, Callable[[ApiRequest, str], Exchange]] = {
    "JSON": lambda request, said: answered(request, completion(said)),
    "error": lambda request, said: answered(request, {"error": {"message": said}}, status=401),
    "text": lambda request, said: answered(request, said.encode(), headers=(("content-type", "text/html"),)),
    "stream": lambda request, said: streamed(request, [chunk(said)]),
    "pieces": lambda request, said: streamed(
        request, [chunk(said[at : at + 3]) for at in range(0, len(said), 3)]
    ),
    "lines": lambda request, said: streamed(request, [f"said {said}"]),
    "headers": lambda request, said: answered(
        request, headers=(("content-disposition", said), ("location", f"https://h/?a={said}"))
    ),
}


@given(
    key=st.sampled_from([KEY, OWN]),
    ways=st.lists(st.sampled_from(sorted(SPELLINGS)), max_size=2),
    asked=st.sampled_from(sorted(REQUESTS)),
    answer=st.sampled_from(sorted(ANSWERS)),
)
def test_no_file_of_a_recording_holds_a_key_in_any_escapes(
    key: str, ways: list[str], asked: str, answer: str
) -> None:
    said = key
    for way in ways:
        said = SPELLINGS[way](said)
    request = describe_sent("POST", f"{CHAT_URL}?after={said}", REQUESTS[asked](said), said, NO_RULES, (OWN,))
    recorded = record(ANSWERS[answer](request, said))
    names = {one.holds: f"a{one.ending}" for one in recorded.companions}
    file = b"".join(recorded.pieces(names)).decode()
    beside = [b"".join(one.content).decode() for one in recorded.companions]

    assert all(key not in level for text in (file, said_in(file), *beside) for level, _ in levels(text))


def said_in(file: str) -> str:
    """Return the text of a stream in the file of a recording, "" for another answer."""
    chunks = json.loads(file)["response"]["body"]
    deltas = [
        one["__data__"]["choices"][0]["delta"]["content"]
        for one in (chunks if isinstance(chunks, list) else ())
        if isinstance(one, dict)
    ]
    return "".join(deltas)
