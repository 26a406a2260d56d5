"""The lines at the end of a run, and the conditions under which it fails."""

from typing import Any

import pytest

from openai_replay.launch.outcome import Conditions, failures, recorded_failures, saw_request
from openai_replay.report import Report


def report(**counts: int) -> dict[str, Any]:
    """Return a report as the proxy makes it, with other totals; as many unused recordings are named."""
    made: dict[str, Any] = Report().to_json("replay", [], None, all_tests=True)
    made["totals"] |= counts
    made["unused"] = [f"{number:03}.json" for number in range(counts.get("unused", 0))]
    return made


@pytest.mark.parametrize("name", ["replayed", "recorded", "missed", "not_recorded", "refused_upgrades"])
def test_each_fate_of_a_request_is_a_request_that_was_seen(name: str) -> None:
    assert saw_request(report(**{name: 1})["totals"])
    assert not saw_request(report(unused=1)["totals"])


ALL = Conditions(miss=True, unused=True, no_request=True)
NONE = Conditions(miss=False, unused=False, no_request=False)


@pytest.mark.parametrize(
    ("counts", "pruned", "reason"),
    [
        ({}, 0, "failed because of --fail-on-no-request: the proxy saw no request"),
        (
            {"missed": 1},
            0,
            "failed because of --fail-on-miss: there were requests without a recording",
        ),
        (
            {"not_recorded": 1},
            0,
            "failed because of --fail-on-miss: there were requests that were not recorded",
        ),
        (
            {"missed": 2, "refused": 2},
            0,
            "failed because of --fail-on-miss: there were refused requests",
        ),
        (
            {"missed": 3, "refused": 1, "unreadable": 1},
            0,
            "failed because of --fail-on-miss: there were requests without a recording and refused requests and "
            "requests with an unreadable recording",
        ),
        (
            {"replayed": 1, "unused": 2},
            1,
            "failed because of --fail-on-unused: there are unused recordings",
        ),
        ({"replayed": 1, "unused": 2}, 2, None),
        ({"replayed": 1}, 0, None),
    ],
)
def test_a_run_fails_for_the_first_condition_that_does_not_hold(
    counts: dict[str, int], pruned: int, reason: str | None
) -> None:
    lines = failures(ALL, report(**counts), pruned)
    assert (lines[-1] if lines else None) == reason
    assert failures(NONE, report(**counts), pruned) == []


def test_unused_recordings_are_named_up_to_a_number() -> None:
    assert failures(ALL, report(replayed=1, unused=2))[1:-1] == ["    000.json", "    001.json"]
    many = failures(ALL, report(replayed=1, unused=25))
    assert many[-3:-1] == ["    019.json", "    … and 5 more"]


def test_recorded_failures_are_counted_by_status_with_a_question() -> None:
    recorded = [{"status": 401}, {"status": 429}, {"status": 429}, {"status": 500}, {}]
    assert recorded_failures({"recorded": recorded}) == [
        "1 recorded call failed with status 401: is the key right?",
        "2 recorded calls failed with status 429: is the quota used up?",
        "1 recorded call failed with status 500",
    ]


def test_unused_recordings_are_described_where_they_fail_the_run() -> None:
    reported = report() | {"unused": ["a.json", "b.json"]}
    lines = failures(Conditions(False, True, False), reported, described=str.upper)
    assert lines[1:-1] == ["    A.JSON", "    B.JSON"]


def test_a_lost_recording_fails_each_run() -> None:
    reported = report() | {"not_recorded": [{"lost": True}, {}]}
    assert failures(Conditions(False, False, False), reported) == [
        "failed because 1 recording could not be written"
    ]
    reported = report() | {"not_recorded": [{"lost": True}, {"lost": True}]}
    assert failures(Conditions(False, False, True), reported) == [
        "failed because 2 recordings could not be written"
    ]
