"""`wire_transcript`: bodies as they stand on the wire, read as a conversation."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.transcript.turns import Turn
from openai_replay.transcript.wire_transcript import received_transcript, sent_turns


def event(content: str) -> bytes:
    return (
        b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": content}}]}).encode() + b"\n\n"
    )


def test_a_stream_is_one_text() -> None:
    read = received_transcript(event("Hel") + event("lo") + b"data: [DONE]\n\n", "text/event-stream")
    assert read.received == (Turn("assistant", "Hello"),)


def test_a_stream_that_broke_off_is_read_as_far_as_it_came() -> None:
    read = received_transcript(event("Hel") + event("lo")[:-9], "text/event-stream")
    assert read.received == (Turn("assistant", "Hel"),)


def test_an_answer_and_a_request_of_json_are_read() -> None:
    answer = b'{"choices": [{"message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}]}'
    assert received_transcript(answer, "application/json").received == (Turn("assistant", "Hi"),)
    assert sent_turns(b'{"messages": [{"role": "user", "content": "Hi"}]}') == (Turn("user", "Hi"),)


@pytest.mark.parametrize("body", [b"", b"[]", b"x", b"\xff"])
def test_another_body_is_an_error(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"expected|unexpected|JSON|str is not valid|zero-length"):
        sent_turns(body)


@given(st.binary())
def test_a_stream_of_any_bytes_is_read_or_a_value_error(body: bytes) -> None:
    try:
        read = received_transcript(body, "text/event-stream")
    except ValueError:
        return
    assert isinstance(read.received, tuple)
