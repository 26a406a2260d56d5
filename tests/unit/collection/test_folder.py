"""`folder`: all files in order, and work on many of them in several processes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from openai_replay.collection.folder import all_paths, each, odd_folders, recording_paths
from openai_replay.errors import OpenAIReplayError


def lengths(paths: Sequence[str]) -> list[int]:
    return [len(path) for path in paths]


def test_hidden_folders_are_left_out_and_hidden_files_are_no_recordings(tmp_path: Path) -> None:
    for name in ("b.json", "a/c.json", ".git/d.json", ".e.json", "f.mp3"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    assert all_paths(tmp_path) == [".e.json", "a/c.json", "b.json", "f.mp3"]
    assert recording_paths(tmp_path) == ["a/c.json", "b.json"]


def test_recordings_of_a_series_are_in_its_order(tmp_path: Path) -> None:
    series = ["a.json", *(f"a-{number}.json" for number in range(2, 12)), "b.json"]
    for name in (*series, "sub/a-2.json", "sub/a.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert recording_paths(tmp_path) == [*series, "sub/a.json", "sub/a-2.json"]


def test_links_to_folders_and_folders_named_like_recordings_are_odd(tmp_path: Path) -> None:
    for name in ("a/x.json", "b", ".git/y.json"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "a" / "link").symlink_to("../b")
    assert odd_folders(tmp_path) == [
        ("a/link", "expected no link to a folder, it is not read"),
        ("a/x.json", "expected a recording, it is a folder"),
    ]


def test_results_come_in_order_however_many_there_are() -> None:
    for count in (0, 3, 1200):
        steps: list[None] = []
        paths = ["x" * (number % 7) for number in range(count)]
        assert [*each(lengths, paths, lambda: steps.append(None))] == lengths(paths)  # noqa: B023  # called at once
        assert len(steps) == count


def test_a_folder_that_cannot_be_read_is_an_error_and_a_missing_one_is_empty(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(OpenAIReplayError, match="file: expected a folder that can be read"):
        all_paths(file)
    assert all_paths(tmp_path / "missing") == []
