"""`rebuild` and `layouts`: added nulls are taken out again, and members stand as the API writes them."""

from __future__ import annotations

import copy
import json
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.format.json_text import compact, read, strictly_equal
from openai_replay.sdk.classes import dump
from openai_replay.wire.layouts import LAYOUTS, OTHERS_BY_NAME, STREAMED_LAYOUTS, Layout
from openai_replay.wire.rebuild import asks_usage, is_usage_chunk, rebuild
from unit.wire_objects import (
    CHUNK,
    CLASSES,
    COMPLETION,
    LEGACY,
    UNHURRIED,
    envelopes,
    objects_with_unknown_members,
    shared_recordings,
)

STREAM: Any = {"stream": True}
STREAM_WITH_USAGE: Any = {"stream": True, "stream_options": {"include_usage": True}}

# One a line: an object that the API sends, shortened, with the class and the request that it answers.
SAMPLES_FILE = Path(__file__).parents[1] / "data" / "wire_samples.jsonl"
SAMPLES = [json.loads(line) for line in SAMPLES_FILE.read_text().splitlines()]


@pytest.mark.parametrize("sample", SAMPLES, ids=[sample["case"] for sample in SAMPLES])
def test_what_the_api_sends_is_rebuilt_from_its_envelope(sample: dict[str, Any]) -> None:
    class_name, wire = sample["class"], sample["wire"]
    rebuilt = rebuild(class_name, dump(class_name, wire), sample["request"])
    assert json.dumps(rebuilt) == json.dumps(wire)


# --- rules --------------------------------------------------------------------------------------------------------


def null_filled(**members: Any) -> dict[str, Any]:
    delta = {
        "content": None,
        "function_call": None,
        "refusal": None,
        "role": None,
        "tool_calls": None,
    } | members
    choice = {"delta": delta, "finish_reason": None, "index": 0, "logprobs": None}
    return {
        "id": "rec-1",
        "choices": [choice],
        "created": 0,
        "model": "m",
        "object": "chat.completion.chunk",
    } | {
        "service_tier": None,
        "system_fingerprint": None,
        "usage": None,
    }


def rebuilt_delta(**members: Any) -> Any:
    rebuilt: Any = rebuild(CHUNK, null_filled(**members), STREAM)
    return rebuilt["choices"][0]["delta"]


