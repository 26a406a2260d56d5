"""Describe a running proxy to a test runner, which then leads each test to it under the test's id.

`proxy_program.ProxyDescription` reads the description.
"""

from __future__ import annotations

import json

from ..options import Mode
from .environment import Changes, base_url, proxy_url
from .plan import Plan
from .proxy_program import PLACEHOLDER, RUN


def description(plan: Plan, port: int, environment: Changes, test_id: str | None) -> dict[str, object]:
    """Return the description, for JSON.

    Args:
        environment: the variables that lead a test to the proxy, None for one to be unset.
        test_id: the test id that stands in them and in the URL.
    """
    return {
        "port": port,
        "url": _url(plan, port, test_id),
        "is_reverse": plan.target is not None,
        "mode": plan.settings.mode.value,
        "directory": str(plan.settings.directory),
        "hosts": [] if plan.settings.mode is Mode.LIVE else [host.text for host in plan.settings.hosts],
        "unrecorded_base_url": plan.unrecorded_base_url(),
        "without_key": "",
        "environment": environment,
    }


def of_run(plan: Plan, port: int, changes: Changes) -> Changes:
    """Return the variable that describes the proxy of a run to a test runner under it.

    Args:
        changes: the variables of the run's command. A test differs from it in the URL of the proxy alone.
    """
    reached = _url(plan, port, plan.settings.test_id if plan.target else None)
    of_a_test = _url(plan, port, PLACEHOLDER)
    environment: Changes = {name: of_a_test for name, value in changes.items() if value == reached}
    return {RUN: json.dumps(description(plan, port, environment, PLACEHOLDER))}


def _url(plan: Plan, port: int, test_id: str | None) -> str:
    target = plan.target
    return proxy_url(port, test_id) if target is None else base_url(port, target.path, test_id)
