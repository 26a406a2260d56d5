"""`chunk_templates`: the fast path records a chunk exactly as the full path does."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.errors import NotRecordable
from openai_replay.format.recording import JSON
from openai_replay.record import chunk_templates
from openai_replay.record.chunk_templates import ChunkTemplates, RecordedChunk
from openai_replay.record.exchange import Exchange
from openai_replay.record.record import record
from openai_replay.request.identity import ApiRequest, describe
from support.requests import API
from unit.exchanges import NO_RULES, STREAM_HEADERS, chunk
from unit.wire_objects import CHUNK, CLASSES, LEGACY, UNHURRIED, any_objects

# Texts that mean something to some rule, or are written in more than one way, among words that do not.
TEXTS = [
    *(
        "",
        " ",
        "a",
        "Hello",
        "wörld 🗼",
        "it's",
        'say "hi"',
        "back\\slash",
        "line\nend",
        "\t",
        "\b",
        "/",
        "</x>",
    ),
    *("\x7f", "\u200d", "\u2028", "\x00", "7", "007", "7.5", "1e5", "inf", "true", "No", " on ", "null"),
    *(
        "stop",
        "assistant",
        "tool_calls",
        "chat.completion.chunk",
        "response.output_text.delta",
        "error",
        "data",
    ),
    *("sk-proj-aB3dEfGh1jKlMnOpQrStUvWx", "Bearer abcdefgh12345678", "openai-réplay-9000000", "70739000000"),
    *("__type__", "__file__", "x" * 300, "obfuscation"),
]
NUMBERS = [0, 1, 7, 8000000, 10**14, 10**15, 2**53 + 1, 10**30, -1, 1.0, -0.0, 0.5, 1e16, None, True]

EVENTS = [
    f"openai.{name}"
    for name in CLASSES
    if name.startswith("types.responses.response_") and name.endswith("Event") and "delta" in name.lower()
]
PATHS = {CHUNK: "/v1/chat/completions", LEGACY: "/v1/completions"}


def request(path: str, **body: JSON) -> ApiRequest:
    return describe("POST", API + path, {"model": "gpt-4o", "stream": True, **body}, None, NO_RULES)


def exchange(request: ApiRequest, texts: list[str], name: str = "") -> Exchange:
    lines = f"event: {name}\n" if name else ""
    return Exchange(request, 200, STREAM_HEADERS, [f"{lines}data: {text}\n\n".encode() for text in texts])


def at_length(of: Exchange, monkeypatch: pytest.MonkeyPatch) -> tuple[bytes, str]:
    """Return the recording without templates, and its digest."""
    with monkeypatch.context() as patched:
        patched.setattr(chunk_templates, "_MOST_TRIALS", 0)
        recorded = record(of)
    return b"".join(recorded.pieces()), recorded.digest


def with_templates(of: Exchange) -> tuple[bytes, str]:
    recorded = record(of)
    return b"".join(recorded.pieces()), recorded.digest


@st.composite
def streams(draw: st.DrawFn) -> tuple[str, list[str]]:
    """The class and the JSON texts of chunks that are like one of them, but for some of its values."""
    class_name = draw(st.sampled_from([CHUNK, LEGACY, *EVENTS]))
    first = draw(any_objects(class_name))
    holders = [(holder, name) for holder in _holders(first) for name in _names(holder)]
    varied = draw(st.lists(st.integers(0, len(holders) - 1), min_size=1, max_size=3)) if holders else []
    texts = []
    separators = draw(st.sampled_from([(",", ":"), (",", ":"), (", ", ": "), (" ,\t", " : ")]))
    for _ in range(draw(st.integers(3, 8))):
        for number in varied:
            holder, name = holders[number]
            if isinstance(holder[name], dict | list):
                continue
            values: list[Any] = NUMBERS if isinstance(holder[name], int | float) else TEXTS
            holder[name] = draw(st.sampled_from(values))
        is_ascii = draw(st.sampled_from([False, False, False, True]))
        texts.append(json.dumps(copy.deepcopy(first), separators=separators, ensure_ascii=is_ascii))
    return class_name, texts


def _holders(value: Any) -> Iterator[Any]:
    """Yield all objects and lists of a value."""
    if isinstance(value, dict | list):
        yield value
        for part in value.values() if isinstance(value, dict) else value:
            yield from _holders(part)


def _names(holder: Any) -> list[Any]:
    return list(holder) if isinstance(holder, dict) else list(range(len(holder)))


@UNHURRIED
@given(stream=streams(), store=st.booleans())
def test_templates_make_what_is_made_at_length(stream: tuple[str, list[str]], store: bool) -> None:
    class_name, texts = stream
    of = exchange(request(PATHS.get(class_name, "/v1/responses"), store=store), texts)
    with pytest.MonkeyPatch.context() as monkeypatch:
        assert with_templates(of) == at_length(of, monkeypatch)


@pytest.mark.parametrize("last", TEXTS)
@pytest.mark.parametrize(
    "place", ["content", "role", "finish_reason", "id", "object", "service_tier", "obfuscation", "x"]
)
def test_a_text_that_means_something_is_not_taken_for_a_word(
    place: str, last: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first words are harmless, so that there is a template when the last one comes."""
    texts = []
    for word in ("one", "two", "three", last):
        value: Any = {**chunk("a"), "service_tier": "default", "obfuscation": "", "x": ""}
        [choice] = value["choices"]
        holder = (
            choice["delta"] if place in ("content", "role") else choice if place == "finish_reason" else value
        )
        holder[place] = word
        texts.append(json.dumps(value, separators=(",", ":"), ensure_ascii=False))
    of = exchange(request("/v1/chat/completions", store=True), texts)
    assert with_templates(of) == at_length(of, monkeypatch)


