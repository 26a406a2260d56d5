"""`bubbles`: a recording as HTML that shows its texts and runs none of them."""

from __future__ import annotations

from pathlib import Path

from openai_replay.format.recording import JSON, Recording, Request, Response, encode
from openai_replay.report_files.bubbles import conversation, last_message


def stored(tmp_path: Path, text: str) -> Path:
    sent: JSON = {"messages": [{"role": "user", "content": text}]}
    answer: JSON = {"choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]}
    endpoint = "/v1/chat/completions"
    request = Request("POST", f"https://api.openai.com{endpoint}", sent, endpoint, "gpt-4o")
    path = tmp_path / "x.json"
    path.write_bytes(encode(Recording(None, request, Response(answer))))
    return path


def test_texts_are_escaped(tmp_path: Path) -> None:
    title, shown = conversation(stored(tmp_path, "<script>alert(1)</script>"))
    assert title == "POST /v1/chat/completions gpt-4o"
    assert "<script>" not in shown
    assert shown.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 2


def test_long_texts_are_cut_and_say_so(tmp_path: Path) -> None:
    assert "… (5 more characters)" in conversation(stored(tmp_path, "x" * 20_005))[1]


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{")
    title, shown = conversation(tmp_path / "bad.json")
    assert (title, shown.startswith('<p class="quiet">The recording could not be read: ')) == ("", True)
    assert last_message(tmp_path / "gone.json") == ""


def test_the_last_message_is_shortened(tmp_path: Path) -> None:
    assert last_message(stored(tmp_path, "y" * 300)) == "y" * 200
