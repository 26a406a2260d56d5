"""`overview`: entries and sums of a folder, and files that cannot be read."""

from __future__ import annotations

import shutil
from pathlib import Path

from openai_replay.collection.overview import commit_times, overview, sums_of
from support.proxy import ROOT
from unit import sessions


def test_a_folder_is_summed_up(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "recordings", tmp_path / "sub" / "recordings")
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "tool.json").write_text('{"request": {"tool_name": "x"}, "response": {"body": 1}}')
    read = overview(tmp_path)
    assert [problem.partition(": ")[0] for problem in read.problems] == [str(tmp_path / "broken.json")]
    sums = sums_of(read.entries)
    assert (sums.recordings, sums.hosts, sums.tests) == (5, {"api.openai.com"}, set())
    assert sums.bytes == sum(entry.size for entry in read.entries)
    assert sums.oldest <= sums.newest
    assert [entry.path for entry in read.entries] == sorted(entry.path for entry in read.entries)


def test_no_recordings_sum_up_to_nothing(tmp_path: Path) -> None:
    assert sums_of(overview(tmp_path).entries).to_json()["recordings"] == 0


def test_without_git_there_are_no_times_of_commits(tmp_path: Path) -> None:
    assert commit_times(tmp_path) == {}


def test_a_session_has_the_model_of_its_url_and_the_users_first_text(tmp_path: Path) -> None:
    content = [{"type": "input_text", "text": "Hello"}]
    item = {"type": "message", "role": "user", "content": content}
    sessions.recording(tmp_path, [("client", {"type": "conversation.item.create", "item": item})])
    (entry,) = overview(tmp_path).entries
    assert (entry.model, entry.prompt, entry.status) == ("gpt-realtime", "Hello", 101)
