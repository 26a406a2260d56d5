"""A command run as if the process that runs it were not there, without any proxy."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import os, sys
from openai_replay.launch.child import CommandFailed, held_signals, run_command
with held_signals() as held:
    try:
        sys.exit(run_command(sys.argv[1:], os.environ, held, lambda: None))
    except CommandFailed as exc:
        print(exc, file=sys.stderr)
        sys.exit(exc.status)
"""


def start(folder: Path, *command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )


@pytest.mark.parametrize(
    ("command", "status", "says"),
    [
        (["sh", "-c", "exit 3"], 3, ""),
        (["sh", "-c", "kill -KILL $$"], 137, ""),
        (["sh", "-c", "kill -TERM $$"], 143, ""),
        (["no-such-program"], 127, "no-such-program: command not found\n"),
        (["./no/such/program"], 127, "./no/such/program: command not found\n"),
        (["./not-executable/x"], 127, "./not-executable/x: Not a directory\n"),
        (["/"], 126, "/: Permission denied\n"),
        (["./not-executable"], 126, "./not-executable: Permission denied\n"),
        (["./no-program"], 126, "./no-program: not a program: expected a first line such as #!/bin/sh\n"),
        (["./no-interpreter"], 127, "./no-interpreter: its interpreter is not there\n"),
    ],
)
def test_the_exit_status_is_what_a_shell_says(
    tmp_path: Path, command: list[str], status: int, says: str
) -> None:
    (tmp_path / "not-executable").write_text("#!/bin/sh\n")
    (tmp_path / "no-program").write_bytes(b"\x00\x01\x02")
    (tmp_path / "no-interpreter").write_text("#!/no/such/interpreter\n")
    for name in ("no-program", "no-interpreter"):
        (tmp_path / name).chmod(0o755)
    process = start(tmp_path, *command)
    _, errors = process.communicate()
    assert (process.returncode, errors) == (status, says)


@pytest.mark.parametrize("name", ["INT", "TERM", "HUP", "QUIT", "USR1", "USR2", "ALRM"])
def test_signals_reach_the_command(tmp_path: Path, name: str) -> None:
    script = f"trap 'echo got {name}; exit 9' {name}; echo ready; while :; do sleep 0.01; done"
    process = start(tmp_path, "sh", "-c", script)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.Signals[f"SIG{name}"])
    assert process.communicate()[0] == f"got {name}\n"
    assert process.returncode == 9


def test_a_command_that_a_signal_ends_gives_its_number(tmp_path: Path) -> None:
    process = start(tmp_path, "sh", "-c", "echo ready; exec sleep 1000")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGHUP)
    process.communicate()
    assert process.returncode == 128 + signal.SIGHUP


def test_a_signal_before_the_command_keeps_it_from_running(tmp_path: Path) -> None:
    early = PROGRAM.replace("    try:", "    os.kill(os.getpid(), 15)\n    try:")
    result = subprocess.run(
        [sys.executable, "-c", early, "touch", "ran"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        check=False,
    )
    # Its own end comes with the signal, once that is let through.
    assert (result.returncode, result.stderr) == (
        -signal.SIGTERM,
        "touch was not run: SIGTERM came first\n",
    )
    assert not (tmp_path / "ran").exists()


def test_the_command_finds_signals_as_they_were(tmp_path: Path) -> None:
    script = (
        "import signal; print(signal.pthread_sigmask(signal.SIG_BLOCK, ()), open('/proc/self/status').read())"
    )
    process = start(tmp_path, sys.executable, "-S", "-c", script)
    text = process.communicate()[0]
    assert text.startswith("set() ")
    assert "SigBlk:\t0000000000000000\n" in text
