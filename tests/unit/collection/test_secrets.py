"""`secrets`: keys in recordings that exist already, by place."""

from __future__ import annotations

from openai_replay.collection.secrets import secret_in_bytes
from openai_replay.request.redaction import redactor
from openai_replay.request.rules import Rules

KEY = "sk-proj-4f9aB7c2D8e1F6g3H5j0K9m2N4p7Q1r8"
RULES = Rules((), redactor([r"room \d+"]))


def test_a_body_that_is_no_json_is_searched() -> None:
    assert secret_in_bytes(f"a {KEY}".encode() + b"\xff", RULES)
    assert secret_in_bytes(b"\xff room 101", RULES)
    assert not secret_in_bytes(b"\xff sk-hynix-ddr5", RULES)
