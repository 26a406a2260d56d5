"""`summary`: the counts of a run in one line."""

from openai_replay.report_files.summary import summary
from unit.launch.test_outcome import report


def test_the_summary_counts_and_leaves_rare_counts_out() -> None:
    assert summary(report()["totals"]) == "0 replayed, 0 recorded, 0 missed, 0 unused"
    totals = report(replayed=3, not_recorded=1, unused=5)["totals"]
    assert summary(totals, pruned=4) == (
        "3 replayed, 0 recorded, 0 missed, 1 not recorded, 1 unused, 4 pruned"
    )


def test_missed_requests_that_have_a_recording_are_told_apart() -> None:
    totals = report(missed=4, refused=2, unreadable=1)["totals"]
    assert summary(totals) == (
        "0 replayed, 0 recorded, 4 missed (2 refused, 1 with an unreadable recording), 0 unused"
    )


def test_answers_without_a_file_are_counted_where_there_are_any() -> None:
    totals = report(recorded=2, equal=3, retried=1)["totals"]
    assert summary(totals) == (
        "0 replayed, 2 recorded, 0 missed, 0 unused, 3 recorded as equal to the one before, 1 retried with success"
    )
