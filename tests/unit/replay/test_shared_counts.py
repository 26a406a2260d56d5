"""`shared_counts`: counters that other processes read, also after their process was killed."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from openai_replay.replay import shared_counts
from openai_replay.replay.shared_counts import Counters, read


def test_counters_are_read_from_their_file(tmp_path: Path) -> None:
    with closing(Counters(tmp_path / "a.counts")) as counters:
        assert [counters.new(), counters.new()] == [0, 1]
        for number in (0, 1, 1):
            counters.add(number)
        assert list(read(tmp_path / "a.counts")[:3]) == [1, 2, 0]


def test_a_killed_process_leaves_its_counts(tmp_path: Path) -> None:
    script = (
        "import os, pathlib, sys\n"
        "from openai_replay.replay.shared_counts import Counters\n"
        "counters = Counters(pathlib.Path(sys.argv[1]))\n"
        "counters.add(counters.new())\n"
        "os.kill(os.getpid(), 9)\n"
    )
    paths = {"PYTHONPATH": os.pathsep.join(sys.path)}
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path / "a")], env=paths, check=False)
    assert killed.returncode == -9
    assert read(tmp_path / "a")[0] == 1


def test_there_is_an_end_to_counters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_counts, "_COUNTERS", 1)
    with closing(Counters(tmp_path / "a.counts")) as counters:
        assert [counters.new(), counters.new()] == [0, None]


def test_a_file_that_is_gone_has_no_counters(tmp_path: Path) -> None:
    assert len(read(tmp_path / "gone")) == 0
