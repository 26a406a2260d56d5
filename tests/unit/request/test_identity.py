"""`identity`: the same request is the same in every language, and another request never is."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from openai_replay.format.recording import JSON
from openai_replay.request.body import parse_body
from openai_replay.request.identity import Identity, describe, identify
from openai_replay.request.ignoring import ignore_rule, ignore_rules
from openai_replay.request.redaction import redactor
from openai_replay.request.rules import Rules
from support.requests import API, CHAT_URL, form_body
from unit.exchanges import JSON_VALUES, NO_RULES, OBJECTS, chat
from unit.wire_objects import SHARED

BODY: dict[str, JSON] = {
    "model": "gpt-4o",
    "messages": [
        {"role": "system", "content": "Knapp."},
        {
            "role": "user",
            "content": [{"type": "text", "text": "Grüße"}, {"type": "image_url", "image_url": {"url": "x"}}],
        },
        {
            "role": "assistant",
            "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": '{"a": 1}'}}],
        },
    ],
    "temperature": 0.5,
    "seed": 7,
    "stream": True,
    "tools": [
        {"type": "function", "function": {"name": "f", "parameters": {"default": None, "type": "object"}}}
    ],
    "metadata": {},
}


def of(body: JSON, *, method: str = "POST", url: str = CHAT_URL, rules: Rules = NO_RULES) -> Identity:
    return identify(method, url, body, rules)


def of_text(text: str) -> Identity:
    return of(parse_body(text.encode(), "application/json"))


# --- parts that do not count----------------------------------------------------------------------------------------

SAME = {
    "key order and white space": '{"messages":[],"model":"x","seed":1}',
    "escapes": '{"model": "\\u0078", "messages": [], "seed": 1}',
    "number forms": '{"model": "x", "messages": [], "seed": 1.0}',
    "an exponent": '{"model": "x", "messages": [], "seed": 1e0}',
    "a null": '{"model": "x", "messages": [], "seed": 1, "tools": null}',
    "no stream": '{"model": "x", "messages": [], "seed": 1, "stream": false}',
    "a stream that is null": '{"model": "x", "messages": [], "seed": 1, "stream": null}',
    "a random key of the prompt cache": '{"model": "x", "messages": [], "seed": 1, "prompt_cache_key": "7f3a"}',
    "a hash of the user": '{"model": "x", "messages": [], "seed": 1, "safety_identifier": "u"}',
    "a label of the client": '{"model": "x", "messages": [], "seed": 1, "client_metadata": {"a": 1}}',
    "a byte order mark": '\ufeff{"model": "x", "messages": [], "seed": 1}',
}


@pytest.mark.parametrize("text", SAME.values(), ids=SAME)
def test_the_same_request_is_the_same_however_it_is_written(text: str) -> None:
    assert of_text(text) == of_text('{"model": "x", "messages": [], "seed": 1}')


@pytest.mark.parametrize("name", ["messages", "input", "additional_messages", "items", "content"])
@pytest.mark.parametrize(
    ("with_null", "without"),
    [
        ({"role": "user", "name": None}, {"role": "user"}),
        ({"content": [{"text": "x", "annotations": None}]}, {"content": [{"text": "x"}]}),
        (
            {"content": [{"image_url": {"url": "u", "detail": None}}]},
            {"content": [{"image_url": {"url": "u"}}]},
        ),
        ({"tool_calls": [{"id": "1", "index": None}]}, {"tool_calls": [{"id": "1"}]}),
        (
            {"tool_calls": [{"function": {"name": "f", "parsed": None}}]},
            {"tool_calls": [{"function": {"name": "f"}}]},
        ),
    ],
)
def test_a_null_member_of_a_message_its_parts_and_its_tool_calls_is_absent(
    name: str, with_null: JSON, without: JSON
) -> None:
    assert of({name: [with_null]}) == of({name: [without]})
    assert of({"thread": {name: [with_null]}}) == of({"thread": {name: [without]}})


VOLATILE = pytest.mark.parametrize(
    ("one", "other"),
    [
        ("score: 0.91", "score: 12"),
        ("x, attributes: {'a': 1}", "x"),
        (
            "document_id: 01234567-89ab-cdef-0123-456789abcdef",
            "document_id: 89abcdef-89ab-cdef-0123-456789abcdef",
        ),
        ("<|01234567-89ab-cdef-0123-456789abcdef|>", "<|89abcdef-89ab-cdef-0123-456789abcdef|>"),
        ("1.123456", "1.1234561"),
        (0.123451, 0.123449),
    ],
)


@VOLATILE
def test_the_texts_that_the_hash_does_not_tell_apart_are_different_requests_with_one_name(
    one: JSON, other: JSON
) -> None:
    assert chat(one).identity != chat(other).identity
    assert chat(one).name() == chat(other).name()


@VOLATILE
def test_the_reference_reading_does_not_tell_them_apart(one: JSON, other: JSON) -> None:
    rules = Rules(ignore_rules(["@reference"]), redactor(()))
    assert chat(one, rules=rules).identity == chat(other, rules=rules).identity
    assert chat(one, rules=rules).name() == chat(one).name()


@given(OBJECTS, st.randoms(use_true_random=False))
def test_neither_member_order_nor_escapes_nor_white_space_count(body: dict[str, JSON], random: Any) -> None:
    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            members = [(name, shuffled(item)) for name, item in value.items()]
            random.shuffle(members)
            return dict(members)
        return [shuffled(item) for item in value] if isinstance(value, list) else value

    texts = (
        json.dumps(body),
        json.dumps(shuffled(body), indent=3),
        json.dumps(shuffled(body), ensure_ascii=False).encode("utf-8", "surrogatepass"),
    )
    identities = {of(parse_body(text if isinstance(text, bytes) else text.encode(), "")) for text in texts}
    assert len(identities) == 1


@given(JSON_VALUES)
def test_whole_numbers_have_no_form(value: JSON) -> None:
    def floats(part: Any) -> Any:
        if isinstance(part, dict):
            return {name: floats(item) for name, item in part.items()}
        if isinstance(part, list):
            return [floats(item) for item in part]
        return float(part) if type(part) is int and float(part) == part else part

    assert of({"x": value}) == of({"x": floats(value)})


def as_32_bit_float(value: float) -> float:
    (rounded,) = struct.unpack("f", struct.pack("f", value))
    return float(rounded)


@given(st.floats(-1000, 1000).map(lambda value: value / 3), st.integers(-(2**80), 2**80))
def test_a_fraction_is_compared_as_a_32_bit_float_and_an_integer_exactly(
    fraction: float, integer: int
) -> None:
    assume(not fraction.is_integer() and not as_32_bit_float(fraction).is_integer())
    assert of({"x": fraction}) == of({"x": as_32_bit_float(fraction)})
    assert of({"x": integer}).key != of({"x": integer + 1}).key
    assert of({"x": fraction}).key != of({"x": round(fraction)}).key


@pytest.mark.parametrize("texts", [("0.7", "0.699999988", "7e-1", "0.70"), ("100", "1e2", "100.0", "1E+2")])
def test_a_number_is_the_same_however_it_is_spelt(texts: tuple[str, ...]) -> None:
    assert len({of_text(f'{{"x": {text}}}') for text in texts}) == 1


@pytest.mark.parametrize(
    "texts", [("0.7", "0.7001", "0.70001", "0.699999"), ("1e300", "1e301", "-1e300", "1.5")]
)
def test_different_numbers_are_told_apart(texts: tuple[str, ...]) -> None:
    assert len({of_text(f'{{"x": {text}}}').key for text in texts}) == 4


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"model":"a","model":"c"}', '{"model":"b","model":"c"}'),
        ('{"a":[{"x":1,"x":2}]}', '{"a":[{"x":2}]}'),
        ('{"model":"c","model":"c"}', '{"model":"c"}'),
    ],
)
def test_members_that_stand_twice_count_as_text(one: str, other: str) -> None:
    assert of_text(one).key != of_text(other).key
    assert of_text(one) == of_text(one)


@pytest.mark.parametrize("path", ["/api/ps", "/api/tags", "/v1/models"])
def test_a_list_that_a_recorder_posted_without_a_body_is_the_one_that_clients_get(path: str) -> None:
    assert of({}, method="GET", url=f"{API}{path}") == of({}, method="POST", url=f"{API}{path}")
    assert of({}, method="GET", url=f"{API}{path}") != of({"a": 1}, method="POST", url=f"{API}{path}")


def test_stream_options_choose_and_do_not_count() -> None:
    with_usage, without = of({"stream_options": {"include_usage": True}}), of({"stream_options": None})

    assert with_usage.key == without.key == of({}).key
    assert with_usage.stream_options == '{"include_usage":true}'
    assert without.stream_options == of({}).stream_options == ""


def test_the_test_id_is_no_part_of_the_identity_and_one_of_the_name() -> None:
    assert chat(test_id="a").identity == chat(test_id="b").identity
    assert chat(test_id="a").name() != chat(test_id="b").name()


# --- parts that count------------------------------------------------------------------------------------------------

OTHER_PLACES = {
    "method": {"method": "GET"},
    "path": {"url": f"{API}/v1/responses"},
    "path's end": {"url": f"{CHAT_URL}/"},
    "query": {"url": f"{CHAT_URL}?a=b"},
    "host": {"url": "https://example.com/v1/chat/completions"},
    "port": {"url": "https://api.openai.com:8443/v1/chat/completions"},
    "scheme's port": {"url": "http://api.openai.com:443/v1/chat/completions"},
}


@pytest.mark.parametrize("other", OTHER_PLACES.values(), ids=OTHER_PLACES)
def test_a_request_to_another_place_is_another(other: dict[str, Any]) -> None:
    assert of(BODY, **other).key != of(BODY).key


def changes(value: Any, place: str = "$") -> Iterator[tuple[str, Any]]:
    """Yield (place, result) for every way to change one value, or take one member away."""
    others: list[Any] = ["other", 12345, 1.5, True, False, None, [], {}, [value], "", str(value)]
    for other in others:
        if type(other) is not type(value) or other != value:
            yield f"{place} = {other!r}", other
    if isinstance(value, dict):
        yield f"{place}.new", {**value, "new": 1}
        for name, item in value.items():
            rest = {key: part for key, part in value.items() if key != name}
            yield f"{place}.{name} gone", rest
            yield f"{place}.{name} renamed", {**rest, f"{name}2": item}
            for where, changed in changes(item, f"{place}.{name}"):
                yield where, {**value, name: changed}
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield f"{place}[{number}] gone", value[:number] + value[number + 1 :]
            yield f"{place}[{number}] twice", value[: number + 1] + value[number:]
            for where, changed in changes(item, f"{place}[{number}]"):
                yield where, [*value[:number], changed, *value[number + 1 :]]


def test_every_change_of_a_value_makes_another_request() -> None:
    keys = {place: of(changed).key for place, changed in changes(BODY)}

    assert len(keys) > 300
    assert [place for place, key in keys.items() if key == of(BODY).key] == []


@given(JSON_VALUES, JSON_VALUES)
def test_values_that_are_not_equivalent_are_told_apart(one: JSON, other: JSON) -> None:
    assume(_canonical(one) != _canonical(other))
    assert of({"x": [one]}).key != of({"x": [other]}).key


def _canonical(value: Any) -> str:
    """Return a value in the normal form of the list of equivalences; written independently of the code."""

    def number(part: float) -> str:
        if part == int(part):
            return str(int(part))
        with suppress(OverflowError):
            return repr(as_32_bit_float(part))
        return repr(part)

    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{_canonical(value[name])}" for name in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_canonical, value)) + "]"
    if isinstance(value, float):
        return number(value)
    return json.dumps(value)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"tools": [{"parameters": {"default": None}}]}, {"tools": [{"parameters": {}}]}),
        ({"metadata": {"a": None}}, {"metadata": {}}),
        ({"messages": [{"content": [None]}]}, {"messages": [{"content": []}]}),
        ({"input": [{"schema": {"default": None}}]}, {"input": [{"schema": {}}]}),
        ({"text": {"format": {"schema": {"enum": None}}}}, {"text": {"format": {"schema": {}}}}),
        ({"reasoning": {"prompt_cache_key": "a"}}, {"reasoning": {}}),
        ({"x": True}, {"x": 1}),
        ({"x": 0}, {"x": False}),
        ({"x": "1"}, {"x": 1}),
        ({"x": {}}, {"x": []}),
        ({"messages": [None]}, {"messages": []}),
        ({"thread": {"metadata": {"a": None}}}, {"thread": {"metadata": {}}}),
        ({"thread": {"messages": [None]}}, {"thread": {"messages": []}}),
        ({"stream": True}, {}),
        ({"input": "x"}, {"input": ["x"]}),
        ({"__multipart__": [], "x": 1}, {"__multipart__": [], "x": 2}),
    ],
)
def test_what_may_change_the_answer_is_told_apart(one: JSON, other: JSON) -> None:
    assert of(one).key != of(other).key


# --- ignored parts ------------------------------------------------------------------------------------------------


def test_what_is_ignored_counts_neither_for_the_identity_nor_for_the_name() -> None:
    rules = Rules((ignore_rule("metadata.run_id"), ignore_rule(r"messages[*].content=\d+")), redactor(()))
    one = chat("Day 12", metadata={"run_id": "a", "x": 1}, rules=rules)
    other = chat("Day 345", metadata={"run_id": "b", "x": 1}, rules=rules)

    assert one.identity == other.identity
    assert one.names(None) == other.names(None)
    assert one.identity != chat("Day 12", metadata={"run_id": "a", "x": 2}, rules=rules).identity
    assert one.body != other.body


# --- names --------------------------------------------------------------------------------------------------------


def test_a_real_client_finds_the_seeds_by_their_names() -> None:
    seeds = sorted(SHARED.glob("seeds/*.json"))
    if not seeds:
        pytest.skip(f"no recordings in {SHARED}: name their folder in OPENAI_REPLAY_SHARED")
    for path in seeds:
        seed = json.loads(path.read_bytes())
        url = seed["request"]["url"].replace("/v1/v1/", "/v1/")
        request = describe("POST", url, seed["request"]["body"], seed["test_id"], NO_RULES)
        assert path.stem in request.names(seed["test_id"])


def test_the_list_of_models_belongs_to_no_test() -> None:
    one = describe("GET", f"{API}/v1/models", {}, "a", NO_RULES)
    other = describe("GET", f"{API}/v1/models", {}, "b", NO_RULES)

    assert one.is_shared()
    assert one.is_model_list()
    assert one.name() == other.name()


def test_recorders_inside_the_sdk_post_for_the_list_of_models() -> None:
    assert of({}, method="GET", url=f"{API}/v1/models") == of({}, method="POST", url=f"{API}/v1/v1/models")
    assert of({}, method="GET", url=f"{API}/v1/files") != of({}, method="POST", url=f"{API}/v1/files")


# --- bodies -------------------------------------------------------------------------------------------------------


def form(fields: list[tuple[str, str]], boundary: str) -> JSON:
    body = form_body(boundary, *((f'name="{name}"', value.encode()) for name, value in fields))
    return parse_body(body, f"multipart/form-data; boundary={boundary}")


def test_a_form_is_its_parts_in_any_order_with_any_boundary() -> None:
    one = form([("model", "whisper-1"), ("temperature", "0.0")], "abc")
    other = form([("temperature", "0"), ("model", "whisper-1")], "xyz")

    assert of(one) == of(other)
    assert of(one).key != of(form([("temperature", "0"), ("model", "whisper-2")], "abc")).key


@pytest.mark.parametrize(
    ("one", "other"), [("1", "true"), ("007", "7"), ("1", "1 "), ("1e99999", "2e99999"), ("NaN", "null")]
)
def test_fields_of_a_form_are_compared_as_texts_but_for_numbers(one: str, other: str) -> None:
    assert of(form([("a", one)], "b")).key != of(form([("a", other)], "b")).key


def test_numbers_of_a_form_beyond_every_float_are_texts() -> None:
    big = "9" * 300
    assert of(form([("a", f"{big}e98")], "b")).key != of(form([("a", f"{big}e99")], "b")).key


def test_asked_describes_where_it_goes() -> None:
    request = chat(url=f"{API}/v1/v1/chat/completions?x=1")

    assert request.endpoint() == "/v1/chat/completions"
    assert not request.is_model_list()
    assert not request.is_shared()
    assert replace(request, url=f"{API}/v1/models").is_shared()
