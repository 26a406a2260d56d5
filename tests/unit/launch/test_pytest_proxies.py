"""The proxy of a pytest run, as each of its processes finds it; tests/e2e/test_pytest_plugin starts them."""

import json

import pytest

from openai_replay.launch.proxy_program import RUN
from openai_replay.launch.pytest_proxies import CONTROLLER, ControllersProxy, OwnProxy, RunsProxy, proxies_of
from unit.launch.test_proxy_program import DESCRIBED


def test_a_worker_asks_its_controller_then_run_is_asked_and_else_a_proxy_is_started(
    pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(RUN, raising=False)
    own = proxies_of(pytestconfig)
    assert isinstance(own, OwnProxy)
    assert (own.has_started(), own.log()) == (False, [])
    monkeypatch.setenv(RUN, json.dumps(DESCRIBED))
    of_run = proxies_of(pytestconfig)
    assert isinstance(of_run, RunsProxy)
    assert of_run.described().directory == "/recordings"
    monkeypatch.setenv(CONTROLLER, "/nowhere")
    assert isinstance(proxies_of(pytestconfig), ControllersProxy)
    assert isinstance(proxies_of(pytestconfig), RunsProxy), "a pytest in a test has another controller"
