"""`request_log`: the line of a request, plain and coloured, and who gets it."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from openai_replay.service.request_log import Outcome, RequestLine, RequestLog

REQUEST = "POST /v1/chat/completions gpt-4o"
LINE = RequestLine(Outcome.REPLAYED, REQUEST, "tests::a", f"sub/{'a' * 64}.json", 8, 1.6)


def test_a_line_has_outcome_request_recording_chunks_time_and_test() -> None:
    expected = f"replayed  {REQUEST}  sub/{'a' * 12}….json  8 chunks  2 ms  [tests::a]"
    assert LINE.text(coloured=False) == expected


def test_an_answer_that_is_changed_on_purpose_is_marked() -> None:
    line = replace(LINE, recording="a.json", trouble="fault slow=20ms  until 160 ms")
    expected = f"replayed  {REQUEST}  a.json  8 chunks  2 ms  fault slow=20ms  until 160 ms  [tests::a]"
    assert line.text(coloured=False) == expected


def test_parts_that_are_unknown_are_left_out() -> None:
    assert RequestLine(Outcome.MISSED, REQUEST).text(coloured=False) == f"missed  {REQUEST}"


def test_a_model_that_is_no_unicode_can_be_written() -> None:
    line = RequestLine(Outcome.REPLAYED, "POST /v1/responses \ud800", "\udcff")
    assert line.text(coloured=False) == r"replayed  POST /v1/responses \ud800  [\udcff]"


def test_on_a_terminal_the_outcome_is_coloured() -> None:
    assert LINE.text(coloured=True).startswith("\033[32mreplayed\033[0m  POST")


@pytest.mark.parametrize(
    ("environment", "is_terminal", "expected"),
    [
        ({}, False, RequestLog(True, False)),
        ({}, True, RequestLog(True, True)),
        ({"NO_COLOR": ""}, True, RequestLog(True, False)),
        ({"OPENAI_REPLAY_REQUEST_LOG": "none"}, True, RequestLog(False, False)),
        ({"OPENAI_REPLAY_REQUEST_LOG": "plain"}, True, RequestLog(True, False)),
        ({"OPENAI_REPLAY_REQUEST_LOG": "coloured"}, False, RequestLog(True, True)),
    ],
)
def test_the_environment_and_the_terminal_decide(
    environment: dict[str, str], is_terminal: bool, expected: RequestLog
) -> None:
    assert RequestLog.of(environment, is_terminal=is_terminal) == expected


def test_a_program_that_writes_no_lines_does_so_when_the_environment_says() -> None:
    logs = [
        RequestLog.of(environment, is_terminal=True, is_usual=False)
        for environment in ({}, {"OPENAI_REPLAY_REQUEST_LOG": "plain"})
    ]
    assert logs == [RequestLog(False, True), RequestLog(True, False)]


@pytest.mark.parametrize("is_on", [True, False])
def test_a_log_that_is_off_writes_nothing(is_on: bool, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "openai_replay.requests"):
        RequestLog(is_on).write(LINE)
    assert len(caplog.records) == is_on
