"""`control`: requests to the proxy itself."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.format.recording import JSON
from openai_replay.service.control import HOST, Scope, body, command, refusal_of


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


def refusal(**headers: str) -> str:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return refusal_of(named, allowed_host=lambda host: host == "api.openai.com")


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "localhost:8080", "127.0.0.1:8080", "[::1]:8080", "::1", "proxy", "proxy:8080", ""),
        *(HOST, f"{HOST}:80", "a.localhost", "10.0.0.7:8080", "api.openai.com", "LOCALHOST."),
    ],
)
def test_the_proxys_own_names_are_answered(host: str) -> None:
    assert refusal(host=host) == ""
    assert refusal(host=host, sec_fetch_site="same-origin") == ""
    assert refusal(host=host, sec_fetch_site="none") == ""


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({"host": "localhost", "origin": "https://evil.example"}, "expected a request without Origin"),
        ({"host": "localhost", "origin": "null"}, "expected a request without Origin"),
        ({"host": "localhost", "sec_fetch_site": "cross-site"}, "expected a request that is not cross-site"),
        ({"host": "localhost", "sec_fetch_site": "same-site"}, "expected a request that is not cross-site"),
        ({"host": "evil.example:8080"}, "expected localhost, an address or openai-replay.test as Host"),
        ({"host": "127.0.0.1.evil.example"}, "expected localhost, an address or openai-replay.test as Host"),
    ],
)
def test_web_pages_are_refused(headers: dict[str, str], why: str) -> None:
    assert refusal(**headers).endswith(why)
