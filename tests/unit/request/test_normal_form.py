"""`normal_form`: bodies that mean the same have one canonical text."""

from __future__ import annotations

import copy
import json
import struct
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.format.recording import JSON
from openai_replay.request.body import parse_body
from openai_replay.request.normal_form import canonical, normal_body


def test_the_canonical_text_has_its_members_sorted_and_no_white_space() -> None:
    assert canonical({"b": [1, "ü"], "a": None}) == '{"a":null,"b":[1,"\\u00fc"]}'


@pytest.mark.parametrize("body", [[1.0], 1.0, "x", None, True])
def test_a_body_that_is_no_object_is_compared_as_it_is(body: JSON) -> None:
    assert canonical(normal_body(body)) == canonical(body).replace("1.0", "1")


# --- two bodies that differ in one place --------------------------------------------------------------------------

TEXT_PART: JSON = {"type": "text", "text": "x", "annotations": None}
IMAGE_PART: JSON = {"type": "image_url", "image_url": {"url": "u", "detail": None}}
TOOL_CALL: JSON = {"id": "c", "function": {"name": "f", "arguments": {"a": None}, "parsed": None}}
MESSAGES: list[JSON] = [
    {"role": "user", "content": [TEXT_PART, IMAGE_PART], "name": None},
    {"role": "assistant", "content": None, "tool_calls": [TOOL_CALL], "metadata": {"a": None}},
    {"role": "tool", "content": "score: 1.50000 of 52.520008"},
]
SCHEMA: JSON = {"type": "object", "default": None, "enum": [None, 1, 1.5]}
BODIES: list[dict[str, JSON]] = [
    {
        "model": "gpt-4o",
        "messages": MESSAGES,
        "tools": [{"type": "function", "strict": None, "function": {"name": "f", "parameters": SCHEMA}}],
        "temperature": 0.7,
        "seed": 7,
        "stream": False,
        "stream_options": {"include_usage": True},
        "prompt_cache_key": "k",
        "metadata": {"prompt_cache_key": "k", "stream": False, "a": None},
    },
    {
        "model": "gpt-4o",
        "input": MESSAGES,
        "text": {"format": {"schema": SCHEMA}},
        "stream": True,
        "user": None,
    },
    {
        "assistant_id": "a",
        "thread": {"messages": MESSAGES, "metadata": {"a": None}},
        "additional_messages": None,
    },
    {"items": MESSAGES, "safety_identifier": "s", "client_metadata": {"a": 1}},
    {"role": "user", "content": [TEXT_PART], "attachments": [{"file_id": "f", "tools": None}]},
    {"model": "e", "input": ["a", "b"], "dimensions": 8, "encoding_format": None},
]
LEAVES: list[JSON] = [
    None,
    True,
    False,
    0,
    1,
    7,
    -0.0,
    0.7,
    0.699999988,
    0.7001,
    1.5,
    2**53,
    2**53 + 1,
    1e300,
]
LEAVES += ["", "x", "7", [], {}, [None], {"a": None}, "score: 9.50000 of 52.520011", "gpt-4o"]
NAMES = st.sampled_from(["a", "stream", "prompt_cache_key", "messages", "parameters", "detail"])


def places(value: JSON, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict):
        for name in value:
            yield from places(value[name], (*path, name))
    elif isinstance(value, list):
        for number in range(len(value)):
            yield from places(value[number], (*path, number))


@st.composite
def pairs(draw: st.DrawFn) -> tuple[JSON, JSON]:
    """A body, and the same one after a change in one place."""
    body: Any = draw(st.sampled_from(BODIES))
    changed = copy.deepcopy(body)
    *way, last = draw(st.sampled_from([path for path in places(body) if path]))
    holder = changed
    for step in way:
        holder = holder[step]
    match draw(st.sampled_from(["other", "gone", "new", "twice"])):
        case "gone":
            del holder[last]
        case "new" if isinstance(holder, dict):
            holder[draw(NAMES)] = draw(st.sampled_from(LEAVES))
        case "twice" if isinstance(holder, list):
            holder.insert(last, holder[last])
        case _:
            holder[last] = draw(st.sampled_from(LEAVES))
    return body, changed


WITHOUT_EFFECT = ("prompt_cache_key", "safety_identifier", "client_metadata", "stream_options")
MESSAGE_LISTS = ("messages", "input", "additional_messages", "items", "content")
OPAQUE = ("parameters", "schema", "arguments", "metadata")


def facts(value: Any, path: tuple[Any, ...] = (), *, drops_nulls: bool = False) -> Iterator[tuple[Any, ...]]:
    """Yield the values of a body, place by place; written independently of the code."""
    if isinstance(value, dict):
        yield path, "object"
        for name, item in value.items():
            is_top = path == ()
            if item is None and (drops_nulls or is_top):
                continue
            if is_top and (name in WITHOUT_EFFECT or (name == "stream" and item is False)):
                continue
            holds_messages = path in ((), ("thread",)) and name in MESSAGE_LISTS and isinstance(item, list)
            yield from facts(
                item, (*path, name), drops_nulls=holds_messages or (drops_nulls and name not in OPAQUE)
            )
    elif isinstance(value, list):
        yield path, "list", len(value)
        for number, item in enumerate(value):
            yield from facts(item, (*path, number), drops_nulls=drops_nulls)
    elif isinstance(value, float) and not value.is_integer():
        yield path, "number", struct.pack("f", value)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield path, "number", int(value)
    else:
        yield path, type(value).__name__, value


def shuffled(value: Any, random: Any) -> Any:
    if isinstance(value, dict):
        members = [(name, shuffled(item, random)) for name, item in value.items()]
        return dict(random.sample(members, len(members)))
    return [shuffled(item, random) for item in value] if isinstance(value, list) else value


@given(pairs(), st.randoms(use_true_random=False), st.sampled_from([None, 2, "\t"]), st.booleans())
def test_two_bodies_are_the_same_exactly_if_they_say_the_same(
    pair: tuple[JSON, JSON], random: Any, indent: Any, ascii: bool
) -> None:
    one, other = pair
    text = json.dumps(shuffled(other, random), indent=indent, ensure_ascii=ascii)
    is_same = canonical(normal_body(one)) == canonical(normal_body(parse_body(text.encode(), "")))

    assert is_same is (set(facts(one)) == set(facts(other)))
