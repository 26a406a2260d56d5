"""`record-if-missing`: requests that have a recording at the start of the run are replayed, all others are recorded."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from openai_replay.mock import Upstream
from support.base_url import REVERSE, BaseURL, answer_in_turn, said
from support.proxy import curl, proxy, recordings
from support.requests import CHAT_PATH, CHAT_URL, chat_body

POLL = "/v1/poll"
IF_MISSING = "recording_mode=record-if-missing"


@pytest.fixture(scope="module")
def shared_upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture
def upstream(shared_upstream: Upstream) -> Upstream:
    shared_upstream.reset()
    return shared_upstream


def ask_in_turn(tmp_path: Path, upstream: Upstream, mode: str, *texts: str, test_id: str = "") -> list[str]:
    """Ask a proxy of that mode for the texts one after the other, and return its answers."""
    options = (mode, f"recording_dir={tmp_path / 'recordings'}")
    with proxy(tmp_path, *options, upstream=upstream, mode=REVERSE) as running, BaseURL(running) as client:
        return [said(client.send(chat_body(text), test_id=test_id)) for text in texts]


def test_a_poll_without_a_recording_is_recorded_to_its_end(tmp_path: Path, upstream: Upstream) -> None:
    folder = tmp_path / "recordings"
    options = (IF_MISSING, f"recording_dir={folder}")
    expected = ["queued", "queued", "completed", "completed"]
    with proxy(tmp_path, *options, upstream=upstream, mode=REVERSE) as running, BaseURL(running) as client:
        assert [client.send(None, POLL).json()["status"] for _ in range(4)] == expected
    assert len(upstream.requests) == 4
    assert len(recordings(folder)) == 3
    connections = upstream.connections
    with proxy(tmp_path, *options, upstream=upstream, mode=REVERSE) as running, BaseURL(running) as client:
        assert [client.send(None, POLL).json()["status"] for _ in range(4)] == expected
        assert client.send(None, "/@/report").json()["totals"]["replayed"] == 4
    assert upstream.connections == connections


def test_what_was_recorded_before_is_replayed_and_nothing_connects(
    tmp_path: Path, upstream: Upstream
) -> None:
    answer_in_turn(upstream, "old 1", "old 2", "new 1", "new 2")
    assert ask_in_turn(tmp_path, upstream, "recording_mode=record", "known", "known") == ["old 1", "old 2"]
    before = {path.name: path.read_bytes() for path in (tmp_path / "recordings").iterdir()}
    connections = upstream.connections
    assert ask_in_turn(tmp_path, upstream, IF_MISSING, *["known"] * 4) == ["old 1", "old 2", "old 2", "old 2"]
    assert upstream.connections == connections
    assert {path.name: path.read_bytes() for path in (tmp_path / "recordings").iterdir()} == before


@pytest.mark.parametrize("protocol", ["--http1.1", "--http2"])
def test_through_connect_nothing_connects_for_a_replay_either(
    tmp_path: Path, upstream: Upstream, protocol: str
) -> None:
    answer_in_turn(upstream, "known")
    ask_in_turn(tmp_path, upstream, "recording_mode=record", "known")
    connections = upstream.connections
    folder = tmp_path / "recordings"
    with proxy(tmp_path, IF_MISSING, f"recording_dir={folder}", upstream=upstream) as running:
        asked = curl(running, CHAT_URL, protocol, "-d", json.dumps(chat_body("known")))
        assert json.loads(asked.stdout)["said"] == "known", asked.stderr
        assert upstream.connections == connections
        asked = curl(running, CHAT_URL, protocol, "-d", json.dumps(chat_body("unknown")))
        assert asked.returncode == 0, asked.stderr
        assert upstream.connections > connections
    assert len(recordings(folder)) == 2


def test_one_run_replays_and_records(tmp_path: Path, upstream: Upstream) -> None:
    answer_in_turn(upstream, "known 1", "new 1", "new 2", "new 3")
    ask_in_turn(tmp_path, upstream, "recording_mode=record", "known")
    run = ask_in_turn(tmp_path, upstream, IF_MISSING, "new", "known", "new", "known", "new")
    assert run == ["new 1", "known 1", "new 2", "known 1", "new 3"]
    again = ask_in_turn(tmp_path, upstream, IF_MISSING, "new", "known", "new", "known", "new")
    assert again == run
    assert len(upstream.requests) == 4


def test_the_same_request_of_another_test_is_recorded_in_the_same_run(
    tmp_path: Path, upstream: Upstream
) -> None:
    """A recording that one test of a run made is not one that the run found at its start."""
    answer_in_turn(upstream, "for a", "for b")
    options = (IF_MISSING, f"recording_dir={tmp_path / 'recordings'}")
    for _ in range(2):
        with (
            proxy(tmp_path, *options, upstream=upstream, mode=REVERSE) as running,
            BaseURL(running) as client,
        ):
            assert [said(client.send(chat_body("whose"), test_id=one)) for one in "ab"] == ["for a", "for b"]
    assert len(upstream.requests) == 2


def test_another_test_s_recording_counts_unless_tests_must_match(tmp_path: Path, upstream: Upstream) -> None:
    answer_in_turn(upstream, "for a", "for b")
    ask_in_turn(tmp_path, upstream, "recording_mode=record", "whose", test_id="a")
    assert ask_in_turn(tmp_path, upstream, IF_MISSING, "whose", test_id="b") == ["for a"]
    options = (IF_MISSING, f"recording_dir={tmp_path / 'recordings'}", "recording_test_match=require")
    with proxy(tmp_path, *options, upstream=upstream, mode=REVERSE) as running, BaseURL(running) as client:
        assert [said(client.send(chat_body("whose"), test_id=one)) for one in "ab"] == ["for a", "for b"]


def test_after_a_reset_what_the_run_recorded_is_replayed(tmp_path: Path, upstream: Upstream) -> None:
    answer_in_turn(upstream, "1", "2", "3")
    options = (IF_MISSING, f"recording_dir={tmp_path / 'recordings'}")
    with proxy(tmp_path, *options, upstream=upstream, mode=REVERSE) as running, BaseURL(running) as client:
        assert [said(client.send(chat_body("reset"))) for _ in range(2)] == ["1", "2"]
        assert client.send(None, "/@/reset", method="POST").status == 200
        assert [said(client.send(chat_body("reset"))) for _ in range(3)] == ["1", "2", "2"]
    assert len(upstream.requests) == 2


def test_a_folder_that_does_not_exist_is_made(tmp_path: Path, upstream: Upstream) -> None:
    answer_in_turn(upstream, "first")
    assert ask_in_turn(tmp_path, upstream, IF_MISSING, "new") == ["first"]
    assert len(recordings(tmp_path / "recordings")) == 1


def test_a_recording_that_cannot_be_read_is_not_recorded_over(tmp_path: Path, upstream: Upstream) -> None:
    answer_in_turn(upstream, "old", "new")
    ask_in_turn(tmp_path, upstream, "recording_mode=record", "broken")
    path = next((tmp_path / "recordings").glob("*.json"))
    path.write_text(path.read_text()[:-20])
    broken = path.read_bytes()
    options = (IF_MISSING, f"recording_dir={tmp_path / 'recordings'}")
    with proxy(tmp_path, *options, upstream=upstream, mode=REVERSE) as running, BaseURL(running) as client:
        reply = client.send(chat_body("broken"), CHAT_PATH)
    assert reply.status == 400
    assert reply.json()["error"]["code"] == "recording_unreadable"
    assert path.name in running.log()
    assert path.read_bytes() == broken
    assert len(upstream.requests) == 1
