"""`files`: only regular files of a bounded size are read, and files are written whole."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from openai_replay.store import names
from openai_replay.store.files import holds_recording, prepare_folder, read_file, remove_left_behind


def test_a_file_is_read_with_its_state(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"content")
    (tmp_path / "link").symlink_to(path)

    for name in ("a", "link"):
        status, content = read_file(tmp_path / name)
        assert (status.st_ino, content) == (path.stat().st_ino, b"content")


def test_a_pipe_is_neither_read_nor_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")

    for name in ("pipe", "link"):
        with pytest.raises(OSError, match="it is no regular file"):
            read_file(tmp_path / name)


@pytest.mark.parametrize("name", ["/dev/zero", "/dev/null"])
def test_a_device_is_not_read(name: str) -> None:
    with pytest.raises(OSError, match="it is no regular file"):
        read_file(Path(name))


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with open(path, "wb") as file:
        file.truncate(1001)

    with pytest.raises(OSError, match="it has 1,001 bytes, more than 1,000"):
        read_file(path, most=1000)
    assert len(read_file(path, most=1001)[1]) == 1001


@pytest.mark.parametrize("is_new", [True, False])
def test_git_ignores_unfinished_files(tmp_path: Path, is_new: bool) -> None:
    folder = tmp_path / "a" / "recordings"
    if not is_new:
        folder.mkdir(parents=True)
    prepare_folder(folder)
    (folder / names.temporary("a.json")).touch()
    (folder / "a.json").touch()
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    git = ["git", "status", "--porcelain", "--untracked-files=all"]
    status = subprocess.run(git, cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    assert status.split() == ["??", "a/recordings/.gitignore", "??", "a/recordings/a.json"]


def test_a_persons_own_gitignore_stays(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("mine")
    prepare_folder(tmp_path)

    assert (tmp_path / ".gitignore").read_text() == "mine"


def test_files_of_running_processes_are_not_removed(tmp_path: Path) -> None:
    mine, gone = tmp_path / names.temporary("a.json"), tmp_path / ".a.json.99999999.00000000.tmp"
    mine.touch()
    gone.touch()
    remove_left_behind(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == [mine.name]


def test_an_old_file_is_removed_though_its_process_has_a_namesake(tmp_path: Path) -> None:
    old = tmp_path / names.temporary("a.json")
    old.touch()
    os.utime(old, (1, 1))
    remove_left_behind(tmp_path)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["a.json", "tests/deep/a.json"])
def test_a_folder_with_a_recording_on_any_level_holds_one(tmp_path: Path, path: str) -> None:
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text("{}")
    assert holds_recording(tmp_path)


@pytest.mark.parametrize(
    "path", ["openai-replay.toml", "a.wav", ".a.json.1.tmp", ".a.json", ".git/a.json", "a.json/README"]
)
def test_other_files_and_hidden_folders_hold_no_recording(tmp_path: Path, path: str) -> None:
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text("{}")
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "circle").symlink_to(tmp_path)
    assert not holds_recording(tmp_path)
    assert not holds_recording(tmp_path / "none")
