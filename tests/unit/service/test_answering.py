"""`answering`: the error that a client gets in place of an answer."""

from __future__ import annotations

import json

from openai_replay.service.answering import REPLAY_FAILED, Refusal


def test_a_refusal_keeps_clients_from_trying_again() -> None:
    refusal = Refusal("Nothing fits.", "recording_not_found")
    assert refusal.status == 400
    assert ("x-should-retry", "false") in refusal.headers
    assert json.loads(refusal.content("OpenAI/Python"))["error"]["code"] == "recording_not_found"


def test_only_ruby_gets_the_message_at_the_top() -> None:
    assert "message" not in json.loads(REPLAY_FAILED.content("OpenAI/Python"))
    assert json.loads(REPLAY_FAILED.content("OpenAI/Ruby"))["message"] == REPLAY_FAILED.message
