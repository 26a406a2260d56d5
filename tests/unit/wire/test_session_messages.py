"""The messages of a session in a recording, and the ranges that stand for their sound."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.format.recording import JSON
from openai_replay.wire.session_messages import (
    Message,
    binary,
    binary_content,
    formats_in,
    range_in,
    read_message,
    sound_in,
    with_range,
    with_sound,
)
from openai_replay.wire.sound import SoundFormat


def append(content: bytes) -> dict[str, JSON]:
    return {"type": "input_audio_buffer.append", "audio": base64.b64encode(content).decode(), "event_id": "e"}


@given(st.binary(min_size=1), st.integers(0, 10**9))
def test_sound_comes_back_from_its_range(content: bytes, first: int) -> None:
    message = append(content)
    ranged = with_range("client", message, first, len(content))

    assert sound_in("client", message) == content
    assert range_in("client", ranged) == (first, first + len(content))
    assert with_sound("client", ranged, content) == message


@pytest.mark.parametrize("audio", ["no base64!", "YQ", "YQ==\n", 7, None, {"__audio__": "0-1"}])
def test_only_text_that_its_bytes_give_back_is_sound(audio: JSON) -> None:
    assert sound_in("client", {"type": "input_audio_buffer.append", "audio": audio}) is None


def test_each_side_has_its_own_sound() -> None:
    delta: JSON = {"type": "response.output_audio.delta", "delta": "YWJj"}

    assert sound_in("server", delta) == b"abc"
    assert sound_in("client", delta) is None
    assert sound_in("server", {"type": "response.output_text.delta", "delta": "YWJj"}) is None


@given(st.binary())
def test_binary_messages_come_back(content: bytes) -> None:
    assert binary_content(binary(content)) == content


def test_a_message_is_read_as_it_was_written() -> None:
    message = Message("client", {"type": "response.create"})

    assert read_message(message.to_json()) == message
    assert read_message(None) is None
    assert read_message({"from": "nobody", "data": 1}) is None
    assert read_message({"from": "client"}) is None


def test_the_formats_of_a_session_are_those_of_its_sides() -> None:
    ga: JSON = {
        "session": {"audio": {"input": {"format": {"type": "audio/pcmu"}}, "output": {"format": "pcm16"}}}
    }
    beta: JSON = {"session": {"input_audio_format": "g711_alaw"}}

    assert formats_in(ga) == {"client": SoundFormat("audio/pcmu", 8000), "server": SoundFormat()}
    assert formats_in(beta) == {"client": SoundFormat("audio/pcma", 8000)}
    assert formats_in({"session": None}) == formats_in("text") == {}
