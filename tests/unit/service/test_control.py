"""`control`: what the proxy is asked itself."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.format.recording import JSON
from openai_replay.service.control import Scope, body, command


@pytest.mark.parametrize(
    ("method", "target", "name", "scope"),
    [
        ("GET", "/report", "report", Scope()),
        ("GET", "/report?", "report", Scope()),
        ("GET", "/report?test_id=a%3A%3Ab%20c", "report", Scope("a::b c", all_tests=False)),
        ("GET", "/report?test_id=", "report", Scope(None, all_tests=False)),
        ("GET", "/report?x=y", "report", Scope()),
        ("POST", "/reset", "reset", Scope()),
        ("POST", "/reset?test_id=%C3%BC", "reset", Scope("ü", all_tests=False)),
    ],
)
def test_a_command_is_for_all_tests_or_for_one(method: str, target: str, name: str, scope: Scope) -> None:
    api_request = command(method, target)
    assert (api_request.name, api_request.scope, api_request.status) == (name, scope, 200)


@pytest.mark.parametrize(
    ("method", "target", "status", "problem"),
    [
        ("POST", "/report", 405, "unexpected method POST: expected GET /report"),
        ("GET", "/reset", 405, "unexpected method GET: expected POST /reset"),
        ("GET", "/", 404, "unknown path /: expected GET /report or POST /reset or GET /metrics"),
        (
            "GET",
            "/reports",
            404,
            "unknown path /reports: expected GET /report or POST /reset or GET /metrics",
        ),
        (
            "GET",
            "//[/report",
            404,
            "unknown path //[/report: expected GET /report or POST /reset or GET /metrics",
        ),
    ],
)
def test_what_is_no_command_is_told_what_is(method: str, target: str, status: int, problem: str) -> None:
    api_request = command(method, target)

    assert (api_request.name, api_request.status) == ("", status)
    assert json.loads(body(api_request)) == {"error": {"message": problem, "type": "recording_error"}}


def test_a_report_is_sent_to_who_asks_for_it() -> None:
    report: JSON = {"of": "a"}
    assert json.loads(body(command("GET", "/report?test_id=a"), report)) == {"of": "a"}
    assert json.loads(body(command("POST", "/reset?test_id=a"), report)) == {"reset": True}


def test_a_report_may_hold_what_is_no_unicode() -> None:
    assert json.loads(body(command("GET", "/report"), "\ud800")) == "\ud800"


@given(st.sampled_from(["GET", "POST", "HEAD", ""]), st.text(st.characters(codec=None), max_size=20))
def test_any_request_has_an_answer(method: str, target: str) -> None:
    for api_request in (
        command(method, target),
        command(method, f"/report?{target}"),
        command(method, f"/{target}"),
    ):
        assert api_request.status in (200, 404, 405)
        assert json.loads(body(api_request)) is not False
