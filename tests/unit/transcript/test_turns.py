"""`turns`: readers of loosely typed JSON."""

from __future__ import annotations

import hashlib

import pytest

from openai_replay.format.recording import JSON
from openai_replay.transcript.turns import Kind, Turn, content_turns, items, members, text_of, token_counts


@pytest.mark.parametrize(("value", "text"), [("a", "a"), (None, ""), (1, "1"), ({"ä": []}, '{"ä": []}')])
def test_a_value_as_text(value: JSON, text: str) -> None:
    assert text_of(value) == text


def test_another_value_has_no_members_and_no_items() -> None:
    assert (members([1]), members({"a": 1}), items({"a": 1}), items([1])) == ({}, {"a": 1}, [], [1])


def test_content_is_a_text_or_parts() -> None:
    parts: JSON = ["a", {"text": "b"}, {"refusal": "c"}, {"type": "input_image"}, {"x": 1}]
    assert list(content_turns("user", "text")) == [Turn("user", "text")]
    assert list(content_turns("user", parts)) == [
        Turn("user", "a"),
        Turn("user", "b"),
        Turn("user", "c", Kind.REFUSAL),
        Turn("user", "[input_image]", Kind.DATA),
        Turn("user", '{"x": 1}'),
    ]
    assert list(content_turns("user", None)) == list(content_turns("user", "")) == []


IMAGE = "data:image/png;base64,iVBORw0KGgo="
DIGEST = hashlib.sha256(b"iVBORw0KGgo=").hexdigest()[:8]
SOUND = "A" * 400
SOUND_DIGEST = hashlib.sha256(SOUND.encode()).hexdigest()[:8]


@pytest.mark.parametrize(
    ("part", "text"),
    [
        (
            {"type": "image_url", "image_url": {"url": "https://x.org/a.png"}},
            "[image_url https://x.org/a.png]",
        ),
        (
            {"type": "image_url", "image_url": {"url": IMAGE}},
            f"[image_url image/png 12 characters, {DIGEST}]",
        ),
        ({"type": "input_image", "image_url": IMAGE}, f"[input_image image/png 12 characters, {DIGEST}]"),
        ({"type": "input_image", "file_id": "file-1"}, "[input_image file-1]"),
        (
            {"type": "input_audio", "input_audio": {"data": SOUND, "format": "wav"}},
            f"[input_audio wav 400 characters, {SOUND_DIGEST}]",
        ),
        ({"type": "file", "file": {"filename": "a.pdf", "file_id": "file-2"}}, "[file a.pdf file-2]"),
        ({"type": "image_url", "image_url": 5}, "[image_url 5]"),
        ({"type": "odd"}, "[odd]"),
    ],
)
def test_a_part_that_is_no_text_is_told_from_others(part: JSON, text: str) -> None:
    assert list(content_turns("user", [part])) == [Turn("user", text, Kind.DATA)]


def test_usage_is_counted_under_both_names_of_the_api() -> None:
    expected = {"input": 1, "output": 2, "total": 3}
    assert token_counts({"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}) == expected
    assert token_counts({"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}) == expected
    assert token_counts({"prompt_tokens": True, "x": 1}) == token_counts(None) == {}
