"""The description of a proxy for a test runner."""

import json

import pytest

from openai_replay.launch.description import description, of_run
from openai_replay.launch.proxy_program import RUN, ProxyDescription
from openai_replay.launch.run import changes_of_run
from openai_replay.launch.trust import Trust
from unit.launch.conftest import Planner


@pytest.mark.parametrize("uses_base_url", [False, True])
def test_a_test_under_run_differs_from_it_in_the_urls_of_the_proxy(
    plan_of: Planner, trust: Trust, uses_base_url: bool
) -> None:
    plan = plan_of(base_url=uses_base_url, test_id="all/of them")
    changes = changes_of_run(plan, 8080, trust, {})
    described = ProxyDescription.from_json(json.loads(of_run(plan, 8080, changes)[RUN] or ""))
    environment = described.environment_for("a/b", {name: value for name, value in changes.items() if value})
    if uses_base_url:
        assert environment["OPENAI_BASE_URL"] == described.url_for("a/b") == "http://127.0.0.1:8080/@a%2Fb/v1"
    else:
        assert environment["HTTPS_PROXY"] == described.url_for("a/b") == "http://a%2Fb:any@127.0.0.1:8080"
    differing = {name for name, value in environment.items() if changes[name] != value}
    assert differing == set(described.environment)


def test_a_live_proxy_records_no_host(plan_of: Planner) -> None:
    assert description(plan_of(mode="live"), 1, {}, None)["hosts"] == []
    described = description(plan_of(), 1, {}, "t")
    assert described["hosts"] == ["api.openai.com", "*.api.openai.com"]
    assert described["url"] == "http://t:any@127.0.0.1:1"
