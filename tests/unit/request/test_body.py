"""`body`: any bytes are a body that can be compared and stored."""

from __future__ import annotations

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.format.recording import JSON
from openai_replay.request.body import parse_body
from openai_replay.request.identity import identify
from support.requests import CHAT_URL
from unit.exchanges import NO_RULES, TEXTS


@pytest.mark.parametrize(
    "content_type", ["application/json", "text/plain", "", "application/x-www-form-urlencoded"]
)
def test_what_is_json_is_json_whatever_it_is_called(content_type: str) -> None:
    assert parse_body(b' {"a": 1}', content_type) == {"a": 1}


@pytest.mark.parametrize("content", [b"", b" ", b"\r\n"])
def test_no_body_is_an_empty_object(content: bytes) -> None:
    assert parse_body(content, "application/json") == {}


# By `sha256sum`.
SHA256_OF_FF_FE_FD = "8ca9f8c269c0a4b1d8bf0efc67d97df8ad5e0ea93630fd9099860d36c0fe75ea"


def test_other_text_and_other_bytes_are_themselves() -> None:
    assert parse_body("a=ü".encode(), "") == {"__text__": "a=ü"}
    assert parse_body(b"\xff\xfe\xfd", "") == {"__bytes__": {"size": 3, "sha256": SHA256_OF_FF_FE_FD}}


@pytest.mark.parametrize(
    "text",
    ['{"a": NaN}', '{"a": 1e999}', '{"a": -Infinity}', '{"a": ' + "9" * 5000 + "}", "[" * 5000 + "]" * 5000],
    ids=["NaN", "1e999", "-Infinity", "5000 digits", "5000 lists"],
)
def test_json_that_no_recording_holds_is_text(text: str) -> None:
    assert parse_body(text.encode(), "") == {"__text__": text}


def test_a_body_is_nested_as_deeply_as_can_be_matched() -> None:
    deepest = json.loads("[" * 200 + "1" + "]" * 200)
    assert parse_body(json.dumps(deepest).encode(), "") == deepest
    assert identify("POST", CHAT_URL, {"a": deepest}, NO_RULES).key
    assert parse_body(json.dumps([deepest]).encode(), "") == {"__text__": json.dumps([deepest])}


def test_many_lists_beside_each_other_are_not_deep() -> None:
    wide: JSON = [[[number]] for number in range(500)]
    assert parse_body(json.dumps(wide).encode(), "") == wide


# By `sha256sum`.
SHA256_OF_BROKEN_FORM = "2bf2e2e45b55602fc9de69a2e1f0c5ddca3a26b5e4fe4e15ec86a0a65c9b80a3"


def test_a_form_that_is_not_complete_is_its_size_and_hash() -> None:
    assert parse_body(b"--b\r\nx", "multipart/form-data; boundary=b") == {
        "__bytes__": {"size": 6, "sha256": SHA256_OF_BROKEN_FORM}
    }


@pytest.mark.parametrize("text", ['{"a": 1, "a": 2}', '[{"b": {"a": 1, "a": 1}}]'])
def test_json_whose_members_stand_twice_is_text(text: str) -> None:
    assert parse_body(text.encode(), "application/json") == {"__text__": text}


@pytest.mark.parametrize("text", ['{"__text__": "x"}', '{"__multipart__": []}', '{"a": {"__bytes__": {}}}'])
def test_json_that_looks_like_the_description_of_a_body_is_text(text: str) -> None:
    assert parse_body(text.encode(), "application/json") == {"__text__": text}


@given(st.binary(max_size=40), TEXTS)
def test_any_body_is_something(content: bytes, content_type: str) -> None:
    body = parse_body(content, content_type)
    assert identify("POST", CHAT_URL, body, NO_RULES) == identify(
        "POST", CHAT_URL, copy.deepcopy(body), NO_RULES
    )
