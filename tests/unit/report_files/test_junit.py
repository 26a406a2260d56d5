"""`junit`: XML that any reader of JUnit reports takes."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from openai_replay.report_files.junit import junit

from .reports import EMPTY, MISS, report


def suite_of(reported: dict[str, Any]) -> ElementTree.Element:
    suite = ElementTree.fromstring(junit(reported)).find("testsuite")
    assert suite is not None
    return suite


def test_each_test_is_a_case_that_fails_by_its_misses() -> None:
    suite = suite_of(report())
    assert (suite.get("tests"), suite.get("failures")) == ("3", "2")
    messages = {case.get("name"): [one.get("message") for one in case] for case in suite.iter("testcase")}
    assert messages == {
        "(no test id)": [],
        "t": ["Not recorded: POST /v1/x: the response broke off"],
        "tests/test_a.py::test_b": [
            "No recording for POST /v1/chat/completions (request 9f3c51d20b7a), 2 times."
        ],
    }
    assert suite.findtext("system-out") == "Unused recordings:\nef56.json"


def test_a_failure_names_its_kind() -> None:
    refused = {"test_id": "a", "request": "ab", "refused": "X-Replay-Fault='x': unknown"}
    unreadable = {"test_id": "b", "request": "cd", "unreadable": "x.json: expected JSON"}
    suite = suite_of(report(missed=[refused, unreadable, {**MISS, "test_id": "c"}], not_recorded=[]))
    assert [one.get("type") for one in suite.iter("failure")] == ["refused", "unreadable recording", "miss"]


def test_a_run_without_requests_has_no_case() -> None:
    suite = suite_of(EMPTY)
    assert (suite.get("tests"), suite.get("failures"), list(suite)) == ("0", "0", [])


@given(st.text())
def test_every_test_id_can_be_written(test_id: str) -> None:
    (case,) = suite_of({**EMPTY, "missed": [{**MISS, "test_id": f"x{test_id}"}]}).iter("testcase")
    assert (case.get("name") or "").startswith("x")
