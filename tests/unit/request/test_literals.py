"""`literals`: each recording of a request holds them, however it is spelt, and other recordings mostly do not."""

from __future__ import annotations

import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from openai_replay.format.recording import JSON
from openai_replay.request.identity import ApiRequest, describe
from openai_replay.request.ignoring import ignore_rule
from openai_replay.request.literals import literals
from openai_replay.request.redaction import redactor
from openai_replay.request.rules import Rules
from support.requests import CHAT_URL
from unit.exchanges import JSON_VALUES, NO_RULES, OBJECTS, chat, get


def request(body: JSON, url: str = CHAT_URL) -> ApiRequest:
    return describe("POST", url, body, None, NO_RULES)


def test_the_longest_texts_come_first() -> None:
    assert literals(chat("Tell me")) == (b"Tell me", b"gpt-4o", b"user")


def test_of_a_text_with_characters_that_json_may_escape_its_longest_plain_part_is_taken() -> None:
    assert literals(request({"a": 'a\n"café"/Tell me\tb', "b": "\n", "c": "é"})) == (b"Tell me",)


def test_very_long_texts_and_very_many_are_taken_in_part() -> None:
    found = literals(request({"messages": [f"{'x' * 1000} {number}" for number in range(100)]}))
    assert [len(text) for text in found] == [500] * 16


@given(OBJECTS | JSON_VALUES, st.booleans(), st.sampled_from([None, 2]), st.booleans())
def test_each_spelling_of_the_request_holds_them(
    body: JSON, is_ascii: bool, indent: int | None, slashes: bool
) -> None:
    text = json.dumps(body, ensure_ascii=is_ascii, indent=indent)
    if slashes:
        text = text.replace("/", "\\/")
    assume("\\u" not in text)
    raw = text.encode("utf-8", "surrogatepass")
    assert all(literal in raw for literal in literals(request(body)))


@pytest.mark.parametrize(
    "one",
    [
        get("/v1/files"),
        chat(rules=Rules((ignore_rule("user"),), redactor(()))),
        request({"__multipart__": [{"name": "temperature", "value": "1.0"}]}),
        request({"extra_query": {"limit": "a b"}}, "https://api.openai.com/v1/models"),
        request({"__websocket__": {"subprotocols": ["realtime"]}}),
    ],
)
def test_there_are_none_where_equal_requests_have_other_texts(one: ApiRequest) -> None:
    assert literals(one) == ()
