"""The hooks of the pytest plugin; tests/e2e/test_pytest_plugin runs it."""

import pytest

from openai_replay.launch.pytest_plugin import _USES_FIXTURE, TestsSeen, _fail_for_bypass


def passed(nodeid: str) -> pytest.TestReport:
    return pytest.TestReport(nodeid, ("a.py", 1, "a"), {}, "passed", None, "call")


def test_tests_that_used_the_fixture_are_noted_also_from_another_process() -> None:
    seen, of_worker = TestsSeen(), passed("a.py::test_a")
    setattr(of_worker, _USES_FIXTURE, True)
    serialised = of_worker._to_json()
    seen.pytest_runtest_logreport(pytest.TestReport._from_json(serialised))
    seen.pytest_runtest_logreport(passed("a.py::test_b"))
    assert seen.using_fixture == {"a.py::test_a"}


def test_a_client_past_the_proxy_fails_its_test() -> None:
    made = passed("a.py::test_a")
    _fail_for_bypass(made, [])
    assert made.passed
    _fail_for_bypass(made, ["api.openai.com"])
    assert made.failed
    assert "a client goes past the proxy to api.openai.com" in made.longreprtext
    _fail_for_bypass(made, ["api.openai.com"])
    assert [name for name, _ in made.sections] == ["openai-replay: past the proxy"]
