"""`guarded`: mitmproxy as it is meets each expectation, one that differs is left alone, and all is put back."""

from __future__ import annotations

import logging
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pytest
from mitmproxy import addonmanager, http
from mitmproxy.utils import asyncio_utils

from addon.conftest import loaded, request_flow
from openai_replay.proxy import shortcuts
from openai_replay.proxy.shortcuts.guarded import ENVIRONMENT_NAME, Shortcut, apply, are_refused

MODULES = [
    import_module(f"{shortcuts.__name__}.{module.name}") for module in iter_modules(shortcuts.__path__)
]
ALL = list(
    {
        shortcut.name: shortcut
        for module in MODULES
        for shortcut in vars(module).values()
        if isinstance(shortcut, Shortcut)
    }.values()
)
EXPECTATIONS = [(shortcut, function) for shortcut in ALL for function in shortcut.expects]


def internals(manager: Any = None) -> list[Any]:
    """Return the functions that the addon replaces, as they are now."""
    return [
        vars(http.MessageData).get("__post_init__"),
        asyncio_utils.set_task_debug_info,
        None if manager is None else vars(manager).get("handle_lifecycle"),
    ]


@pytest.mark.skipif(are_refused(), reason="the shortcuts are refused in this run")
@pytest.mark.parametrize("shortcut", ALL, ids=lambda shortcut: shortcut.name)
def test_this_mitmproxy_is_as_expected(shortcut: Shortcut) -> None:
    assert shortcut.is_possible()
    assert shortcut.gain


@pytest.mark.parametrize(
    ("function", "expected", "found"),
    [
        ("mitmproxy.addonmanager:AddonManager.register", "(self)", "(self, addon)"),
        ("mitmproxy.addonmanager:AddonManager.gone", "(self)", "nothing"),
        ("mitmproxy.gone:Gone.method", "(self)", "nothing"),
    ],
)
def test_a_mitmproxy_that_differs_is_left_alone_with_one_debug_line(
    function: str,
    expected: str,
    found: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(ENVIRONMENT_NAME, raising=False)
    shortcut = Shortcut("a test", "nothing", {function: expected})
    with caplog.at_level(logging.DEBUG):
        assert apply([(shortcut, lambda: pytest.fail("it was applied"))]) == []
    [record] = caplog.records
    assert record.levelno == logging.DEBUG
    assert record.getMessage().endswith(f"a test: expected {function}{expected}, found {found}")


@pytest.mark.parametrize(
    ("shortcut", "function"), EXPECTATIONS, ids=lambda value: getattr(value, "name", value)
)
def test_each_shortcut_is_left_out_when_one_signature_differs(
    shortcut: Shortcut, function: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def another(self: object, more: int) -> None:
        """Do nothing."""

    monkeypatch.delenv(ENVIRONMENT_NAME, raising=False)
    module, _, name = function.partition(":")
    owner, _, attribute = name.rpartition(".")
    place = import_module(module)
    monkeypatch.setattr(attrgetter(owner)(place) if owner else place, attribute, another)
    with caplog.at_level(logging.DEBUG, shortcuts.__name__):
        assert apply([(shortcut, lambda: pytest.fail("it was applied"))]) == []
    assert [record.getMessage() for record in caplog.records] == [
        f"mitmproxy is left as it is, without the shortcut {shortcut.name}: "
        f"expected {function}{shortcut.expects[function]}, found (self, more)"
    ]


def test_the_environment_refuses_all_that_are_no_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVIRONMENT_NAME, "refused")
    assert [shortcut.name for shortcut in ALL if shortcut.is_possible()] == [
        "white space and invalid headers of HTTP/2",
        "reverse mode without UDP",
    ]


async def test_the_addon_puts_everything_back(tmp_path: Path) -> None:
    before = internals()
    async with loaded(tmp_path) as addon:
        manager = addon.context.master.addons
        replaced = internals(manager)
        assert (replaced == before) == are_refused()
        manager.remove(addon.addon)
        assert internals(manager) == before
    assert internals() == before


async def test_a_mitmproxy_of_another_signature_serves_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def another(_message: http.MessageData, *, is_strict: bool = False) -> None:
        """Check nothing."""

    async def handle(manager: addonmanager.AddonManager, event: Any, _more: int = 0) -> None:
        await manager.trigger_event(event)

    monkeypatch.setattr(http.MessageData, "__post_init__", another)
    monkeypatch.setattr(addonmanager.AddonManager, "handle_lifecycle", handle)
    async with loaded(tmp_path) as addon:
        assert vars(http.MessageData)["__post_init__"] is another
        assert "handle_lifecycle" not in vars(addon.context.master.addons)
        flow = await addon.ask(request_flow({"model": "gpt-4o"}))
    assert flow.response is not None
    assert flow.response.status_code == 400
