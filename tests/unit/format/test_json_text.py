"""`json_text`: parts of a JSON text that no value holds are noticed, and kept."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.format.json_text import compact, read, showable, strictly_equal, with_members

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=3), part, max_size=3),
    max_leaves=8,
)


# --- read ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"b":1,"a":[true,null,"é"]}', {"b": 1, "a": [True, None, "é"]}),
        ('{ "b" : 1.0,\n "a": "\\u00e9" }\n', {"b": 1.0, "a": "é"}),
        ("18446744073709551616", 2**64),
        ("-123456789012345678901234567890", -123456789012345678901234567890),
        ('"\\ud83d\\ude00"', "😀"),
        ('"\\ud800"', "\ud800"),
        ('{"\\udfff":1}', {"\udfff": 1}),
        ("0.1000000000000000055511151231257827", 0.1),
        ("1E2", 100.0),
        ('\ufeff{"a":1}', {"a": 1}),
        ('{"a":{"x":1},"b":{"x":1}}', {"a": {"x": 1}, "b": {"x": 1}}),
    ],
)
def test_a_text_that_a_value_holds_is_read_exactly(text: str, value: Any) -> None:
    reading = read(text)
    assert strictly_equal(reading.value, value)
    assert reading.is_exact


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a":1,"a":2}', {"a": 2}),
        ('{"a":1,"a":1}', {"a": 1}),
        ('{"x":[{"a":1,"b":2,"a":3}]}', {"x": [{"a": 3, "b": 2}]}),
        ('{"a":NaN}', {"a": None}),
        ("[Infinity,-Infinity]", [None, None]),
        ("1e400", None),
        ("-1e400", None),
        ("-0", 0),
        pytest.param("1" * 5000, None, id="5000 digits"),
    ],
)
def test_a_text_that_no_value_holds_is_read_as_the_nearest_and_called_inexact(text: str, value: Any) -> None:
    reading = read(text)
    assert strictly_equal(reading.value, value)
    assert not reading.is_exact


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[DONE]",
        "{",
        '{"a":1}{',
        "'a'",
        '{"a":1,}',
        "nul",
        '"\t"',
        pytest.param("[" * 100_000, id="too deep"),
    ],
)
def test_what_is_no_json_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read(text)


def test_bytes_and_text_are_read_alike() -> None:
    assert read('{"a":"é"}'.encode()) == read('{"a":"é"}')


@given(JSON_VALUES, st.booleans(), st.sampled_from([None, 2]))
def test_however_a_value_is_written_it_is_read_exactly(
    value: Any, ascii_only: bool, indent: int | None
) -> None:
    reading = read(json.dumps(value, ensure_ascii=ascii_only, indent=indent))
    assert strictly_equal(reading.value, value)
    assert reading.is_exact


@given(st.text() | st.binary())
def test_reading_raises_nothing_but_value_error(text: str | bytes) -> None:
    try:
        read(text)
    except ValueError:
        return
    assert compact(read(text).value)


# --- compact ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, 1.0, "é"]}, '{"a":[1,1.0,"é"]}'),
        ([2**70, "é"], '[1180591620717411303424,"\\u00e9"]'),
        ("\ud800", '"\\ud800"'),
    ],
)
def test_a_value_is_written_without_white_space(value: Any, text: str) -> None:
    assert compact(value) == text


def test_what_is_nested_too_deeply_to_be_written_is_an_error() -> None:
    value: Any = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(ValueError, match="nested too deeply"):
        compact(value)


@given(JSON_VALUES)
def test_what_is_written_is_read_again(value: Any) -> None:
    assert strictly_equal(read(compact(value)).value, value)


# --- with_members -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ('{"id":"chatcmpl-1","created":17,"x":NaN}', '{"id":"rec-1","created":0,"x":NaN}'),
        (' { "x" : {"id":"kept"} , "id" : "chatcmpl-1" } ', ' { "x" : {"id":"kept"} , "id" : "rec-1" } '),
        ('{"id":"a","n":1e400,"id":"b"}', '{"id":"rec-1","n":1e400,"id":"rec-1"}'),
        ('{"i\\u0064":null}', '{"i\\u0064":"rec-1"}'),
        ("{}", "{}"),
        ('["id"]', '["id"]'),
        ("7", "7"),
    ],
)
def test_members_change_and_all_else_stays_as_it_is_written(text: str, changed: str) -> None:
    assert with_members(text, {"id": "rec-1", "created": 0}) == changed


# --- strictly_equal -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({"a": None}, {}),
        (1, 1.0),
        (1, True),
        (0, False),
        (0.0, -0.0),
        ([1], [1, 1]),
        ([], {}),
        ("a", "b"),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1.0}]}),
        (None, False),
    ],
)
def test_values_that_are_not_the_same_json_are_told_apart(one: Any, other: Any) -> None:
    assert not strictly_equal(one, other)
    assert not strictly_equal(other, one)


@given(JSON_VALUES)
def test_a_value_equals_its_copy_however_deep(value: Any) -> None:
    assert strictly_equal(value, json.loads(json.dumps(value)))
    deep: Any = value
    copy: Any = json.loads(json.dumps(value))
    for _ in range(5000):
        deep, copy = [deep], [copy]
    assert strictly_equal(deep, copy)


def test_text_that_is_shown_has_its_lone_surrogates_escaped_and_nothing_else() -> None:
    assert showable("é \ud800 😀 \\") == "é \\ud800 😀 \\"


@given(st.text(st.characters()))
def test_text_that_is_shown_can_be_encoded(text: str) -> None:
    showable(text).encode()