@pytest.mark.parametrize(
    "last", [json.dumps(number) for number in NUMBERS] + ["-0", "1E400", "NaN", "01", "[]", '"1"']
)
def test_a_number_that_is_no_plain_one_is_not_taken_for_one(
    last: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = '{"type":"response.output_text.delta","sequence_number":%s,"output_index":0,"delta":"word %s"}'
    texts = [event % (number, number.strip('"')) for number in ("3", "4", "5", last)]
    of = exchange(request("/v1/responses"), texts, "response.output_text.delta")
    assert with_templates(of) == at_length(of, monkeypatch)


@pytest.mark.parametrize("last", ["\x00", "\x01", "\t", "\x7f", "\ufffe", "\\", "\\x", "\\ud801", '" : "'])
def test_what_is_no_string_of_json_is_not_taken_for_one(last: str, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [
        f'{{"choices":[],"object":"chat.completion.chunk","model":"{word}"}}'
        for word in ("a1", "b2", "c3", last)
    ]
    of = exchange(request("/v1/chat/completions"), texts)
    assert with_templates(of) == at_length(of, monkeypatch)


def test_the_name_of_a_member_is_never_taken_for_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("x", "y", "z", "usage")
    texts = [f'{{"choices":[],"object":"chat.completion.chunk","{name}" : 1}}' for name in names]
    of = exchange(request("/v1/chat/completions"), texts)
    assert with_templates(of) == at_length(of, monkeypatch)


def test_the_chunks_of_an_ordinary_stream_are_made_at_length_a_few_times_alone() -> None:
    made = []

    def make(text: str, _lines: tuple[str, ...]) -> RecordedChunk:
        made.append(text)
        return RecordedChunk(text, text, None)

    of_stream = ChunkTemplates(make, frozenset(("stop",)), nothing)
    for number in range(1000):
        text = json.dumps({**chunk(f"word {number}"), "obfuscation": f"x{number}"}, separators=(",", ":"))
        result = of_stream.made(text, ())
        assert result is not None
        assert (str(result.text), result.significant) == (text, text)
    assert len(made) == 4  # the first two, and two trials


def test_memory_does_not_grow_with_kinds_of_chunks() -> None:
    of_stream = ChunkTemplates(lambda text, _lines: RecordedChunk(text, text, None), frozenset(), nothing)
    for number in range(1000):
        of_stream.made('{"word":"a"}', (f"id: {number}",))
    assert len(of_stream._latest) == chunk_templates._MOST_KINDS


def test_a_trial_that_is_refused_is_no_template() -> None:
    def make(text: str, _lines: tuple[str, ...]) -> RecordedChunk:
        if "word" not in text:
            raise NotRecordable("not this one")
        return RecordedChunk(text, text, None)

    of_stream = ChunkTemplates(make, frozenset(), nothing)
    for number in range(100):
        made = of_stream.made(f'{{"text":"word {number}"}}', ())
        assert made is not None
        assert str(made.text) == f'{{"text":"word {number}"}}'


def test_streams_of_chunks_that_are_not_alike_go_without() -> None:
    made = []

    def make(text: str, _lines: tuple[str, ...]) -> RecordedChunk:
        made.append(text)
        return RecordedChunk(text, text, hash(text))  # other notes for each

    of_stream = ChunkTemplates(make, frozenset(), nothing)
    for number in range(1000):
        of_stream.made(json.dumps({"word": f"word {number}"}), ())
    assert len(made) == 1000 + chunk_templates._MOST_TRIALS


def nothing(_text: str) -> bool:
    """Tell that no text needs a close look."""
    return False


def test_a_chunk_with_a_secret_is_made_at_length_and_teaches_nothing() -> None:
    made_at_length: list[str] = []

    def make(text: str, _lines: tuple[str, ...]) -> RecordedChunk:
        made_at_length.append(text)
        return RecordedChunk(text, text, None)

    of_stream = ChunkTemplates(make, frozenset(), lambda text: "secret" in text)
    texts = [f'{{"a": "{word}", "b": 1}}' for word in ("secret 1", "one", "two", "three", "a secret", "four")]
    recorded = [of_stream.made(text, ()) for text in texts]
    assert [str(chunk.text) for chunk in recorded if chunk] == texts
    assert {texts[0], texts[4]} <= set(made_at_length)
    assert texts[3] not in made_at_length
    assert texts[5] not in made_at_length
