"""`openai-replay diff`: exit status and lines, in a repository, and as git's textconv."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.proxy import CEILING_S, ROOT, bare_environment

OPENAI_REPLAY = str(Path(sys.executable).with_name("openai-replay"))
CHAT = "0ea0bb1f93a4a6d22b581eaf28d277200a49510e4bd1b8c7c81404276bddff61.json"


def run(home: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=bare_environment(home, LANG="C.UTF-8"),
        cwd=home,
        timeout=CEILING_S,
        check=False,
    )


def diff(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(home, OPENAI_REPLAY, "diff", *arguments)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A repository with the project's recordings, in which one answer has changed since the last commit."""
    shutil.copytree(ROOT / "recordings", tmp_path / "recordings")
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        run(tmp_path, "git", "-c", "user.name=a", "-c", "user.email=a@b.c", *arguments).check_returncode()
    path = tmp_path / "recordings" / CHAT
    path.write_text(path.read_text().replace("Hello!", "Good morning!"))
    return tmp_path


CHANGED = """\
0ea0bb1f93a4….json
  @@ -3,6 +3,6 @@
   user: Say hello from a recording.
   
   200, gpt-4o-2024-08-06
  -assistant: Hello! How can I assist you today?
  +assistant: Good morning! How can I assist you today?
   ended: stop
   tokens: 14 input, 9 output, 23 total

"""  # noqa: W293  # an empty line of the text, behind its mark


def test_without_sides_the_folder_is_compared_with_the_last_commit(home: Path) -> None:
    result = diff(home)
    assert (result.returncode, result.stdout, result.stderr) == (1, CHANGED, "")
    assert diff(home, f"recordings/{CHAT}").stdout == CHANGED
    assert diff(home, CHAT[:12]).stdout == CHANGED
    assert diff(home, "--dir", "recordings", f"{CHAT[:12]}…").stdout == CHANGED
    assert diff(home, CHAT[:12], CHAT[:12]).returncode == 0
    assert diff(home, "--names", "HEAD").stdout == "0ea0bb1f93a4….json\n"
    assert diff(home, "HEAD", "HEAD").returncode == 0
    run(home, "git", "checkout", "-q", ".")
    assert (diff(home).returncode, diff(home).stdout) == (0, "")


def test_what_cannot_be_compared_has_a_status_of_its_own(home: Path) -> None:
    result = diff(home, "no-such-revision")
    assert result.returncode == 2
    assert (
        "no-such-revision: expected a file, a folder, a recording's name, or a git revision" in result.stderr
    )
    assert diff(home, "a", "b", "c").returncode == 2


def test_without_a_commit_or_a_repository_that_is_said(home: Path) -> None:
    shutil.rmtree(home / ".git")
    result = diff(home)
    assert (result.returncode, result.stdout) == (2, "")
    assert f"error: {home}/recordings: expected a folder in a git repository" in result.stderr
    run(home, "git", "init", "-q").check_returncode()
    assert "expected a commit to compare with" in diff(home).stderr
    result = run(home, "/usr/bin/env", "PATH=/nowhere", OPENAI_REPLAY, "diff")
    assert "git, for its revisions, is not installed" in result.stderr


def test_git_shows_words_and_not_envelopes(home: Path) -> None:
    (home / ".gitattributes").write_text("recordings/*.json diff=openai-replay\n")
    run(home, "git", "config", "diff.openai-replay.textconv", f"{OPENAI_REPLAY} diff --textconv")
    shown = run(home, "git", "diff").stdout
    changed = [line for line in shown.splitlines() if line.startswith(("+", "-"))][2:]
    assert changed == [
        "-assistant: Hello! How can I assist you today?",
        "+assistant: Good morning! How can I assist you today?",
    ]


def test_a_file_that_is_no_recording_is_its_own_text(home: Path) -> None:
    (home / "a.json").write_text('{"a": 1}')
    assert diff(home, "--textconv", "a.json").stdout == '{"a": 1}'
    assert diff(home, "--textconv", "gone.json").returncode == 2
