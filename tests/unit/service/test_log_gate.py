"""`log_gate`: no line of the log quotes a secret, and all else is as it was."""

from __future__ import annotations

import logging
import sys

import pytest

from openai_replay.request.secret_gate import SecretGate
from openai_replay.service.log_gate import LogGate

KEY = "sk-proj-aB3dEfGh1jKlMnOpQrStUvWxYz0123456789"


def record(message: str, *arguments: object, failed: bool = False) -> logging.LogRecord:
    exc_info = None
    if failed:
        try:
            raise ValueError(f"cannot read {KEY}")
        except ValueError:
            exc_info = sys.exc_info()
    return logging.LogRecord("a", logging.ERROR, "a.py", 1, message, arguments, exc_info)


def test_keys_parameters_and_known_credentials_are_replaced() -> None:
    gate = SecretGate()
    gate.learn(["my-own-credential-0"])

    assert LogGate(gate).cleaned(f"GET http://h/v1?api-key=abc&b=1 {KEY} my-own-credential-0") == (
        "GET http://h/v1?api-key=REDACTED&b=1 REDACTED REDACTED"
    )


def test_messages_and_tracebacks_lose_their_secrets() -> None:
    for line in (record("got %s", KEY), record("failed", failed=True)):
        assert LogGate(SecretGate()).filter(line)
        assert KEY not in logging.Formatter().format(line)
        assert "REDACTED" in logging.Formatter().format(line)


def test_other_records_stay() -> None:
    line = record("read %d files in %s", 3, "recordings")

    assert LogGate(SecretGate()).filter(line)
    assert (line.msg, line.args) == ("read %d files in %s", (3, "recordings"))


def test_a_text_that_was_clean_is_looked_at_again_when_another_credential_is_known() -> None:
    gate = SecretGate()
    log_gate = LogGate(gate)

    assert [log_gate.cleaned("sent my-own-credential-0") for _ in range(2)] == [
        "sent my-own-credential-0"
    ] * 2
    gate.learn(["my-own-credential-0"])
    assert log_gate.cleaned("sent my-own-credential-0") == "sent REDACTED"


def test_clean_texts_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openai_replay.service.log_gate._MOST_KEPT", 2)
    log_gate = LogGate(SecretGate())
    texts = [f"line {number}" for number in range(5)]

    assert [log_gate.cleaned(text) for text in texts] == texts
    assert len(log_gate._clean) <= 2
