"""`needed_later`: redacted members that a client sends back are named, and no others."""

from __future__ import annotations

import pytest

from openai_replay.format.recording import JSON
from openai_replay.record.needed_later import needed_later


@pytest.mark.parametrize(
    ("before", "after", "names"),
    [
        ({"id": "a"}, {"id": "a"}, []),
        ({"id": "sk-1"}, {"id": "REDACTED"}, ["id"]),
        ({"output": [{"encrypted_content": "x"}]}, {"output": [{"encrypted_content": "y"}]}, ["encrypted_content"]),
        ({"content": "x"}, {"content": "REDACTED"}, []),
        ({"client_secret": {"value": "x"}}, {"client_secret": {"value": "REDACTED"}}, ["value"]),
    ],
)  # fmt: skip
def test_members_that_are_sent_back_are_named(before: JSON, after: JSON, names: list[str]) -> None:
    assert list(needed_later(before, after)) == names
