"""Several processes of one run: positions and reports that they share through a folder."""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest

from openai_replay.format.recording import JSON
from openai_replay.replay.shared_run import (
    ENVIRONMENT_NAME,
    SharedPositions,
    SharedReport,
    is_first_to_say,
    is_last,
    is_ready,
    mark_last,
    mark_ready,
    shared_folder,
)
from openai_replay.request.identity import ApiRequest, describe
from openai_replay.request.redaction import redactor
from openai_replay.request.rules import Rules


def request_of(test_id: str | None) -> ApiRequest:
    rules = Rules((), redactor(()))
    return describe("POST", "https://api.openai.com/v1/chat/completions", {"model": "m"}, test_id, rules)


def test_the_folder_of_a_run_comes_from_the_environment(tmp_path: Path) -> None:
    assert shared_folder({}) is None
    assert shared_folder({ENVIRONMENT_NAME: ""}) is None
    assert shared_folder({ENVIRONMENT_NAME: str(tmp_path)}) == tmp_path


def test_a_process_is_ready_once_it_says_so(tmp_path: Path) -> None:
    assert not is_ready(tmp_path, os.getpid())
    mark_ready(tmp_path)
    assert is_ready(tmp_path, os.getpid())
    assert not is_ready(tmp_path, os.getpid() + 1)


def test_a_process_is_the_last_one_once_the_run_says_so(tmp_path: Path) -> None:
    assert not is_last(tmp_path)
    mark_last(tmp_path)
    assert is_last(tmp_path)


def test_each_text_is_said_by_one_process(tmp_path: Path) -> None:
    said = [is_first_to_say(tmp_path, text) for text in ("a", "b/\udc80", "a", "b/\udc80")]
    assert said == [True, True, False, False]
    assert is_first_to_say(tmp_path / "gone", "a")


def test_positions_go_on_from_one_process_to_the_next(tmp_path: Path) -> None:
    with closing(SharedPositions(tmp_path)) as one, closing(SharedPositions(tmp_path)) as other:
        taken = [positions.take(request_of("t"), 3) for positions in (one, other, one, other)]
        assert taken == [0, 1, 2, 2]
        assert one.take(request_of("t"), 1) == 0


def test_the_order_of_sessions_is_that_of_all_processes(tmp_path: Path) -> None:
    request, names = request_of("t"), ["1", "2", "3"]
    with closing(SharedPositions(tmp_path)) as one, closing(SharedPositions(tmp_path)) as other:
        one.exchange_session(request, one.reserve_session(request, names), "3")
        reserved = [positions.reserve_session(request, names) for positions in (other, one, other)]
        assert reserved == ["1", "2", "3"]
        assert other.sessions_in_turn(request, names) == ["3", "2", "1"]
        other.reset("t", all_tests=False)
        assert one.sessions_in_turn(request, names) == names


def test_a_replay_that_is_taken_back_does_not_count_in_any_process(tmp_path: Path) -> None:
    with closing(SharedReport(tmp_path)) as one, closing(SharedReport(tmp_path)) as other:
        for report in (one, other, one):
            report.add_replayed("t", "a.json")
        one.take_back_replayed("t", "a.json")
        assert other.totals()["replayed"] == 2
        other.reset("t", all_tests=False)
        other.add_replayed("t", "a.json")
        assert one.totals()["replayed"] == 1


def test_a_reset_of_one_test_leaves_the_positions_of_the_others(tmp_path: Path) -> None:
    with closing(SharedPositions(tmp_path)) as positions:
        for test_id in ("a", "", None):
            positions.take(request_of(test_id), 2)
        positions.reset(None, all_tests=False)
        assert [positions.take(request_of(test_id), 2) for test_id in ("a", "", None)] == [1, 1, 0]
        positions.reset(None, all_tests=True)
        assert [positions.take(request_of(test_id), 2) for test_id in ("a", "", None)] == [0, 0, 0]


def test_a_report_has_the_events_of_all_processes_even_of_one_that_was_killed(tmp_path: Path) -> None:
    own = SharedReport(tmp_path)
    own.add_replayed("t", "a.json")
    script = (
        "import os, pathlib, sys\n"
        "from openai_replay.replay.shared_run import SharedReport\n"
        "report = SharedReport(pathlib.Path(sys.argv[1]))\n"
        "report.add_replayed('t', 'a.json')\n"
        "report.add_missed('t', 'name', {'request': 'name', 'nearest': None})\n"
        "os.kill(os.getpid(), 9)\n"
    )
    paths = {"PYTHONPATH": os.pathsep.join(sys.path)}
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path)], env=paths, check=False)
    assert killed.returncode == -9
    with closing(own):
        merged = own.to_json("replay", ["a.json", "b.json"], None, all_tests=True)
    assert merged["replayed"] == [{"recording": "a.json", "test_id": "t", "times": 2}]
    assert merged["missed"] == [{"test_id": "t", "times": 1, "request": "name", "nearest": None}]
    assert merged["unused"] == ["b.json"]