@pytest.mark.parametrize(
    ("members", "delta"),
    [
        ({}, {}),
        ({"role": "assistant"}, {"role": "assistant", "content": None, "refusal": None}),
        ({"content": "Hi"}, {"content": "Hi"}),
        ({"refusal": "No"}, {"refusal": "No"}),
        ({"reasoning_content": None}, {"reasoning_content": None}),
        ({"reasoning": "because", "content": ""}, {"content": "", "reasoning": "because"}),
        (
            {
                "tool_calls": [
                    {"index": 0, "id": None, "function": {"arguments": "{", "name": None}, "type": None}
                ]
            },
            {"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]},
        ),
        ({"tool_calls": []}, {"tool_calls": []}),
    ],
)
def test_a_delta_has_what_the_api_sends(members: dict[str, Any], delta: dict[str, Any]) -> None:
    assert json.dumps(rebuilt_delta(**members)) == json.dumps(delta)


def test_nulls_that_the_class_fills_in_are_left_out_of_a_chunk() -> None:
    assert json.dumps(rebuild(CHUNK, null_filled(content="Hi"), STREAM)) == json.dumps(
        {
            "id": "rec-1",
            "object": "chat.completion.chunk",
            "created": 0,
            "model": "m",
            "choices": [{"index": 0, "delta": {"content": "Hi"}, "logprobs": None, "finish_reason": None}],
        }
    )


@pytest.mark.parametrize(
    ("request_body", "is_sent"),
    [
        (STREAM_WITH_USAGE, True),
        (STREAM, False),
        ({"stream": True, "stream_options": {"include_usage": False}}, False),
        ({"stream": True, "stream_options": None}, False),
        ({"stream_options": {"include_usage": True}}, False),
        ({}, False),
        (None, False),
        ([], False),
    ],
)
def test_usage_is_null_only_where_the_request_asked_for_it(request_body: Any, is_sent: bool) -> None:
    rebuilt: Any = rebuild(CHUNK, null_filled(), request_body)
    assert ("usage" in rebuilt) is is_sent
    assert asks_usage(request_body) is is_sent


@pytest.mark.parametrize(
    ("class_name", "data", "is_one"),
    [
        (CHUNK, {"choices": [], "usage": {"total_tokens": 1}}, True),
        (LEGACY, {"choices": [], "usage": {"total_tokens": 1}}, True),
        (CHUNK, {"choices": [], "usage": None, "prompt_filter_results": []}, False),
        (CHUNK, {"choices": [{}], "usage": {"total_tokens": 1}}, False),
        (COMPLETION, {"choices": [], "usage": {"total_tokens": 1}}, False),
        (None, {"choices": [], "usage": {"total_tokens": 1}}, False),
        (CHUNK, "text", False),
    ],
)
def test_the_chunk_that_only_include_usage_brings_is_recognised(
    class_name: str | None, data: Any, is_one: bool
) -> None:
    assert is_usage_chunk(class_name, data) is is_one


def test_unknown_members_are_kept_null_or_not_behind_the_known_ones_in_their_order() -> None:
    data = {**null_filled(), "x_groq": {"id": None}, "obfuscation": "x", "a": None}
    rebuilt: Any = rebuild(CHUNK, data, STREAM)
    assert list(rebuilt.items())[-3:] == [("x_groq", {"id": None}), ("obfuscation", "x"), ("a", None)]


@pytest.mark.parametrize(
    "class_name", [None, "openai.types.no_such_module.NoSuchClass", "ollama._types.ProcessResponse"]
)
@pytest.mark.parametrize("data", [{"b": None, "a": 1}, [None], "text", 7, None])
def test_what_has_no_class_is_on_the_wire_as_it_is(class_name: str | None, data: Any) -> None:
    assert strictly_equal(rebuild(class_name, data, {}), data)


@pytest.mark.parametrize("data", [None, "text", 7, [], [1, "a"]])
def test_what_is_no_object_stays_what_it_is(data: Any) -> None:
    assert strictly_equal(rebuild(CHUNK, data, {}), data)


def test_what_is_given_stays_as_it_is() -> None:
    data = null_filled(role="assistant", tool_calls=[{"index": 0, "id": None}])
    before = copy.deepcopy(data)
    rebuild(CHUNK, data, STREAM)
    assert strictly_equal(data, before)


def test_a_person_may_leave_out_nulls_add_members_and_reorder() -> None:
    data: Any = {"choices": [{"index": 0, "delta": {"name": "x", "content": "Hi"}}], "id": "rec-1"}
    assert json.dumps(rebuild(CHUNK, data, STREAM)) == json.dumps(
        {"id": "rec-1", "choices": [{"index": 0, "delta": {"content": "Hi", "name": "x"}}]}
    )


# --- the layouts --------------------------------------------------------------------------------------------------

PATTERNS = list(LAYOUTS)
SHORT_NAMES = [name.removeprefix("types.") for name in CLASSES]


def layout_key(short_name: str) -> str:
    return (
        short_name if short_name in LAYOUTS else next(key for key in PATTERNS if fnmatchcase(short_name, key))
    )


@pytest.mark.parametrize("key", PATTERNS)
def test_every_layout_is_of_a_class(key: str) -> None:
    assert key in map(layout_key, SHORT_NAMES)


@pytest.mark.parametrize(("key", "layout"), [*LAYOUTS.items(), *STREAMED_LAYOUTS.items()])
def test_every_null_and_integer_of_a_layout_is_a_member_of_its_class(key: str, layout: Layout) -> None:
    names = [name for name in SHORT_NAMES if layout_key(name) == key]
    members = {member for name in names for member in CLASSES[f"types.{name}"]["fields"]}
    described = {
        *layout.nulls.split(),
        *layout.nulls_beside,
        *layout.nulls_beside.values(),
        *layout.nulls_if_usage_asked.split(),
        *layout.integers.split(),
    }
    assert described <= members


@pytest.mark.parametrize("layout", [*LAYOUTS.values(), *STREAMED_LAYOUTS.values()])
def test_no_layout_names_a_member_twice(layout: Layout) -> None:
    names = layout.order.split()
    assert len(names) == len(set(names))
    assert names.count(OTHERS_BY_NAME) <= 1


# --- all classes, all recordings ----------------------------------------------------------------------------------


@pytest.mark.parametrize("class_name", [f"openai.{name}" for name in CLASSES])
def test_whatever_is_rebuilt_has_the_same_envelope(class_name: str) -> None:
    @UNHURRIED
    @given(objects_with_unknown_members(class_name), st.sampled_from([{}, STREAM, STREAM_WITH_USAGE]))
    def check(wire: Any, request_body: Any) -> None:
        data = dump(class_name, wire)
        rebuilt = read(compact(rebuild(class_name, data, request_body))).value
        assert json.dumps(dump(class_name, rebuilt)) == json.dumps(data)

    check()


def test_every_chunk_recorded_elsewhere_has_the_same_envelope_when_rebuilt() -> None:
    for recording in shared_recordings():
        for class_name, data in envelopes(recording):
            rebuilt = read(compact(rebuild(class_name, data, recording["request"].get("body")))).value
            assert json.dumps(dump(class_name, rebuilt)) == json.dumps(data)


def test_every_chunk_of_the_api_recorded_elsewhere_is_rebuilt_as_the_api_sends_it() -> None:
    recordings = [
        one
        for one in shared_recordings()
        if one["request"].get("url", "").startswith("https://api.openai.com")
    ]
    chunks = [
        (rebuild(class_name, data, one["request"]["body"]), asks_usage(one["request"]["body"]))
        for one in recordings
        for class_name, data in envelopes(one)
        if class_name == CHUNK
    ]
    assert chunks
    for rebuilt, usage_asked in chunks:
        assert_is_a_chunk_of_the_api(rebuilt, usage_asked)


def assert_is_a_chunk_of_the_api(rebuilt: Any, usage_asked: bool) -> None:
    usage = ["usage"] if usage_asked else []
    head = ["id", "object", "created", "model", "service_tier", "system_fingerprint", "choices"]
    assert list(rebuilt) == [*head, *usage, "obfuscation"]
    for choice in rebuilt["choices"]:
        assert list(choice) == ["index", "delta", "logprobs", "finish_reason"]
        delta = choice["delta"]
        nulls = {name for name, item in delta.items() if item is None}
        assert nulls <= ({"content", "refusal"} if "role" in delta else set())
        assert ("refusal" in delta) is ("role" in delta)
        for call in delta.get("tool_calls", []):
            assert None not in [*call.values(), *call["function"].values()]
