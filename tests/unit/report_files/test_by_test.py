"""`by_test`: a report sorted by test, and misses as lines."""

from __future__ import annotations

from openai_replay.report_files.by_test import NO_TEST, by_test, explained, in_one_line, notes

from .reports import MISS, report


def test_entries_are_sorted_by_their_test() -> None:
    parts = by_test(report())
    assert list(parts) == [NO_TEST, "t", "tests/test_a.py::test_b"]
    assert [part.is_good() for part in parts.values()] == [True, False, False]
    assert parts["tests/test_a.py::test_b"].missed == [MISS]


def test_a_miss_names_the_nearest_and_each_difference() -> None:
    assert explained(MISS) == [
        "No recording for POST /v1/chat/completions (request 9f3c51d20b7a), 2 times.",
        "The nearest is ab12.json:",
        '    messages[0].content: recorded "<b>Hi", asked "Ho"',
    ]


def test_a_miss_has_its_next_steps() -> None:
    assert explained({**MISS, "advice": "  Next: this\n    or that"})[-2:] == ["  Next: this", "    or that"]


def test_a_miss_without_a_recording_of_its_endpoint_says_so() -> None:
    assert explained({**MISS, "nearest": None, "differences": []})[1:] == ["There is none of this endpoint."]


def test_a_miss_of_which_the_report_has_the_hash_alone_is_a_request() -> None:
    assert explained({"test_id": None, "times": 1, "request": "a" * 64}) == [
        "No recording for request aaaaaaaaaaaa."
    ]


def test_a_recording_that_cannot_be_read_is_said_with_its_place() -> None:
    unreadable = {
        "method": "GET",
        "endpoint": "/v1/x",
        "request": "ab",
        "unreadable": "x.json: expected JSON",
        "advice": "  Next: …",
    }
    assert explained(unreadable) == [
        "A recording cannot be read for GET /v1/x (request ab):",
        "    x.json: expected JSON",
        "  Next: …",
    ]


def test_a_refused_request_is_said_with_the_reason() -> None:
    refused = {
        "method": "POST",
        "endpoint": "/v1/x",
        "request": "ab",
        "refused": "X-Replay-Fault='x': unknown",
    }
    assert explained(refused) == ["Refused: POST /v1/x (request ab):", "    X-Replay-Fault='x': unknown"]


def test_a_message_of_a_websocket_is_no_request_with_a_hash() -> None:
    assert explained({"method": "SEND", "endpoint": "response.steer", "times": 2}) == [
        "No recording for SEND response.steer, 2 times."
    ]


def test_faults_and_pacing_are_said_of_their_test() -> None:
    parts = by_test(
        report(
            faulted=[
                {"fault": "slow", "test_id": "t", "times": 1},
                {"fault": "rate_limit", "test_id": "t", "times": 2},
            ],
            paced=[{"test_id": None, "times": 4}],
        )
    )
    assert parts["t"].trouble() == "2 with rate_limit, 1 with slow"
    assert parts[NO_TEST].trouble() == "4 paced"
    assert parts["tests/test_a.py::test_b"].trouble() == ""


def test_facts_about_the_whole_run_are_notes() -> None:
    facts = {
        "other_apis": {"api.anthropic.com": 2},
        "distrusted": {"api.openai.com": 1},
        "faulted": [
            {"fault": "rate_limit", "test_id": "a", "times": 1},
            {"fault": "rate_limit", "test_id": "b", "times": 2},
        ],
        "paced": [{"test_id": None, "times": 4}],
    }
    assert notes(report(**facts)) == [
        "2 connections went to api.anthropic.com, a model API that is not recorded",
        "1 client did not trust the proxy's certificate for api.openai.com",
        "answers were changed on purpose: 3 with rate_limit, 4 paced",
    ]
    assert notes(report()) == []


def test_a_miss_in_one_line_has_its_test_and_the_first_difference_or_the_reason() -> None:
    assert in_one_line(MISS) == (
        "miss: tests/test_a.py::test_b: POST /v1/chat/completions (request 9f3c51d20b7a), 2 times: "
        'messages[0].content: recorded "<b>Hi", asked "Ho"'
    )
    assert in_one_line({"test_id": None, "request": "ab", "refused": "why"}) == (
        f"refused: {NO_TEST}: request ab: why"
    )
    assert in_one_line({"test_id": "t", "request": "ab", "unreadable": "x.json: why"}) == (
        "unreadable recording: t: request ab: x.json: why"
    )
    assert in_one_line({"test_id": "t", "request": "ab"}) == "miss: t: request ab"
