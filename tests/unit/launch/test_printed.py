"""`printed`: no key reaches a terminal or the log of a CI job by way of a command's output."""

from __future__ import annotations

import pytest

from openai_replay.launch.printed import content_without_secrets, message_without_secrets, without_secrets
from openai_replay.launch.run import say

KEY = "sk-proj-aB3dEfGh1jKlMnOpQrStUvWxYz0123456789"


def test_keys_are_replaced_in_texts_and_contents() -> None:
    assert without_secrets(f'{{"a": "{KEY}"}}') == '{"a": "REDACTED"}'
    assert content_without_secrets(b"\xff" + KEY.encode()) == b"\xffREDACTED"
    assert without_secrets("data: sk-learn ü\n") == "data: sk-learn ü\n"


def test_a_message_may_quote_a_url() -> None:
    message = "c.har, entry 3: expected a URL with a host, got '/v1?api_key=word&a=1'"
    assert message_without_secrets(message) == message.replace("word", "REDACTED")


def test_what_a_command_says_holds_no_key(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"not taken over: got {KEY}")
    assert capsys.readouterr().err == "openai-replay: not taken over: got REDACTED\n"
