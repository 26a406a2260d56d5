"""The files that a proxy touches: none at its start, one file for a hit, none for the next; and its index."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from openai_replay.mock import Upstream
from support.base_url import REVERSE, BaseURL, Reply, answer_in_turn, said
from support.proxy import ROOT, Proxy, proxy, recordings
from support.requests import chat_body

OPENED_FILES = ROOT / "tests" / "support" / "opened_files.py"
QUESTIONS = [f"question {number}" for number in range(30)]


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Path:
    """Recordings of the questions, each answered by itself."""
    top = tmp_path_factory.mktemp("scale")
    upstream.reset()
    answer_in_turn(upstream, *QUESTIONS)
    options = ("recording_mode=record", f"recording_dir={top / 'recordings'}")
    with proxy(top, *options, upstream=upstream, mode=REVERSE) as running, BaseURL(running) as client:
        for question in QUESTIONS:
            assert said(client.send(chat_body(question))) == question
    return top / "recordings"


def by_identity(question: str) -> dict[str, Any]:
    """Return a request that is the same as the recorded one and has another hash."""
    return {**chat_body(question), "user": None}


@dataclass
class Watched:
    """A proxy, and the recordings that it opens."""

    running: Proxy
    client: BaseURL
    folder: Path
    opened: Path

    def touched(self) -> list[str]:
        """Return the files and folders of the recordings that were opened or listed since the last call.

        Names that were tried and are not there are left out.
        """
        paths = [Path(line) for line in self.opened.read_text().splitlines()]
        self.opened.write_text("")
        return [
            str(path)
            for path in paths
            if (path == self.folder or self.folder in path.parents) and path.exists()
        ]


@pytest.fixture
def watched(tmp_path: Path, folder: Path) -> Iterator[Watched]:
    opened = tmp_path / "opened"
    with proxy(
        tmp_path,
        f"recording_dir={folder}",
        mode=REVERSE,
        more_scripts=(OPENED_FILES,),
        environment={"OPENED_FILES": str(opened)},
    ) as running:
        with BaseURL(running) as client:
            yield Watched(running, client, folder, opened)


def path_of(folder: Path, question: str) -> str:
    names = {
        one["request"]["body"]["messages"][0]["content"]: name for name, one in recordings(folder).items()
    }
    return str(folder / names[question])


def test_a_start_reads_no_file_and_a_hit_opens_one_and_then_none(watched: Watched) -> None:
    assert watched.touched() == [str(watched.folder)]  # is there any recording?
    for question in ("question 3", "question 4"):
        assert said(watched.client.send(chat_body(question))) == question
        assert watched.touched() == [path_of(watched.folder, question)]
        for _ in range(3):
            assert said(watched.client.send(chat_body(question))) == question
        assert watched.touched() == []


def test_with_an_index_a_hit_by_identity_opens_one_file_and_then_none(watched: Watched) -> None:
    assert said(watched.client.send(by_identity("question 5"))) == "question 5"
    assert len(watched.touched()) > len(QUESTIONS), "the index is made"
    assert said(watched.client.send(by_identity("question 6"))) == "question 6"
    assert watched.touched() == [path_of(watched.folder, "question 6")]
    assert said(watched.client.send(by_identity("question 6"))) == "question 6"
    assert watched.touched() == []


def test_an_index_that_was_kept_is_used_by_the_next_proxy(tmp_path: Path, folder: Path) -> None:
    for run in ("first", "second"):
        opened = tmp_path / run
        environment = {"OPENED_FILES": str(opened)}
        with proxy(
            tmp_path / "home",
            f"recording_dir={folder}",
            mode=REVERSE,
            more_scripts=(OPENED_FILES,),
            environment=environment,
        ) as running:
            with BaseURL(running) as client:
                assert said(client.send(by_identity("question 7"))) == "question 7"
            watched = Watched(running, client, folder, opened)
            files = [line for line in watched.touched() if line.endswith(".json")]
        assert len(set(files)) == (len(QUESTIONS) if run == "first" else 1)


def test_the_index_is_outside_the_folder_and_the_working_directory(tmp_path: Path, folder: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    before = sorted(folder.rglob("*"))
    cache = tmp_path / "cache"
    with proxy(
        tmp_path / "home",
        f"recording_dir={folder}",
        mode=REVERSE,
        cwd=work,
        environment={"XDG_CACHE_HOME": str(cache)},
    ) as running:
        with BaseURL(running) as client:
            assert said(client.send(by_identity("question 8"))) == "question 8"
    assert sorted(folder.rglob("*")) == before
    assert list(work.iterdir()) == []
    assert list((cache / "openai-replay").glob("*.sqlite3"))


# --- never trusted over the files ---------------------------------------------------------------------------------


def damage(cache: Path, how: str) -> None:
    for path in (cache / ".cache" / "openai-replay").iterdir():
        if how == "deleted":
            path.unlink()
        elif how == "cut":
            path.write_bytes(path.read_bytes()[:1000])
        else:
            path.write_bytes(b"no database at all")


@pytest.mark.parametrize("when", ["between runs", "during a run"])
@pytest.mark.parametrize("how", ["deleted", "cut", "overwritten"])
def test_a_damaged_index_costs_nothing_but_time(tmp_path: Path, folder: Path, how: str, when: str) -> None:
    options = (f"recording_dir={folder}",)
    with proxy(tmp_path, *options, mode=REVERSE) as running, BaseURL(running) as client:
        assert said(client.send(by_identity("question 1"))) == "question 1"
        if when == "during a run":
            damage(tmp_path, how)
            assert [said(client.send(by_identity(question))) for question in QUESTIONS] == QUESTIONS
    if when == "between runs":
        damage(tmp_path, how)
    with proxy(tmp_path, *options, mode=REVERSE) as running, BaseURL(running) as client:
        assert [said(client.send(by_identity(question))) for question in QUESTIONS] == QUESTIONS
        assert client.send(chat_body("never recorded")).is_miss()


def test_files_that_changed_between_runs_are_as_they_are_now(tmp_path: Path, folder: Path) -> None:
    copy = tmp_path / "recordings"
    copy.mkdir()
    for path in folder.glob("*.json"):
        (copy / path.name).write_bytes(path.read_bytes())
    options = (f"recording_dir={copy}",)
    with proxy(tmp_path, *options, mode=REVERSE) as running, BaseURL(running) as client:
        assert said(client.send(by_identity("question 2"))) == "question 2"
    changed = Path(path_of(copy, "question 2"))
    recording = json.loads(changed.read_text())
    recording["response"]["body"]["__data__"]["said"] = "another answer"
    changed.write_text(json.dumps(recording))
    Path(path_of(copy, "question 3")).unlink()
    with proxy(tmp_path, *options, mode=REVERSE) as running, BaseURL(running) as client:
        assert said(client.send(by_identity("question 2"))) == "another answer"
        assert client.send(by_identity("question 3")).is_miss()
        assert said(client.send(by_identity("question 4"))) == "question 4"


def test_proxies_that_share_a_folder_and_an_index_answer_alike(tmp_path: Path, upstream: Upstream) -> None:
    """Two replay the recordings that a third one goes on making, all with one index."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    upstream.reset()
    answer_in_turn(upstream, *QUESTIONS)
    with ExitStack() as stack:
        options = (f"recording_dir={folder}",)
        recorder = stack.enter_context(
            proxy(tmp_path, "recording_mode=record", *options, upstream=upstream, mode=REVERSE)
        )
        replayers = [stack.enter_context(proxy(tmp_path, *options, mode=REVERSE)) for _ in range(2)]
        recording, *replaying = (stack.enter_context(BaseURL(running)) for running in (recorder, *replayers))
        pool = stack.enter_context(ThreadPoolExecutor(2))
        for question in QUESTIONS:
            assert said(recording.send(chat_body(question))) == question
            # Answered when the recording is written.
            assert recording.send(None, "/@/report").status == 200

            def ask(client: BaseURL, question: str = question) -> Reply:
                return client.send(by_identity(question))

            assert [said(reply) for reply in pool.map(ask, replaying)] == [question] * 2
