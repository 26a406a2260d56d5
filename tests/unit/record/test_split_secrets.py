"""`split_secrets`: a key that an answer spells out in pieces is replaced, and nothing else changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.format.recording import JSON
from openai_replay.record.record import record
from openai_replay.record.split_secrets import SplitSecrets, lines_without_keys
from openai_replay.request.redaction import redactor
from openai_replay.request.rules import Rules
from unit.exchanges import chat, chunk, streamed
from unit.recorded import KEY, body_of

BEFORE, BEHIND = 'Use "\\ ', "\n, please."


def choice(piece: str, index: int = 0) -> dict[str, JSON]:
    """Return a chunk of a chat completion with a piece of a choice's text."""
    return chunk("") | {"choices": [{"index": index, "delta": {"content": piece}, "finish_reason": None}]}


def arguments(piece: str, index: int = 0) -> dict[str, JSON]:
    """Return a chunk of a chat completion with a piece of a tool call's arguments."""
    call: JSON = {"index": index, "function": {"arguments": piece}}
    return chunk("") | {"choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": None}]}


def output_text(piece: str, index: int = 0) -> dict[str, JSON]:
    """Return an event of the Responses API."""
    place: dict[str, JSON] = {
        "item_id": f"msg_{index}",
        "output_index": 0,
        "content_index": 0,
        "sequence_number": 1,
    }
    return {"type": "response.output_text.delta", **place, "delta": piece, "logprobs": []}


def of_anthropic(piece: str, index: int = 0) -> dict[str, JSON]:
    """Return an event of an API that the `openai` package has no classes for."""
    return {"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": piece}}


type Make = Callable[[str, int], dict[str, JSON]]
CHUNKS: dict[str, Make] = {make.__name__: make for make in (choice, arguments, output_text, of_anthropic)}

PIECES: dict[str, Callable[[Any], str]] = {
    "choice": lambda data: data["choices"][0]["delta"]["content"],
    "arguments": lambda data: data["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"],
    "output_text": lambda data: data["delta"],
    "of_anthropic": lambda data: data["delta"]["text"],
}


def recorded_pieces(name: str, pieces: list[tuple[str, int]], rules: Rules | None = None) -> list[str]:
    """Record a stream of pieces, each with the index of its text, and return the recorded pieces."""
    request = chat(stream=True) if rules is None else chat(stream=True, rules=rules)
    exchange = streamed(request, [CHUNKS[name](piece, index) for piece, index in pieces])
    return [PIECES[name](one.get("__data__", one)) for one in body_of(record(exchange))]


def cut(text: str, places: list[int]) -> list[str]:
    bounds = [0, *sorted(place % (len(text) + 1) for place in places), len(text)]
    return [text[first:last] for first, last in zip(bounds, bounds[1:], strict=False)]  # noqa: RUF007


@pytest.mark.parametrize("name", CHUNKS)
@given(places=st.lists(st.integers(0, 80), max_size=12))
def test_a_key_is_replaced_wherever_it_is_cut(name: str, places: list[int]) -> None:
    pieces = cut(BEFORE + KEY + BEHIND, places)
    recorded = recorded_pieces(name, [(piece, 0) for piece in pieces])

    assert "".join(recorded) == BEFORE + "REDACTED" + BEHIND
    assert len(recorded) == len(pieces)


@pytest.mark.parametrize("name", CHUNKS)
def test_two_texts_side_by_side_are_searched_apart(name: str) -> None:
    recorded = recorded_pieces(name, [(piece, index) for piece in KEY for index in (0, 1)])

    assert recorded == ["REDACTED", "REDACTED", *[""] * (2 * len(KEY) - 2)]


@given(st.lists(st.text(max_size=5), max_size=8))
def test_pieces_without_a_key_stay(pieces: list[str]) -> None:
    assert recorded_pieces("choice", [(piece, 0) for piece in pieces]) == pieces


def test_a_match_of_the_users_is_found_in_pieces() -> None:
    rules = Rules((), redactor(["customer [0-9]+"]))
    first, second = (
        recorded_pieces("choice", [(piece, 0) for piece in ("Greet custo", "mer ", number, ".")], rules)
        for number in ("17", "18")
    )

    assert first[0].startswith("Greet REDACTED-")
    assert first[1:] == second[1:] == ["", "", "."]
    assert first != second


@pytest.mark.parametrize("text", ['order "17" is \\ late', "Bearer ab12cd34ef56gh", "\norder\t12 ü 🗼!", KEY])
def test_a_client_that_sends_the_text_back_makes_the_recorded_request(text: str) -> None:
    rules = Rules((), redactor(["order[^!]+"]))
    answer = "".join(recorded_pieces("choice", [(piece, 0) for piece in text], rules))

    while_recording, in_replay = (
        rules.redactor.request("https://h/v1", {"messages": [{"role": "assistant", "content": sent}]})
        for sent in (text, answer)
    )
    assert while_recording == in_replay
    assert answer != text


def test_lines_of_json_are_chunks() -> None:
    lines = [json.dumps({"message": {"role": "assistant", "content": piece}}) for piece in cut(KEY, [3, 9])]

    content = lines_without_keys("\n".join([*lines, '{"done":true}\n']).encode(), redactor([]), ())
    assert [json.loads(line).get("message", {}).get("content") for line in content.splitlines()] == [
        *("REDACTED", "", ""),
        None,
    ]


def test_a_piece_that_is_long_parts_a_text() -> None:
    secrets = SplitSecrets(redactor([]), ())
    for number, piece in enumerate((KEY[:12], "A" * 10_000, KEY[12:])):
        secrets.take(number, json.dumps({"item_id": "a", "delta": piece}))

    assert secrets.edits() == {}
