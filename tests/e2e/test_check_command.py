"""`openai-replay check`: exit status, lines, JSON, and mending, on a copy of the project's recordings."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from support.proxy import CEILING_S, ROOT, bare_environment

OPENAI_REPLAY = str(Path(sys.executable).with_name("openai-replay"))
CHAT = "0ea0bb1f93a4a6d22b581eaf28d277200a49510e4bd1b8c7c81404276bddff61.json"


def checked(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [OPENAI_REPLAY, "check", *arguments],
        capture_output=True,
        text=True,
        env=bare_environment(home),
        cwd=home,
        timeout=CEILING_S,
        check=False,
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "recordings", tmp_path / "recordings")
    return tmp_path


def test_the_projects_own_recordings_are_in_order(home: Path) -> None:
    result = checked(home)
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr == "openai-replay: the recordings are in order\n"


def test_a_problem_is_a_line_and_a_failure_until_it_is_mended(home: Path) -> None:
    wrong = f"{'a' * 64}.json"
    (home / "recordings" / CHAT).rename(home / "recordings" / wrong)
    result = checked(home)
    assert result.returncode == 1
    assert result.stdout == f"{wrong}: expected the name of its request, {CHAT[:12]}….json\n"
    assert result.stderr == "openai-replay: 1 problem (1 name)\n"
    [line] = checked(home, "--json").stdout.splitlines()
    assert json.loads(line) | {"problem": ""} == {
        "path": wrong,
        "kind": "name",
        "problem": "",
        "fails": True,
        "fixable": True,
    }
    mended = checked(home, "--fix")
    assert (mended.returncode, mended.stdout) == (0, "")
    assert f"renamed {wrong} to {CHAT}" in mended.stderr


def test_an_unreadable_file_is_told_with_the_remedy(home: Path) -> None:
    (home / "recordings" / "half.json").write_text("<<<<<<< HEAD\n")
    result = checked(home)
    assert (
        "half.json: expected JSON, the file has conflicts of a git merge @ line 1 column 1" in result.stdout
    )
    assert result.stderr.splitlines()[-1] == (
        "openai-replay: restore an unreadable file (git checkout HEAD -- FILE), or record it again"
    )


def test_a_new_name_that_leaves_a_gap_is_mended_in_one_go(home: Path) -> None:
    (home / "recordings" / CHAT).rename(home / "recordings" / f"{'a' * 64}-3.json")
    mended = checked(home, "--fix")
    assert (mended.returncode, mended.stdout) == (0, ""), mended.stderr
    assert mended.stderr.count("renamed ") == 2
    assert (home / "recordings" / CHAT).exists()


def test_named_files_limit_what_is_told(home: Path) -> None:
    (home / "recordings" / "stray.mp3").write_text("")
    assert checked(home, f"recordings/{CHAT}").returncode == 0
    assert checked(home, "recordings/stray.mp3").returncode == 1


@pytest.mark.parametrize(("size", "status"), [("1KB", 1), ("1 MiB", 0), ("tiny", 2)])
def test_the_limit_of_size_has_units(home: Path, size: str, status: int) -> None:
    assert checked(home, "--max-size", size).returncode == status


def test_options_beside_the_recordings_count(home: Path) -> None:
    (home / "recordings" / "openai-replay.toml").write_text("redact = ['Say hello']\n")
    result = checked(home)
    assert result.returncode == 1
    assert "a secret @ $.request.body.messages[0].content" in result.stdout


def test_the_pre_commit_hook_calls_this_command() -> None:
    [hook] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert hook["entry"] == "openai-replay check"
    assert hook["language"] == "python"
