"""`unused`: an unused recording in one line."""

from __future__ import annotations

from pathlib import Path

from openai_replay.format.recording import JSON, Recording, Request, Response, encode
from openai_replay.launch.unused import described


def stored(tmp_path: Path, test_id: str | None, body: JSON) -> str:
    request = Request("POST", "https://api.openai.com/v1/x", body, "/v1/x", "")
    (tmp_path / "a.json").write_bytes(encode(Recording(test_id, request, Response(None))))
    return described(tmp_path, "a.json")


def test_a_recording_is_named_with_its_test_and_prompt(tmp_path: Path) -> None:
    assert stored(tmp_path, "tests::a", {"input": "Say\nhello"}) == 'a.json  tests::a  "Say hello"'


def test_a_long_prompt_is_cut(tmp_path: Path) -> None:
    assert stored(tmp_path, None, {"input": "x" * 61}) == f'a.json  "{"x" * 60}…"'


def test_a_recording_without_test_and_prompt_is_its_name(tmp_path: Path) -> None:
    assert stored(tmp_path, None, {}) == "a.json"


def test_a_file_that_cannot_be_read_is_its_name(tmp_path: Path) -> None:
    assert described(tmp_path, "gone.json") == "gone.json"
