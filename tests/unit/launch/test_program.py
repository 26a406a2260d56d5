"""`openai-replay` as a program: the proxy that it starts first ends with a command line that makes no sense."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

# The processes of a run have this variable.
MARK = "OPENAI_REPLAY_TEST_OF_PROGRAM"


def result_of(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], MARK: str(home)}
    return subprocess.run(
        [sys.executable, "-m", "openai_replay", *arguments],
        cwd=home,
        env=environment | {"PYTHONPATH": ":".join(path for path in sys.path if path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def processes_of(home: Path) -> list[str]:
    """Return the ids of the processes that a run has left."""
    mark = f"{MARK}={home}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                found.append(folder.name)
        except OSError:
            continue  # it has ended meanwhile, or belongs to another user
    return found


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("run", "--mode", "rewind", "--", "true"), 2, "'rewind' is not one of"),
        (("run",), 2, "Missing argument"),
        (("run", "--dir", "nowhere", "--", "true"), 2, "nowhere does not exist"),
        (
            ("run", "--set", "recording_pacing=often", "--dir", ".", "--", "true"),
            2,
            "recording_pacing='often'",
        ),
        (("proxy", "--dir", "nowhere"), 2, "nowhere does not exist"),
        (("run", "--help"), 0, ""),
    ],
)
def test_no_process_is_left_where_nothing_is_run(
    tmp_path: Path, arguments: tuple[str, ...], status: int, said: str
) -> None:
    result = result_of(tmp_path, *arguments)
    assert result.returncode == status
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert processes_of(tmp_path) == []


def test_a_command_is_run(tmp_path: Path) -> None:
    result = result_of(tmp_path, "run", "--dir", ".", "--", "sh", "-c", "exit 7")
    assert result.returncode == 7
    assert result.stderr.endswith("openai-replay: 0 replayed, 0 recorded, 0 missed, 0 unused\n")
    assert processes_of(tmp_path) == []


def test_a_closed_standard_input_stays_closed(tmp_path: Path) -> None:
    code = "import os; os.close(0); os.execv(os.sys.executable, [os.sys.executable, *os.sys.argv[1:]])"
    command = ["-m", "openai_replay", "run", "--dir", ".", "--", "sh", "-c", "test ! -e /dev/fd/0"]
    result = subprocess.run(
        [sys.executable, "-c", code, *command],
        cwd=tmp_path,
        env={
            "HOME": str(tmp_path),
            "PATH": os.environ["PATH"],
            "PYTHONPATH": ":".join(filter(None, sys.path)),
        },
        check=False,
    )
    assert result.returncode == 0
