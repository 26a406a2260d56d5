"""Advice for a run in which the proxy saw no request."""

from openai_replay.launch.hint import hint
from unit.launch.conftest import Planner
from unit.launch.test_outcome import report


def test_a_run_without_a_request_gets_one_short_line(plan_of: Planner) -> None:
    text = hint(plan_of(), report())
    assert text.startswith("The proxy saw no request to api.openai.com")
    assert "openai-replay run --base-url" in text
    of_base_url = hint(plan_of(base_url=True), report())
    assert "read OPENAI_BASE_URL?" in of_base_url
    for line in (text, of_base_url):
        assert "\n" not in line
        assert "CLIENTS.md" not in line, "an installed package has no such file"
        assert len(line) < 250


def test_there_is_none_where_a_request_came_or_none_was_to_come(plan_of: Planner) -> None:
    assert hint(plan_of(), report(missed=1)) == ""
    assert hint(plan_of(), report(refused_upgrades=1)) == ""
    assert hint(plan_of(mode="live"), report()) == ""


def test_a_client_that_does_not_trust_the_certificate_does_not_go_past_the_proxy(plan_of: Planner) -> None:
    assert hint(plan_of(), {**report(), "distrusted": {"api.openai.com": 1}}) == ""


def test_a_model_api_that_is_not_recorded_is_the_cause(plan_of: Planner) -> None:
    assert hint(plan_of(), {**report(), "other_apis": {"api.anthropic.com": 1}}) == ""


def test_a_base_url_that_is_not_recorded_is_named(plan_of: Planner) -> None:
    environment = {"OPENAI_BASE_URL": "https://a.example/v1", "OPENAI_RECORDING_HOSTS": "b.example"}
    assert "OPENAI_BASE_URL is https://a.example/v1: expected one of the recorded hosts" in hint(
        plan_of(environment), report()
    )
