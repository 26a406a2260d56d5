"""`session_miss`: the text of a miss within a session, and its next steps in the front end's spelling."""

from __future__ import annotations

from dataclasses import replace

import pytest

from openai_replay.front_end import FrontEnd
from openai_replay.replay.differences import differences_between
from openai_replay.replay.session_miss import SessionMiss
from openai_replay.replay.socket_session import Mismatch
from unit.sessions import API_REQUEST

FOUND = SessionMiss(
    API_REQUEST, "a.json", Mismatch(1, tuple(differences_between({"text": "a"}, {"text": "b"})))
)


@pytest.mark.parametrize(
    ("front_end", "command"),
    [(FrontEnd.MITMDUMP, "mitmdump --set recording_mode=record"), (FrontEnd.RUN, "run --mode record")],
)
def test_it_names_the_message_and_the_command_that_records(front_end: FrontEnd, command: str) -> None:
    text = FOUND.explanation(front_end)

    assert "No recording for message 2 of the session GET /v1/realtime. The session is a.json:" in text
    assert command in text
    assert "recording_ignore" not in text


def test_the_nearest_of_several_is_said_to_be_that() -> None:
    assert "a.json, the nearest of 3:" in replace(FOUND, tried=3).explanation(FrontEnd.RUN)


def test_a_fitting_session_is_named_with_a_test_id_as_the_remedy() -> None:
    found = replace(FOUND, tried=2, fitting="a-2.json")

    assert "a-2.json has the client's messages" in found.explanation(FrontEnd.RUN)
    assert "X-Test-Id" in found.advice(FrontEnd.RUN)
    assert found.details(FrontEnd.RUN)["nearest"] == "a-2.json"


def test_a_date_gets_the_rule_that_ignores_it() -> None:
    differences = differences_between({"text": "on 2025-01-01"}, {"text": "on 2026-02-03"})
    found = replace(FOUND, mismatch=Mismatch(0, tuple(differences)))

    assert found.advice(FrontEnd.MITMDUMP).splitlines()[-2:] == [
        "    --set recording_ignore=@date",
        '    or ignore = "@date" (in openai-replay.toml beside the recordings)',
    ]
