"""`sides`: files, folders and git revisions as sides of a comparison."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from openai_replay.collection.sides import side_of
from openai_replay.errors import BadOption


def git(folder: Path, *arguments: str) -> None:
    command = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b.c", *arguments]
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    folder = tmp_path / "some where"
    (folder / "ü").mkdir(parents=True)
    (tmp_path / "outside.json").write_text("0")
    (folder / "a.json").write_text("1")
    (folder / "ü" / "b.json").write_text("")
    (folder / "notes.md").write_text("no recording")
    (folder / "a.mp3").write_text("said")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "one")
    (folder / "a.json").write_text("2")
    return folder


def test_a_revision_gives_the_recordings_of_the_folder_as_they_were(folder: Path) -> None:
    side = side_of("HEAD", folder)
    assert side.paths() == {"a.json", "ü/b.json"}
    assert side.read_all(["ü/b.json", "a.json"]) == {"ü/b.json": b"", "a.json": b"1"}
    assert side.bodies() == {"a.mp3"}
    assert side.only("a.json").paths() == {"a.json"}
    assert side.only("a.json").bodies() == {"a.mp3"}
    assert side.only("ü/b.json").bodies() == frozenset()
    assert side.only("c.json").paths() == frozenset()


def test_a_folder_and_a_file_are_as_they_are_now(folder: Path) -> None:
    assert side_of(str(folder), folder).read_all(["a.json"]) == {"a.json": b"2"}
    assert side_of(str(folder / "a.json"), folder).paths() == {"a.json"}


@pytest.mark.parametrize("text", ["nowhere", "--help", "HEAD~5", ""])
def test_anything_else_is_an_error(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(BadOption, match="or a git revision of"):
        side_of(text or ":::", folder)
