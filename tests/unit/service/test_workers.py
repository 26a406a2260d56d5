"""The supervisor of workers, with small programs for workers; tests/e2e/test_workers.py runs it with proxies."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from openai_replay.service.workers import run_workers

SUPERVISOR = """
import sys
from openai_replay.service.workers import run_workers
sys.exit(run_workers(2, [sys.executable, "-c", sys.argv[1]], ["-p", "0"]))
"""
# Each worker takes the next number; `{}` is the program of one that has `number`.
WORKER = """
import os, sys
from pathlib import Path
from openai_replay.replay.shared_run import ENVIRONMENT_NAME, is_last, mark_ready

def take_number():
    for number in range(1, 100):
        try:
            Path(f"worker-{{number}}").touch(exist_ok=False)
            return number
        except FileExistsError:
            pass

def live():
    mark_ready(Path(os.environ[ENVIRONMENT_NAME]))
    sys.stdin.readline()

number = take_number()
{}
"""
DIES_AT_START = "sys.exit(3) if number == {} else live()"
DIES_WHEN_READY = "mark_ready(Path(os.environ[ENVIRONMENT_NAME])); sys.exit(4)"

ENDS_ALL_WHEN_READY = """
import signal

def end(*_):
    print("last" if is_last(Path(os.environ[ENVIRONMENT_NAME])) else "first")
    sys.exit()

signal.signal(signal.SIGTERM, end)
if number == 2:
    os.kill(os.getppid(), signal.SIGTERM)
live()
"""


def supervised(folder: Path, program: str) -> subprocess.CompletedProcess[str]:
    # The workers that live wait for a line that does not come: the supervisor ends them.
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as silent:
        result = subprocess.run(
            [sys.executable, "-c", SUPERVISOR, WORKER.format(program)],
            stdin=silent.stdout,
            capture_output=True,
            text=True,
            cwd=folder,
            check=False,
        )
        silent.kill()
    return result


@pytest.mark.parametrize("number", [1, 2])
def test_a_worker_that_dies_before_it_answers_ends_all_and_is_not_started_again(
    tmp_path: Path, number: int
) -> None:
    result = supervised(tmp_path, DIES_AT_START.format(number))
    assert result.returncode == 3
    assert "2 workers answer" not in result.stderr
    assert len(list(tmp_path.glob("worker-*"))) == number


def test_workers_that_die_again_and_again_end_all(tmp_path: Path) -> None:
    result = supervised(tmp_path, DIES_WHEN_READY)
    assert result.returncode == 4
    assert "another one takes its place" in result.stderr
    assert "8 workers in a row ended soon after their start" in result.stderr


def test_the_last_worker_of_an_end_in_order_is_told_so(tmp_path: Path) -> None:
    result = supervised(tmp_path, ENDS_ALL_WHEN_READY)
    assert result.returncode == 0
    assert sorted(result.stdout.split()) == ["first", "last"]


@pytest.mark.parametrize("port", ["99999", "-1", "http"])
def test_a_port_that_is_none_is_refused_before_a_worker_starts(
    capsys: pytest.CaptureFixture[str], port: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        run_workers(2, ["/nowhere"], [f"--listen-port={port}"])
    assert ended.value.code == 2
    assert f"-p/--listen-port: expected a number from 0 to 65535, got '{port}'" in capsys.readouterr().err
