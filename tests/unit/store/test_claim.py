"""`claim`: a lock file is held by one process at a time, and until that process ends."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from openai_replay.request.redaction import redactor
from openai_replay.request.rules import Rules
from openai_replay.store.claim import claimed
from openai_replay.store.index import Index
from openai_replay.store.store import Store

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no record locks")

_HOLD = """
import sys
from pathlib import Path
from openai_replay.store.claim import claimed
file = claimed(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def another_process(lock: Path) -> Iterator[None]:
    """Hold a lock file in another process, which is killed at the end."""
    command = [sys.executable, "-c", _HOLD, str(lock)]
    environment = {"PYTHONPATH": ":".join(sys.path)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        try:
            yield
        finally:
            process.kill()


def test_a_lock_file_is_held_until_its_process_is_gone(tmp_path: Path) -> None:
    lock = tmp_path / "cache" / "a.lock"
    with another_process(lock):
        assert claimed(lock) is None
    file = claimed(lock)
    assert file is not None
    file.close()


def test_a_process_may_claim_twice(tmp_path: Path) -> None:
    first, second = claimed(tmp_path / "a.lock"), claimed(tmp_path / "a.lock")
    assert first is not None
    assert second is not None
    first.close()
    second.close()


def test_the_second_recorder_of_a_folder_says_so_once_and_records(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rules = Rules((), redactor(()))
    index = Index(tmp_path / "recordings", rules, tmp_path / "cache")
    store = Store(tmp_path / "recordings", rules, index)
    lock = index.lock_path()
    assert lock is not None
    with another_process(lock):
        for name in ("a.json", "b.json"):
            store.write(name, [b"{}"])

    assert [record.message.partition(" into")[0] for record in caplog.records] == ["Another process records"]
    assert sorted(path.name for path in (tmp_path / "recordings").glob("*.json")) == ["a.json", "b.json"]
