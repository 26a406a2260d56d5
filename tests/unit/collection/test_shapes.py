"""`shapes`: members, types, events and errors of answers, and the changes between them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.collection.shapes import Change, Shape, changes, shape_of


def of(value: Any, status: int = 200) -> Shape:
    return shape_of(status, "application/json", json.dumps(value).encode())


def of_events(*events: dict[str, Any]) -> Shape:
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
    return shape_of(200, "text/event-stream; charset=utf-8", body.encode())


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": 1}, {"a": 2.5}, []),
        ({"a": "x"}, {"a": "y"}, []),
        ({"a": None}, {"a": {"b": 1}}, ["new: a.b"]),
        ({"a": 1}, {"a": "1"}, ["type: a (text, was number)"]),
        ({"a": 1, "b": 2}, {"b": 2, "c": 3}, ["gone: a", "new: c"]),
        ({"a": []}, {"a": [{"b": 1}]}, []),
        ({"a": [{"b": 1}]}, {"a": []}, []),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1, "c": 2}]}, ["new: a[].c"]),
        ({"metadata": {"a": "1"}}, {"metadata": {"b": "2"}}, []),
        ({"metadata": {"a": "1"}}, {"metadata": {"a": {"b": 1}}}, ["new: metadata.a"]),
        ({"top_logprobs": [{" a": -1.5}]}, {"top_logprobs": [{" b": -1.5}]}, []),
        (
            {"top_logprobs": [{"token": "a", "bytes": [1]}]},
            {"top_logprobs": [{"token": "b", "bytes": [2], "c": 1}]},
            ["new: top_logprobs[].c"],
        ),
        ({"m": {"content": "x", "tool_calls": []}}, {"m": {"content": None}}, []),
        (
            {"output": [{"type": "message", "a": 1}]},
            {"output": [{"type": "reasoning", "b": 1}, {"type": "message", "c": 1}]},
            ["gone: output[message].a", "new: output[message].c"],
        ),
    ],
)
def test_places_and_types_count_and_words_do_not(before: Any, after: Any, expected: list[str]) -> None:
    assert [str(change) for change in changes([of(before)], [of(after)])] == expected


def test_events_of_a_stream_come_and_go() -> None:
    before = of_events({"type": "response.created", "a": 1}, {"type": "response.done"})
    after = of_events({"type": "response.created", "b": 1}, {"type": "response.new", "c": 1})
    places = {change.place for change in changes([before], [after])}
    assert {"[response.created].a", "[response.done]", "[response.created].b", "[response.new]"} == places


def kinds_that_changed(before: list[str], after: list[str]) -> set[str]:
    one, other = (of_events(*({"type": kind} for kind in kinds)) for kinds in (before, after))
    return {change.place for change in changes([one], [other])}


TEXT = ["response.created", "response.output_text.delta", "response.output_text.done"]


def test_events_that_a_model_chooses_do_not_count() -> None:
    tool = ["response.created", "response.function_call_arguments.delta", "response.mcp_call.in_progress"]
    assert kinds_that_changed(TEXT, tool) == set()
    assert kinds_that_changed(TEXT, ["response.created", "response.refusal.done"]) == set()
    assert kinds_that_changed(TEXT, [*TEXT, "response.output_text.annotation.added", "keepalive"]) == set()


def test_a_new_event_of_a_known_subject_counts() -> None:
    assert kinds_that_changed(TEXT, [*TEXT, "response.output_text.new"]) == {"[response.output_text.new]"}
    assert kinds_that_changed(TEXT, TEXT[:2]) == {"[response.output_text.done]"}


def test_an_error_is_its_status_type_and_code() -> None:
    error = {"error": {"message": "No.", "type": "invalid_request_error", "code": "gone"}}
    assert changes([of({"a": 1})], [of(error, 404)]) == [
        Change("status", "404 invalid_request_error gone", "was 200")
    ]
    other_words = {"error": {**error["error"], "message": "Other words."}}
    assert changes([of(error, 404)], [of(other_words, 404)]) == []


def test_a_member_that_some_recorded_answers_have_is_neither_new_nor_gone() -> None:
    assert changes([of({"a": 1}), of({"b": 1})], [of({"a": 1}), of({"a": 1})]) == []


def test_other_bodies_are_their_type() -> None:
    one, other = shape_of(200, "audio/mpeg", b"\xff"), shape_of(200, "audio/wav; x=1", b"\xff")
    assert [str(change) for change in changes([one], [other])] == ["type: $ (audio/wav, was audio/mpeg)"]


_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc.[]"), inner, max_size=3),
)


@given(st.lists(_values, max_size=3))
def test_equal_answers_have_not_changed(values: list[Any]) -> None:
    shapes = [of(value) for value in values]
    assert changes(shapes, shapes) == []


@given(_values, _values)
def test_a_place_that_is_new_one_way_is_gone_the_other_way(one: Any, other: Any) -> None:
    there, back = changes([of(one)], [of(other)]), changes([of(other)], [of(one)])
    assert {change.place for change in there if change.kind == "new"} == {
        change.place for change in back if change.kind == "gone"
    }
