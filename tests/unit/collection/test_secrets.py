"""`secrets`: keys in recordings that exist already, by place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from openai_replay.collection.secrets import secret_in_bytes, secret_places
from openai_replay.format.recording import decode
from openai_replay.request.redaction import redactor
from openai_replay.request.rules import Rules

KEY = "sk-proj-4f9aB7c2D8e1F6g3H5j0K9m2N4p7Q1r8"
RULES = Rules((), redactor([r"room \d+"]))


def test_a_body_that_is_no_json_is_searched() -> None:
    assert secret_in_bytes(f"a {KEY}".encode() + b"\xff", RULES)
    assert secret_in_bytes(b"\xff room 101", RULES)
    assert not secret_in_bytes(b"\xff sk-hynix-ddr5", RULES)


@pytest.mark.parametrize(
    ("change", "places"),
    [
        ({}, []),
        ({"url": "https://api.openai.com/v1/x?api-key=4f9aB7c2D8e1F6g3"}, ["$.request.url"]),
        (
            {"body": {"tools": [{"headers": {"x-mine": "4f9aB7c2D8e1"}}]}},
            ["$.request.body.tools[0].headers.x-mine"],
        ),
        ({"body": {"a": f"x {KEY}", "b": ["in room 101"]}}, ["$.request.body.a", "$.request.body.b[0]"]),
        (
            {"answer": {"said": [KEY, KEY, KEY, KEY]}},
            [f"$.response.body.said[{number}]" for number in range(3)],
        ),
        (
            {"answer": [{"delta": {"content": piece}} for piece in ("a ", KEY[:9], KEY[9:], " b")]},
            ["$.response.body[1]", "$.response.body[2]"],
        ),
        ({"body": {"tools": [{"headers": {"x-mine": "REDACTED"}}]}}, []),
        ({"body": {"messages": [{"content": "The password is: password"}]}}, []),
    ],
)
def test_a_secret_is_found_by_place_by_look_and_by_the_users_expression(
    change: dict[str, Any], places: list[str]
) -> None:
    url = change.get("url", "https://api.openai.com/v1/x")
    request = {"method": "POST", "url": url, "body": change.get("body", {})}
    value: Any = {"request": request, "response": {"body": change.get("answer", {"a": 1})}}
    raw = json.dumps(value).encode()
    assert secret_places(decode(raw, Path("a.json")), value, raw, RULES) == places
