"""A `response.create` as the POST that it stands for."""

from __future__ import annotations

import pytest

from openai_replay.request.response_create import (
    body_of,
    fault_in,
    is_responses_endpoint,
    lane_of,
    message_of,
)


def test_the_body_is_that_of_the_streamed_post() -> None:
    message = message_of(
        '{"type":"response.create","stream_id":"a","model":"m","stream":null,"background":null}'
    )

    assert lane_of(message) == "a"
    assert body_of(message) == {"model": "m", "stream": True}


def test_members_that_change_the_answer_are_kept() -> None:
    assert body_of({"type": "response.create", "generate": False, "background": True}) == {
        "generate": False,
        "background": True,
        "stream": True,
    }


@pytest.mark.parametrize("text", ["", "[]", "7", "no JSON", "\ud800"])
def test_text_that_is_no_object_is_an_empty_message(text: str) -> None:
    assert message_of(text) == {}


@pytest.mark.parametrize(
    ("received", "fault"),
    [
        ('{"type":"response.create"}', ""),
        ('{"type":null}', "without a type"),
        ("{}", "without a type"),
        ("[]", "no JSON object"),
        ('"response.create"', "no JSON object"),
        ('{"type":', "no JSON"),
        ("", "no JSON"),
        (b'{"type":"response.create"}', "binary"),
    ],
)
def test_a_message_without_an_answer_is_told_why(received: str | bytes, fault: str) -> None:
    assert fault_in(received) == fault


@pytest.mark.parametrize(
    ("url", "is_one"),
    [
        ("https://api.openai.com/v1/responses", True),
        ("https://api.openai.com/v1/responses?api-version=1", True),
        ("https://api.openai.com/v1/v1/responses/", True),
        ("https://api.openai.com/v1/realtime?model=gpt-realtime", False),
    ],
)
def test_the_path_tells_which_protocol_a_socket_speaks(url: str, is_one: bool) -> None:
    assert is_responses_endpoint(url) is is_one
