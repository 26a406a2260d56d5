"""`readable`: a recording as lines, without ids, padding and times."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from openai_replay.collection.readable import lines_of
from openai_replay.format.recording import decode
from support.proxy import ROOT

STREAM = ROOT / "recordings" / "1ffb4de28dece530b471377e8ce633684bab6b1ae50cfa31c8277a5b463f657c.json"


def lines(value: Any) -> list[str]:
    return lines_of(decode(json.dumps(value).encode(), Path("a.json")))


@pytest.fixture
def value() -> Any:
    return json.loads(STREAM.read_bytes())


def test_a_stream_is_shown_as_its_text(value: Any) -> None:
    assert lines(value) == [
        "POST https://api.openai.com/v1/chat/completions",
        "model: gpt-4o",
        "stream: true",
        "user: Say hello from a recording.",
        "",
        "200, 11 chunks, gpt-4o-2024-08-06",
        "assistant: Hello! How can I assist you today?",
        "ended: stop",
    ]


def test_ids_padding_and_times_change_no_line(value: Any) -> None:
    before = lines(value)
    for chunk in value["response"]["body"]:
        chunk["__data__"] |= {"id": "other", "created": 9, "obfuscation": "abc", "system_fingerprint": "fp_9"}
    assert lines(value) == before


def test_a_text_of_several_lines_and_settings_have_lines_each(value: Any) -> None:
    value["test_id"] = "tests/a.py::b"
    value["request"]["body"] = {
        "model": "gpt-4o",
        "temperature": 0.5,
        "stop": ["a", "b"],
        "messages": [
            {"role": "system", "content": "One.\n\nTwo."},
            {
                "role": "assistant",
                "tool_calls": [{"function": {"name": "f", "arguments": '{"b": 1, "a": 2}'}}],
            },
            {"role": "tool", "content": "3", "name": "f"},
        ],
    }
    assert lines(value)[1:11] == [
        "test: tests/a.py::b",
        "model: gpt-4o",
        'stop: ["a", "b"]',
        "temperature: 0.5",
        "system: One.",
        "",
        "    Two.",
        'assistant calls f: {"a": 2, "b": 1}',
        "tool f returns: 3",
        "",
    ]


def test_an_error_says_status_and_message(value: Any) -> None:
    value["response"] = {
        "body": None,
        "is_exception": True,
        "exception_data": {"status_code": 404, "body": {"message": "No such model."}},
        "exception_message": "x",
    }
    assert lines(value)[-3:] == ["404", "error: No such model.", "ended: error 404"]
