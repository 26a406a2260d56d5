"""`session_choice`: another recorded session goes on only where the client could not tell it from the first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.replay.recorded_session import RecordedSession
from openai_replay.replay.session_choice import Diverged, Heard, SessionHistory
from openai_replay.replay.socket_session import Mismatch, Send, SessionReplay
from openai_replay.trouble.pacing import INSTANT, plan
from unit.sessions import RULES, Messages, append, recording

MESSAGES: Messages = [
    ("server", {"type": "session.created", "event_id": "e1", "session": {"id": "sess_1", "model": "m"}}),
    ("client", append(bytes(range(1, 101)))),
    ("server", {"type": "input_audio_buffer.speech_started", "event_id": "e2", "item_id": "item_1"}),
    ("client", {"type": "response.create"}),
    ("server", {"type": "response.done", "event_id": "e3", "response": {"id": "resp_1", "output": []}}),
]


def replay_of(folder: Path, messages: Messages = MESSAGES) -> SessionReplay:
    session = RecordedSession(recording(folder, messages))
    return SessionReplay(session, RULES, plan(INSTANT, (), len(session.messages), ""), 0.0)


def history_of(messages: Messages) -> SessionHistory:
    history = SessionHistory()
    for side, data in messages:
        text = json.dumps(data)
        history.add(Heard(text, data, 0.0) if side == "client" else text)
    return history


def with_other_ids(data: Any) -> Any:
    if isinstance(data, dict):
        return {name: f"live_{v}" if name.endswith("id") else with_other_ids(v) for name, v in data.items()}
    return data


LIVE: Messages = [(side, with_other_ids(data) if side == "server" else data) for side, data in MESSAGES]


@given(length=st.integers(0, len(LIVE)))
def test_a_session_with_other_ids_goes_on_from_any_place(
    tmp_path_factory: pytest.TempPathFactory, length: int
) -> None:
    replay = replay_of(tmp_path_factory.mktemp("session"))
    steps = history_of(LIVE[:length]).follow(replay)

    said = [json.loads(step.message) for step in steps if isinstance(step, Send)]
    awaited = next((n for n in range(length, len(LIVE)) if LIVE[n][0] == "client"), len(LIVE))
    assert said == [data for _, data in MESSAGES[length:awaited]]


@pytest.mark.parametrize("number", [0, 2])
def test_a_session_whose_server_said_something_else_does_not_go_on(tmp_path: Path, number: int) -> None:
    live = [*LIVE[:4]]
    live[number] = ("server", {**live[number][1], "type": "other"})

    with pytest.raises(Diverged):
        history_of(live).follow(replay_of(tmp_path))
    assert history_of(live).suits(replay_of(tmp_path))


def test_a_session_whose_server_speaks_earlier_does_not_go_on(tmp_path: Path) -> None:
    with pytest.raises(Diverged):
        history_of(LIVE[1:4]).follow(replay_of(tmp_path))


def test_a_session_with_another_message_of_the_client_does_not_go_on(tmp_path: Path) -> None:
    live: Messages = [*LIVE[:3], ("client", {"type": "response.cancel"})]

    with pytest.raises(Mismatch):
        history_of(live).follow(replay_of(tmp_path))
    assert not history_of(live).suits(replay_of(tmp_path))


def test_a_long_session_is_not_kept() -> None:
    history = SessionHistory()
    for _ in range(5):
        history.add("x" * 1_000_000)

    assert not history.is_whole
    assert history.messages == []