def test_a_reset_empties_the_report_of_all_processes(tmp_path: Path) -> None:
    with closing(SharedReport(tmp_path)) as one, closing(SharedReport(tmp_path)) as other:
        one.add_replayed("t", "a.json")
        other.reset(None, all_tests=True)
        other.add_replayed("t", "b.json")
        reported = one.to_json("replay", [], None, all_tests=True)
    assert reported["replayed"] == [{"recording": "b.json", "test_id": "t", "times": 1}]


def test_counts_are_exact_when_processes_reset_one_test_and_all(tmp_path: Path) -> None:
    with closing(SharedReport(tmp_path)) as one, closing(SharedReport(tmp_path)) as other:
        for report in (one, other, one):
            report.add_replayed("a", "a.json")
            report.add_replayed("b", "b.json")
            report.add_faulted("a", "error")
            report.add_paced("a")
        other.reset("a", all_tests=False)
        one.add_replayed("a", "a.json")
        first = one.to_json("replay", [], None, all_tests=True)
        other.reset(None, all_tests=True)
        other.add_replayed("b", "b.json")
        last = one.to_json("replay", [], None, all_tests=True)
    assert first["replayed"] == [
        {"recording": "a.json", "test_id": "a", "times": 1},
        {"recording": "b.json", "test_id": "b", "times": 3},
    ]
    assert last["replayed"] == [{"recording": "b.json", "test_id": "b", "times": 1}]


def test_beyond_the_last_counter_events_are_in_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openai_replay.replay.shared_counts._COUNTERS", 1)
    with closing(SharedReport(tmp_path)) as report:
        for recording in ("a.json", "b.json", "b.json"):
            report.add_replayed(None, recording)
        reported = report.to_json("replay", [], None, all_tests=True)
    assert reported["replayed"] == [
        {"recording": "b.json", "test_id": None, "times": 2},
        {"recording": "a.json", "test_id": None, "times": 1},
    ]


def test_a_test_id_that_is_no_unicode_is_reported_like_others(tmp_path: Path) -> None:
    with closing(SharedReport(tmp_path)) as report:
        report.add_missed("\ud800", "name", {"request": "name", "nearest": "\udcff.json"})
        missed: Any = report.to_json("replay", [], None, all_tests=True)["missed"]
    assert [(miss["test_id"], miss["nearest"]) for miss in missed] == [("\ud800", "\udcff.json")]


def on_full_disk(report: SharedReport) -> None:
    """Let the report's journal be on a disk without room."""
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, report._journal)
    os.close(full)


def test_a_full_disk_costs_events_and_no_answer(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    report = SharedReport(tmp_path)
    report.add_missed(None, "a", {"request": "a"})
    on_full_disk(report)
    for _ in range(2):
        report.add_missed(None, "b", {"request": "b"})
        report.add_replayed(None, "c.json")

    assert report.totals()["missed"] == 1
    assert [record.getMessage() for record in caplog.records] == [
        "The workers' common folder cannot be used: [Errno 28] No space left on device. The report lacks events."
    ]


def test_positions_without_their_database_are_this_process_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    positions = SharedPositions(tmp_path)
    assert [positions.take(request_of(None), 3) for _ in range(2)] == [0, 1]
    positions._database.close()

    assert [positions.take(request_of(None), 3) for _ in range(4)] == [0, 1, 2, 2]
    assert [positions.attempt(request_of(None)) for _ in range(2)] == [0, 1]
    assert len(caplog.records) == 1


def test_a_missed_request_that_comes_again_and_again_is_counted(tmp_path: Path) -> None:
    report = SharedReport(tmp_path)
    for _ in range(100):
        report.add_missed(None, "a", {"request": "a", "differences": ["x" * 10_000]})

    assert sum(path.stat().st_size for path in tmp_path.glob("*.journal")) < 30_000
    (missed,) = cast(list[dict[str, JSON]], report.to_json("replay", (), None, all_tests=True)["missed"])
    assert (missed["times"], missed["differences"]) == (100, ["x" * 10_000])


def test_a_missed_request_has_its_differences_after_a_reset_too(tmp_path: Path) -> None:
    with closing(SharedReport(tmp_path)) as report, closing(SharedReport(tmp_path)) as other:
        report.add_missed("t", "a", {"request": "a", "differences": ["x"]})
        other.reset(None, all_tests=True)
        report.add_missed("t", "a", {"request": "a", "differences": ["x"]})
        missed = other.to_json("replay", (), "t", all_tests=False)["missed"]
    assert missed == [{"test_id": "t", "times": 1, "request": "a", "differences": ["x"]}]


def test_a_line_that_was_cut_short_is_left_out(tmp_path: Path) -> None:
    report = SharedReport(tmp_path)
    report.add_missed(None, "a", {"request": "a"})
    (journal,) = tmp_path.glob("*.journal")
    with journal.open("ab") as file:
        file.write(b'[1,"missed",[nu\n')

    assert report.totals()["missed"] == 1
