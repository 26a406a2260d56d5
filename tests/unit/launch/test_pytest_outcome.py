"""The end of a pytest run: its lines, and the reasons why it fails."""

import json
from pathlib import Path
from typing import Any

import pytest

from openai_replay.launch.outcome import Conditions
from openai_replay.launch.proxy_program import ProxyDescription
from openai_replay.launch.pytest_outcome import (
    Outcome,
    TestsRun,
    _first,
    _not_recorded,
    _past_proxy,
    _unseen,
    _warnings,
    outcome_without_proxy,
    problems,
)
from openai_replay.launch.running_proxy import RunningProxy
from openai_replay.report import Report

NONE = Conditions(miss=False, unused=False, no_request=False)

NO_REQUEST = Conditions(miss=False, unused=False, no_request=True)

UNUSED = Conditions(miss=False, unused=True, no_request=False)


def reported(folder: Path, *tests: str | None) -> dict[str, Any]:
    """Return the report of a run that used none of the recordings, one of each test."""
    names = []
    for number, test_id in enumerate(tests):
        names.append(f"{number}.json")
        (folder / names[-1]).write_text(json.dumps({"test_id": test_id}))
    return Report().to_json("replay", names, None, all_tests=True)


def unused(folder: Path, report: dict[str, Any], ran: set[str], *, are_all: bool) -> list[str]:
    """Return the names of the unused recordings that fail a run."""
    described = ProxyDescription(RunningProxy(1, is_reverse=False), "", "replay", str(folder), (), {})
    ended = problems(described, TestsRun(ran, are_all), UNUSED, report)
    return [line.split()[0] for line in ended.problems[1:-1]]


def test_in_a_run_of_some_tests_their_unused_recordings_count(tmp_path: Path) -> None:
    report = reported(tmp_path, "a.py::test_a", "a.py::test_b", None)
    assert unused(tmp_path, report, {"a.py::test_a"}, are_all=False) == ["0.json"]
    assert unused(tmp_path, report, set(), are_all=False) == []
    assert unused(tmp_path, report, {"a.py::test_a"}, are_all=True) == ["0.json", "1.json", "2.json"]


@pytest.mark.parametrize("content", ["{", "[]", '{"test_id": 1}', None])
def test_a_recording_whose_test_cannot_be_read_is_of_no_test_that_ran(
    tmp_path: Path, content: str | None
) -> None:
    report = reported(tmp_path, "a.py::test_a")
    (tmp_path / "0.json").unlink()
    if content is not None:
        (tmp_path / "0.json").write_text(content)
    assert unused(tmp_path, report, {"a.py::test_a"}, are_all=False) == []


def test_each_request_and_reason_that_was_not_recorded_is_a_line_with_its_count() -> None:
    entry = {"request": "POST /v1/x", "reason": "why", "test_id": None}
    assert _not_recorded([entry, entry | {"reason": "other"}, entry]) == [
        "not recorded: POST /v1/x: why (2 times)",
        "not recorded: POST /v1/x: other",
    ]


def test_lines_of_a_kind_are_named_up_to_a_number() -> None:
    lines = [f"miss: {number}" for number in range(22)]
    assert _first(lines, "misses") == [*lines[:20], "misses: 2 more"]
    assert _first(lines[:20], "misses") == lines[:20]


def test_the_log_is_shown_without_the_lines_that_the_report_has() -> None:
    log = [
        "openai-replay: A recording is old",
        "openai-replay: No recording for POST /v1/x",
        "openai-replay: Not recorded: POST /v1/x: why",
        "openai-replay: Refused: POST /v1/x: why",
        "    a difference",
    ]
    assert list(_warnings(log)) == log[:1]


def test_a_run_without_a_proxy_is_told_the_likely_cause_where_it_was_to_have_one() -> None:
    tests = TestsRun(set(), are_all=True)
    assert outcome_without_proxy("", tests, NONE) == outcome_without_proxy("replay", tests, NONE) == Outcome()
    for mode in ("record", "record-if-missing"):
        (warning,) = outcome_without_proxy(mode, tests, NONE).warnings
        assert "No test used the fixture openai_replay" in warning
    assert outcome_without_proxy("", tests, NO_REQUEST).problems == (
        "failed because of --fail-on-no-request: no test used the fixture openai_replay",
    )


def test_where_no_test_ran_none_is_said_to_have_missed_the_fixture() -> None:
    none = TestsRun(set(), are_all=True, have_run=False)
    assert outcome_without_proxy("record", none, NO_REQUEST).warnings == ()
    assert _unseen(Report().to_json("replay", [], None, all_tests=True), none) == ""


def test_tests_that_went_past_the_proxy_are_named_up_to_a_number() -> None:
    past = {f"t.py::test_{number}": "api.openai.com" for number in range(5)}
    assert _past_proxy(TestsRun({"t.py::test"}, are_all=True, past_proxy=past)) == (
        "Past the proxy to api.openai.com, without the fixture openai_replay: t.py::test_0, t.py::test_1, t.py::test_2 "
        "and 2 more. Name the fixture in the test, or set openai_replay = true in the ini file."
    )
    assert _past_proxy(TestsRun({"t.py::test"}, are_all=True)) == ""
