"""`claim`: recorders that work at the same time know each other's files, however each of them ends."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from openai_replay.store.claim import Claim

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such locks")

_RECORD = """
import sys
from pathlib import Path
from openai_replay.store.claim import Claim
claim = Claim(Path(sys.argv[1]))
claim.begin()
claim.note("a.json")
print("noted", flush=True)
sys.stdin.read()
"""


@contextmanager
def another_process(folder: Path) -> Iterator[None]:
    """Let another process write `a.json`; it is killed at the end."""
    command = [sys.executable, "-c", _RECORD, str(folder)]
    environment = {"PYTHONPATH": ":".join(sys.path)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"noted\n"
        try:
            yield
        finally:
            process.kill()


type Begin = Callable[[Path, str], Claim]


@pytest.fixture
def begun() -> Iterator[Begin]:
    """Begins the recorder of a process, and ends it with the test."""
    with ExitStack() as opened:

        def begin(folder: Path, process: str) -> Claim:
            claim = Claim(folder, process)
            opened.callback(claim.end)
            claim.begin()
            return claim

        yield begin


def test_the_second_recorder_says_so_once(
    tmp_path: Path, begun: Begin, caplog: pytest.LogCaptureFixture
) -> None:
    with another_process(tmp_path):
        claim = begun(tmp_path, "me")
        claim.begin()
        assert claim.has_company()
    assert [(record.levelno, record.message.partition(" into")[0]) for record in caplog.records] == [
        (logging.WARNING, "Another process records")
    ]
    assert not claim.has_company()


def test_the_files_of_a_recorder_stay_its_own_after_it_was_killed(tmp_path: Path, begun: Begin) -> None:
    claim = begun(tmp_path, "me")
    with another_process(tmp_path):
        assert claim.is_anothers("a.json")
    assert claim.is_anothers("a.json")
    assert not claim.is_anothers("b.json")


def test_the_files_of_recorders_that_ended_before_are_from_an_earlier_run(
    tmp_path: Path, begun: Begin
) -> None:
    with another_process(tmp_path):
        first = begun(tmp_path, "first")
        first.note("b.json")
    second = begun(tmp_path, "second")

    assert not second.is_anothers("a.json")
    assert second.is_anothers("b.json")


def test_a_recorder_knows_the_files_that_others_write_after_its_first_look(
    tmp_path: Path, begun: Begin
) -> None:
    one, other = begun(tmp_path, "one"), begun(tmp_path, "other")
    for name in ("a.json", "b.json"):
        assert not one.is_anothers(name)
        other.note(name)
        assert one.is_anothers(name)
        assert not other.is_anothers(name)


def test_a_name_that_was_given_back_may_be_the_next_recorders(tmp_path: Path, begun: Begin) -> None:
    one, other = begun(tmp_path, "one"), begun(tmp_path, "other")
    one.note("a.json")
    one.forget("a.json")
    other.note("a.json")

    assert one.is_anothers("a.json")
    assert not other.is_anothers("a.json")


def test_recorders_of_one_process_follow_each_other(
    tmp_path: Path, begun: Begin, caplog: pytest.LogCaptureFixture
) -> None:
    before, after = begun(tmp_path, "me"), begun(tmp_path, "me")
    before.note("a.json")

    assert not after.is_anothers("a.json")
    assert caplog.records == []


def test_the_last_recorder_leaves_nothing(tmp_path: Path, begun: Begin) -> None:
    one, other = begun(tmp_path, "one"), begun(tmp_path, "other")
    other.note("a.json")
    other.end()
    assert one.is_anothers("a.json")
    one.end()
    one.end()

    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_claimed_once_it_is(tmp_path: Path, begun: Begin) -> None:
    folder = tmp_path / "recordings"
    claim = begun(folder, "me")
    claim.note("a.json")
    assert not folder.exists()
    folder.mkdir()
    claim.begin()

    assert begun(folder, "other").is_anothers("a.json")


def test_a_link_in_the_place_of_the_folder_is_not_followed(tmp_path: Path, begun: Begin) -> None:
    elsewhere, folder = tmp_path / "elsewhere", tmp_path / "recordings"
    elsewhere.mkdir()
    folder.mkdir()
    for name in ("keep", "keep.claim"):
        (elsewhere / name).touch()
    (folder / ".recorders.tmp").symlink_to(elsewhere)
    begun(folder, "me").end()

    assert sorted(path.name for path in elsewhere.iterdir()) == ["keep", "keep.claim"]


def test_a_pipe_among_the_claims_is_not_waited_for(tmp_path: Path, begun: Begin) -> None:
    (tmp_path / ".recorders.tmp").mkdir()
    (tmp_path / ".recorders.tmp" / "notes").touch()
    os.mkfifo(tmp_path / ".recorders.tmp" / "pipe.claim")
    claim = begun(tmp_path, "me")
    os.mkfifo(tmp_path / ".recorders.tmp" / "later.claim")

    assert not claim.is_anothers("a.json")
    assert not claim.has_company()
    claim.end()
    assert [path.name for path in (tmp_path / ".recorders.tmp").iterdir()] == ["notes"]


def test_files_are_put_into_place_by_one_recorder_at_a_time(tmp_path: Path) -> None:
    (tmp_path / "counter").write_text("0")

    def count(claim: Claim) -> None:
        for _ in range(50):
            with claim.exclusive():
                number = int((tmp_path / "counter").read_text())
                os.sched_yield()
                (tmp_path / "counter").write_text(f"{number + 1}")

    threads = [threading.Thread(target=count, args=[Claim(tmp_path, f"{number}")]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (tmp_path / "counter").read_text() == "200"


def test_a_recorder_that_was_stopped_holds_up_no_other(tmp_path: Path) -> None:
    with Claim(tmp_path, "stopped").exclusive(), Claim(tmp_path, "me").exclusive():
        (tmp_path / "a.json").touch()

    assert (tmp_path / "a.json").exists()
