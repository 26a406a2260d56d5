"""`report`: the events of a run, of one test or of all."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openai_replay.format.recording import JSON, dump_json
from openai_replay.replay.differences import Difference
from openai_replay.replay.miss import Miss
from openai_replay.report import Report
from unit.exchanges import chat


@pytest.fixture
def report() -> Report:
    """A run of three tests, one of them without an id."""
    report = Report()
    report.add_replayed("a", "1.json")
    report.add_replayed("a", "1.json")
    report.add_replayed("b", "1.json")
    report.add_replayed(None, "2.json")
    report.add_recorded("a", "3.json")
    report.add_recorded("a", "3.json")
    report.add_not_recorded("b", "POST /v1/x", "the disk is full")
    for _ in range(2):
        report.add_miss(Miss(chat("x", test_id="a"), "1.json", (Difference("seed", "1", None),)), "  Next: …")
    return report


RECORDINGS = ["3.json", "2.json", "1.json", "unused.json", "sub/unused.json"]


def test_the_report_of_all_tests(report: Report) -> None:
    assert report.to_json("replay", RECORDINGS, None, all_tests=True) == {
        "mode": "replay",
        "totals": {
            "replayed": 4,
            "recorded": 1,
            "missed": 2,
            "not_recorded": 1,
            "unused": 2,
            "paced": 0,
            "faulted": 0,
        },
        "replayed": [
            {"recording": "1.json", "test_id": "a", "times": 2},
            {"recording": "1.json", "test_id": "b", "times": 1},
            {"recording": "2.json", "test_id": None, "times": 1},
        ],
        "recorded": [{"recording": "3.json", "test_id": "a"}],
        "missed": [
            {
                "test_id": "a",
                "method": "POST",
                "endpoint": "/v1/chat/completions",
                "request": chat("x", test_id="a").name(),
                "times": 2,
                "nearest": "1.json",
                "differences": [{"path": "seed", "recorded": "1", "asked": None}],
                "advice": "  Next: …",
                "url": "https://api.openai.com/v1/chat/completions",
                "body": chat("x", test_id="a").body,
            }
        ],
        "not_recorded": [{"test_id": "b", "request": "POST /v1/x", "reason": "the disk is full"}],
        "unused": ["sub/unused.json", "unused.json"],
        "paced": [],
        "faulted": [],
    }


@pytest.mark.parametrize(
    ("test_id", "totals"),
    [
        (
            "a",
            {
                "replayed": 2,
                "recorded": 1,
                "missed": 2,
                "not_recorded": 0,
                "unused": 2,
                "paced": 0,
                "faulted": 0,
            },
        ),
        (
            "b",
            {
                "replayed": 1,
                "recorded": 0,
                "missed": 0,
                "not_recorded": 1,
                "unused": 2,
                "paced": 0,
                "faulted": 0,
            },
        ),
        (
            None,
            {
                "replayed": 1,
                "recorded": 0,
                "missed": 0,
                "not_recorded": 0,
                "unused": 2,
                "paced": 0,
                "faulted": 0,
            },
        ),
        (
            "unheard of",
            {
                "replayed": 0,
                "recorded": 0,
                "missed": 0,
                "not_recorded": 0,
                "unused": 2,
                "paced": 0,
                "faulted": 0,
            },
        ),
    ],
)
def test_the_report_of_one_test(report: Report, test_id: str | None, totals: dict[str, JSON]) -> None:
    assert report.to_json("replay", RECORDINGS, test_id, all_tests=False)["totals"] == totals


def test_a_reset_of_one_test_forgets_what_concerns_it(report: Report) -> None:
    others = report.to_json("replay", RECORDINGS, "b", all_tests=False)
    report.reset("a", all_tests=False)

    assert report.to_json("replay", RECORDINGS, "a", all_tests=False)["totals"] == {
        "replayed": 0,
        "recorded": 0,
        "missed": 0,
        "not_recorded": 0,
        "unused": 3,
        "paced": 0,
        "faulted": 0,
    }
    assert report.to_json("replay", RECORDINGS, "b", all_tests=False)["replayed"] == others["replayed"]
    assert (
        report.to_json("replay", RECORDINGS, "b", all_tests=False)["not_recorded"] == others["not_recorded"]
    )


def test_a_reset_of_all_forgets_everything(report: Report) -> None:
    report.reset(None, all_tests=True)
    assert report.to_json("replay", RECORDINGS, None, all_tests=True) == Report().to_json(
        "replay", RECORDINGS, None, all_tests=True
    )


def test_a_client_that_runs_away_does_not_fill_the_memory() -> None:
    report = Report()
    for number in range(1005):
        report.add_miss(Miss(chat(f"{number}"), None, ()), "")
        report.add_not_recorded(None, "x", "y")

    result = report.to_json("replay", [], None, all_tests=True)
    assert result["totals"] == {
        "replayed": 0,
        "recorded": 0,
        "missed": 1005,
        "not_recorded": 1000,
        "unused": 0,
        "paced": 0,
        "faulted": 0,
    }
    assert len(report.misses) == 1000
    missed = result["missed"]
    assert isinstance(missed, list)
    assert missed[-1] == {"test_id": None, "request": chat("1004").name(), "times": 1}


def test_texts_that_are_no_unicode_are_reported_all_the_same() -> None:
    report = Report()
    report.add_replayed("\ud800", "odd-\udcff.json")
    value = report.to_json("replay", [], None, all_tests=True)
    assert json.loads(dump_json(value)) == value


def test_paced_and_faulty_answers_are_counted_per_test(report: Report) -> None:
    for test_id in ("a", "a", "b"):
        report.add_paced(test_id)
        report.add_faulted(test_id, "rate_limit")
    report.add_faulted("a", "cut_after")
    of_a = report.to_json("replay", RECORDINGS, "a", all_tests=False)
    report.reset("a", all_tests=False)
    of_all = report.to_json("replay", RECORDINGS, None, all_tests=True)

    assert of_a["paced"] == [{"test_id": "a", "times": 2}]
    assert of_a["faulted"] == [
        {"fault": "rate_limit", "test_id": "a", "times": 2},
        {"fault": "cut_after", "test_id": "a", "times": 1},
    ]
    assert of_a["totals"] == {**of_a["totals"], "paced": 2, "faulted": 3}  # type: ignore[dict-item]
    assert (of_all["paced"], of_all["faulted"]) == (
        [{"test_id": "b", "times": 1}],
        [{"fault": "rate_limit", "test_id": "b", "times": 1}],
    )


# --- changes of recordings ----------------------------------------------------------------------------------------


def recorded_names(report: Report) -> list[JSON]:
    reported: Any = report.to_json("record", [], None, all_tests=True)
    return [entry["recording"] for entry in reported["recorded"]]


def test_a_recording_is_reported_by_its_last_name() -> None:
    report = Report()
    report.add_recorded("t", "a.json")
    report.add_recorded("t", "a-2.json")
    report.rename("a.json", None)
    report.rename("a-2.json", "a.json")

    assert recorded_names(report) == ["a.json"]


def test_a_request_that_was_given_up_and_recorded_later_counts_as_recorded() -> None:
    report = Report()
    report.add_not_recorded("t", "POST /v1/x", "the client left", given_up="ab12")
    report.add_not_recorded("t", "POST /v1/x", "the API was not reached")
    report.take_back_given_up("t", "ab12")

    assert [entry["reason"] for entry in report.not_recorded] == ["the API was not reached"]


def test_missed_requests_that_have_a_recording_are_counted_by_their_reason() -> None:
    report = Report()
    report.add_missed("a", "1", {"refused": "X-Replay-Fault='x': unknown"})
    report.add_missed("a", "1", {"refused": "X-Replay-Fault='x': unknown"})
    report.add_missed("b", "2", {"unreadable": "x.json: expected JSON"})
    report.add_missed("b", "3", {"nearest": None})
    totals = report.totals()
    assert (totals["missed"], totals["refused"], totals["unreadable"]) == (4, 2, 1)
    of_b: Any = report.to_json("replay", (), "b", all_tests=False)["totals"]
    assert (of_b["missed"], "refused" in of_b, of_b["unreadable"]) == (2, False, 1)


def test_answers_that_left_no_file_are_counted() -> None:
    report = Report()
    for _ in range(3):
        report.add_equal("a")
    report.add_late("a", "1-2.json", 200)
    report.add_retried("a", had_file=False)
    report.add_retried("b", had_file=True)
    report.add_not_recorded("b", "POST /v1/x", "left", given_up="hash")
    report.take_back_given_up("b", "hash")
    totals = report.totals()
    assert (totals["recorded"], totals["equal"], totals["retried"], totals["not_recorded"]) == (1, 1, 3, 0)
    of_a: Any = report.to_json("record", (), "a", all_tests=False)["totals"]
    assert (of_a["equal"], of_a["retried"]) == (1, 1)
    report.reset("a", all_tests=False)
    assert "equal" not in report.totals()


def test_a_replay_that_is_taken_back_counts_no_more(report: Report) -> None:
    for test_id, recording in (("a", "1.json"), ("b", "1.json"), ("gone", "after a reset.json")):
        report.take_back_replayed(test_id, recording)
    assert report.totals()["replayed"] == 2
    replayed = report.to_json("replay", RECORDINGS, None, all_tests=True)["replayed"]
    assert replayed == [
        {"recording": "1.json", "test_id": "a", "times": 1},
        {"recording": "2.json", "test_id": None, "times": 1},
    ]


def test_a_lost_recording_is_marked() -> None:
    report = Report()
    report.add_not_recorded(None, "POST /v1/x", "the disk is full", is_lost=True)
    assert report.not_recorded == [
        {"test_id": None, "request": "POST /v1/x", "reason": "the disk is full", "lost": True}
    ]
