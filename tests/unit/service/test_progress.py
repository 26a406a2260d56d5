"""`progress`: a delay fades with each part that is in time; processes of one run tell the numbers of all."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from openai_replay.service.progress import Progress, SharedProgress

KINDS: dict[str, Callable[[Path], Progress]] = {"alone": lambda _: Progress(), "shared": SharedProgress}

OTHER = """
import pathlib, sys
from openai_replay.service.progress import SharedProgress
progress = SharedProgress(pathlib.Path(sys.argv[1]))
progress.began()
progress.began()
progress.late(0.5)
print("told", flush=True)
sys.stdin.read()
"""


@pytest.fixture(params=KINDS)
def progress(request: pytest.FixtureRequest, tmp_path: Path) -> Progress:
    """The progress of a process alone, and of one of several."""
    return KINDS[request.param](tmp_path)


def test_a_delay_fades(progress: Progress) -> None:
    progress.late(1.0)
    progress.late(0.1)
    progress.late(0)
    assert 0.9 < progress.totals()[1] < 1.0


def test_answers_that_have_ended_do_not_count(progress: Progress) -> None:
    progress.began()
    progress.began()
    progress.ended()
    assert progress.totals() == (1, 0.0)


def test_an_answer_that_fails_is_no_longer_under_way(progress: Progress) -> None:
    def fail() -> None:
        with progress.under_way():
            assert progress.totals()[0] == 1
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert progress.totals()[0] == 0


def test_the_streams_of_all_processes_count_as_long_as_these_live(tmp_path: Path) -> None:
    progress = SharedProgress(tmp_path)
    progress.began()
    other = subprocess.Popen(
        [sys.executable, "-c", OTHER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    with other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"told\n"
        assert progress.totals() == (3, 0.5)
        other.kill()
    assert progress.totals() == (1, 0.0)


def test_without_the_common_folder_the_streams_of_this_process_count(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    progress = SharedProgress(tmp_path / "gone")
    progress.began()
    assert progress.totals() == (1, 0.0)
    assert "Metrics lack this worker's streams" in caplog.text
