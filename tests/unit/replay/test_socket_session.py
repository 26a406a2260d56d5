"""A session replayed message by message: the same messages hit, with any cuts of their sound; all else misses."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from openai_replay.replay.recorded_session import RecordedSession
from openai_replay.replay.socket_session import End, Mismatch, Send, SessionReplay, Step
from openai_replay.request.ignoring import ignore_rule
from openai_replay.request.redaction import redactor
from openai_replay.request.rules import Rules
from openai_replay.store.store import Stored
from openai_replay.trouble.pacing import INSTANT, plan
from openai_replay.wire.socket_notes import Close
from unit.sessions import RULES, Messages, append, recording

UPGRADE_S = 1_800_000_000.0


def session_replay(stored: Stored, rules: Rules = RULES) -> SessionReplay:
    session = RecordedSession(stored)
    return SessionReplay(session, rules, plan(INSTANT, (), len(session.messages), ""), UPGRADE_S)


def played(stored: Stored, messages: list[Any], rules: Rules = RULES) -> list[Any]:
    """Return the server's answers to a client's messages, None for an end.

    Raises:
        Mismatch: a message differs, or the client left before its last one.
    """
    replay = session_replay(stored, rules)
    steps = list(replay.start())
    for message in messages:
        is_json = not isinstance(message, str | bytes)
        content = json.dumps(message) if is_json else message
        steps += replay.take(content, message if is_json else None, 0.0)
    early = replay.left_early()
    if early is not None:
        raise early
    return [_said(step) for step in steps]


def _said(step: Step) -> Any:
    if not isinstance(step, Send):
        return step
    return (
        json.loads(step.message) if isinstance(step.message, str) and step.message[0] == "{" else step.message
    )


def of(side: str, messages: Messages) -> list[Any]:
    return [message for one, message in messages if one == side]


SOUND = bytes(range(1, 241))
SESSION: Messages = [
    (
        "server",
        {"type": "session.created", "event_id": "event_1", "session": {"type": "realtime", "id": "sess_1"}},
    ),
    ("client", {"type": "session.update", "event_id": "mine_1", "session": {"instructions": "Be brief."}}),
    (
        "server",
        {"type": "session.updated", "event_id": "event_2", "session": {"type": "realtime", "id": "sess_1"}},
    ),
    (
        "client",
        {"type": "conversation.item.create", "item": {"id": "msg_1", "type": "message", "role": "user"}},
    ),
    (
        "server",
        {
            "type": "conversation.item.added",
            "event_id": "event_3",
            "item": {"id": "msg_1", "type": "message", "role": "user"},
        },
    ),
    ("client", append(SOUND[:100])),
    (
        "server",
        {
            "type": "input_audio_buffer.speech_started",
            "event_id": "event_4",
            "audio_start_ms": 0,
            "item_id": "item_9",
        },
    ),
    ("client", append(SOUND[100:])),
    ("client", {"type": "input_audio_buffer.commit"}),
    (
        "server",
        {
            "type": "input_audio_buffer.committed",
            "event_id": "event_5",
            "item_id": "item_9",
            "previous_item_id": "msg_1",
        },
    ),
    ("client", {"type": "response.create", "response": {"output_modalities": ["audio"]}}),
    (
        "server",
        {
            "type": "response.output_audio.delta",
            "event_id": "event_6",
            "delta": "AAAA",
            "item_id": "item_10",
            "response_id": "resp_1",
            "output_index": 0,
            "content_index": 0,
        },
    ),
    (
        "client",
        {"type": "conversation.item.truncate", "item_id": "item_10", "content_index": 0, "audio_end_ms": 480},
    ),
    (
        "server",
        {
            "type": "conversation.item.truncated",
            "event_id": "event_7",
            "item_id": "item_10",
            "content_index": 0,
            "audio_end_ms": 480,
        },
    ),
    ("client", {"type": "conversation.item.delete", "item_id": "item_9"}),
]
CLIENT = of("client", SESSION)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    return recording(tmp_path_factory.mktemp("session"), SESSION)


def test_the_same_messages_get_the_same_answers(stored: Stored) -> None:
    assert played(stored, CLIENT) == of("server", SESSION)


def test_the_server_speaks_up_to_the_clients_next_message(stored: Stored) -> None:
    replay = session_replay(stored)

    assert len(list(replay.start())) == 1
    assert len(list(replay.take(json.dumps(CLIENT[0]), CLIENT[0], 0.0))) == 1


@given(cuts=st.lists(st.integers(0, len(SOUND)), max_size=6))
def test_sound_in_other_cuts_is_the_same(stored: Stored, cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(SOUND)]
    pieces = [append(SOUND[a:b]) for a, b in itertools.pairwise(places)]

    assert played(stored, [*CLIENT[:2], *pieces, *CLIENT[4:]]) == of("server", SESSION)


def test_a_message_of_the_server_between_sound_comes_when_as_much_was_sent(stored: Stored) -> None:
    replay = session_replay(stored)
    list(replay.start())
    for message in CLIENT[:2]:
        list(replay.take(json.dumps(message), message, 0.0))
    kinds = []
    for start in range(0, len(SOUND), 60):
        message = append(SOUND[start : start + 60])
        kinds.append([_said(step)["type"] for step in replay.take(json.dumps(message), message, 0.0)])

    assert kinds == [[], ["input_audio_buffer.speech_started"], [], []]


def test_event_ids_and_the_position_of_a_truncation_do_not_count(stored: Stored) -> None:
    live = [{**message, "event_id": f"live_{n}"} for n, message in enumerate(CLIENT)]
    live[6] = {**live[6], "audio_end_ms": 1234}
    said = played(stored, live)

    assert said[-1] == {**of("server", SESSION)[-1], "audio_end_ms": 1234}
    assert said[:-1] == of("server", SESSION)[:-1]


def test_ids_of_the_client_are_mapped_both_ways(stored: Stored) -> None:
    live = [*CLIENT]
    live[1] = {**live[1], "item": {**live[1]["item"], "id": "msg_live"}}
    said = played(stored, live)

    assert said[2]["item"]["id"] == "msg_live"
    assert said[4]["previous_item_id"] == "msg_live"


def test_an_error_names_the_live_clients_event(tmp_path: Path) -> None:
    messages: Messages = [
        ("client", {"type": "response.cancel", "event_id": "old"}),
        (
            "server",
            {
                "type": "error",
                "event_id": "event_1",
                "error": {"message": "none", "type": "x", "event_id": "old"},
            },
        ),
    ]
    (said,) = played(recording(tmp_path, messages), [{"type": "response.cancel", "event_id": "new"}])

    assert said["error"]["event_id"] == "new"


def _is_sound(message: Any) -> bool:
    return bool(message["type"] == "input_audio_buffer.append")


@pytest.mark.parametrize("gone", range(len(CLIENT)))
def test_a_session_with_one_message_dropped_misses(stored: Stored, gone: int) -> None:
    with pytest.raises(Mismatch):
        played(stored, CLIENT[:gone] + CLIENT[gone + 1 :])


@given(data=st.data())
def test_a_session_in_another_order_misses(stored: Stored, data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(CLIENT))))
    assume(order != list(range(len(CLIENT))))

    with pytest.raises(Mismatch):
        played(stored, [CLIENT[number] for number in order])


@pytest.mark.parametrize("number", range(len(CLIENT)))
def test_a_session_with_one_message_twice_misses(stored: Stored, number: int) -> None:
    with pytest.raises(Mismatch):
        played(stored, [*CLIENT[: number + 1], *CLIENT[number:]])


@given(data=st.data())
def test_a_session_with_one_member_cut_misses(stored: Stored, data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(CLIENT) - 1))
    names = [name for name in CLIENT[number] if name not in ("event_id", "audio_end_ms")]
    name = data.draw(st.sampled_from(sorted(names)))
    cut = {key: value for key, value in CLIENT[number].items() if key != name}

    with pytest.raises(Mismatch):
        played(stored, [*CLIENT[:number], cut, *CLIENT[number + 1 :]])


@given(at=st.integers(0, len(SOUND) - 1))
def test_one_other_sample_misses(stored: Stored, at: int) -> None:
    sound = SOUND[:at] + bytes([SOUND[at] ^ 0xFF]) + SOUND[at + 1 :]

    with pytest.raises(Mismatch) as raised:
        played(stored, [*CLIENT[:2], append(sound), *CLIENT[4:]])
    assert raised.value.differences[0].path == "audio"


def test_an_id_of_the_server_is_not_the_clients_to_change(stored: Stored) -> None:
    with pytest.raises(Mismatch) as raised:
        played(stored, [*CLIENT[:7], {**CLIENT[7], "item_id": "item_other"}])

    assert [str(one) for one in raised.value.differences] == [
        'item_id: recorded "item_9", asked "item_other"'
    ]


def test_the_first_message_that_differs_is_named(stored: Stored) -> None:
    changed = {**CLIENT[0], "session": {"instructions": "Be long."}}
    with pytest.raises(Mismatch) as raised:
        played(stored, [changed])

    assert raised.value.number == 1
    assert raised.value.differences[0].path == "session.instructions"


def test_what_is_ignored_does_not_count(stored: Stored) -> None:
    rules = Rules((ignore_rule("session.instructions"),), redactor(()))
    changed = {**CLIENT[0], "session": {"instructions": "Be long."}}

    assert played(stored, [changed, *CLIENT[1:]], rules) == of("server", SESSION)


@pytest.mark.parametrize("close", [None, Close(1011, "overloaded")])
def test_a_session_that_the_server_ends_ends_as_it_did(tmp_path: Path, close: Close | None) -> None:
    messages: Messages = [("client", {"type": "session.close"}), ("server", {"type": "session.closed"})]
    ended = recording(tmp_path, messages, close=close, by="server")

    assert played(ended, [{"type": "session.close"}]) == [{"type": "session.closed"}, End(close)]


def test_text_and_bytes_are_compared_as_they_are(tmp_path: Path) -> None:
    messages: Messages = [("client", "hello"), ("server", b"\x00"), ("client", b"\x01"), ("server", "bye")]
    ended = recording(tmp_path, messages)

    assert played(ended, ["hello", b"\x01"]) == [b"\x00", "bye"]
    with pytest.raises(Mismatch):
        played(ended, ["hello", b"\x02"])


def test_a_binary_message_in_the_place_of_text_is_named_by_its_size(stored: Stored) -> None:
    with pytest.raises(Mismatch) as raised:
        played(stored, [json.dumps(CLIENT[0]).encode()])

    (difference,) = raised.value.differences
    assert difference.sent == f'"a binary message, {len(json.dumps(CLIENT[0]))} bytes"'


def test_a_message_after_the_last_one_misses(stored: Stored) -> None:
    with pytest.raises(Mismatch) as raised:
        played(stored, [*CLIENT, {"type": "response.create"}])

    assert raised.value.differences[0].recorded == "null"


# Shapes of sessions in logs that other projects publish.
BETA: Messages = [
    (
        "server",
        {"type": "session.created", "event_id": "event_1", "session": {"modalities": ["text", "audio"]}},
    ),
    ("client", {"type": "session.update", "session": {"modalities": ["text"], "temperature": 0.8}}),
    ("server", {"type": "session.updated", "event_id": "event_2", "session": {"modalities": ["text"]}}),
    ("client", {"type": "response.create", "response": {"metadata": {"request_id": "a"}}}),
    (
        "server",
        {"type": "response.created", "event_id": "event_3", "response": {"id": "resp_1", "usage": None}},
    ),
    (
        "server",
        {"type": "conversation.item.created", "event_id": "event_4", "item": {"id": "item_1", "content": []}},
    ),
    ("server", {"type": "response.text.delta", "event_id": "event_5", "item_id": "item_1", "delta": "{\n"}),
    ("server", {"type": "response.done", "event_id": "event_6", "response": {"id": "resp_1", "output": []}}),
]
LATE_TRANSCRIPT: Messages = [
    ("client", append(SOUND[:80])),
    ("server", {"type": "input_audio_buffer.speech_started", "audio_start_ms": 0, "item_id": "item_1"}),
    ("client", append(SOUND[80:160])),
    ("server", {"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 400, "item_id": "item_1"}),
    ("client", append(SOUND[160:200])),
    ("server", {"type": "input_audio_buffer.speech_started", "audio_start_ms": 450, "item_id": "item_2"}),
    (
        "server",
        {
            "type": "conversation.item.input_audio_transcription.completed",
            "item_id": "item_1",
            "transcript": "a",
        },
    ),
    ("client", {"type": "response.cancel"}),
    ("server", {"type": "error", "error": {"code": "response_cancel_not_active", "message": "none"}}),
    ("client", append(SOUND[200:])),
    ("server", {"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 900, "item_id": "item_2"}),
]
UNKNOWN_SERVER: Messages = [
    ("server", {"type": "session.created", "session": "…"}),
    ("client", {"type": "x.y", "at_ms": 1, "list": [1, None, {"a": 1.5}]}),
    ("server", {"type": "x.y.done", "at_ms": 2}),
]


@pytest.mark.parametrize("messages", [BETA, LATE_TRANSCRIPT, UNKNOWN_SERVER])
def test_sessions_of_other_shapes_come_back_message_for_message(tmp_path: Path, messages: Messages) -> None:
    recorded = recording(tmp_path, messages)

    assert played(recorded, of("client", messages)) == of("server", messages)
    for gone, (side, _) in enumerate(messages):
        rest = messages[:gone] + messages[gone + 1 :]
        if side == "client":
            with pytest.raises(Mismatch):
                played(recorded, of("client", rest))
