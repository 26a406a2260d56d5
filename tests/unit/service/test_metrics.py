"""`metrics`: Prometheus's text format, and which numbers are in it."""

from __future__ import annotations

import re

from openai_replay.service.metrics import exposition

TOTALS = {"replayed": 3, "recorded": 0, "missed": 1, "not_recorded": 0, "paced": 2, "faulted": 0}

# The lines of the format that are used here, by its documentation.
LINE = re.compile(r"# HELP \w+ .+|# TYPE \w+ (?:counter|gauge)|\w+(?:\{\w+=\"\w+\"\})? [0-9.]+", re.ASCII)


def test_each_line_is_of_the_format() -> None:
    lines = exposition(TOTALS, 5, 0.25).decode().split("\n")
    assert lines.pop() == ""
    assert [line for line in lines if LINE.fullmatch(line) is None] == []


def test_missed_requests_that_have_a_recording_are_counted_besides() -> None:
    lines = exposition({**TOTALS, "missed": 4, "refused": 2, "unreadable": 1}, 0, 0).decode().splitlines()
    assert 'openai_replay_answers_total{outcome="missed"} 4' in lines
    assert "openai_replay_refused_total 2" in lines
    assert "openai_replay_unreadable_total 1" in lines


def test_answers_are_counted_by_their_outcome() -> None:
    lines = exposition(TOTALS, 5, 0.25).decode().splitlines()
    assert 'openai_replay_answers_total{outcome="replayed"} 3' in lines
    assert 'openai_replay_answers_total{outcome="missed"} 1' in lines
    assert "openai_replay_refused_total 0" in lines
    assert "openai_replay_open_streams 5" in lines
    assert "openai_replay_behind_plan_seconds 0.250000" in lines
