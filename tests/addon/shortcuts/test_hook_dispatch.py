"""`hook_dispatch`: hooks reach the addons that handle them, and no other addon."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mitmproxy import hooks
from mitmproxy.test import taddons
from mitmproxy.utils import asyncio_utils

from addon.conftest import hook, loaded, request_flow
from openai_replay.proxy.shortcuts import guarded
from openai_replay.proxy.shortcuts.hook_dispatch import (
    Addons,
    skip_test_lookup_in_task_names,
    skip_unhandled_hooks,
)

# mitmproxy's helpers and its manager of addons carry no annotations.
# mypy: allow-untyped-calls


class Listener:
    """An addon that handles `update`, as mitmweb's list of flows does."""

    def __init__(self) -> None:
        self.updated: list[Any] = []

    def update(self, flows: Any) -> None:
        """Take note of the changes."""
        self.updated += flows


class Counting(taddons.context):
    """A context that notes which hooks its manager is given to hand on."""

    def __init__(self) -> None:
        super().__init__()
        self.triggered: list[str] = []
        trigger = self.master.addons.trigger_event

        async def count(event: hooks.Hook) -> None:
            self.triggered.append(event.name)
            await trigger(event)

        vars(self.master.addons)["trigger_event"] = count


async def test_a_hook_that_nobody_handles_is_not_triggered() -> None:
    with Counting() as context:
        skip_unhandled_hooks(context.master.addons)
        context.master.addons.add(Listener())
        await context.master.addons.handle_lifecycle(hook("request", request_flow()))

    assert context.triggered == ["update"]


async def test_an_addon_that_comes_later_gets_its_updates() -> None:
    with Counting() as context:
        skip_unhandled_hooks(context.master.addons)
        context.master.addons.add(listener := Listener())
        flow = request_flow()
        await context.master.addons.handle_lifecycle(hook("request", flow))

    assert listener.updated == [flow]


@pytest.mark.skipif(guarded.are_refused(), reason="the shortcuts are refused in this run")
async def test_a_manager_is_left_as_it_was_found(tmp_path: Path) -> None:
    async with loaded(tmp_path) as addon:
        manager = addon.context.master.addons
        assert "handle_lifecycle" in vars(manager)
        manager.remove(addon.addon)
        assert "handle_lifecycle" not in vars(manager)


async def test_what_was_left_out_is_announced_again() -> None:
    with Counting() as context:
        undo = skip_unhandled_hooks(context.master.addons)
        undo()
        await context.master.addons.handle_lifecycle(hook("request", request_flow()))

    assert context.triggered == ["request", "update"]


async def test_the_own_manager_hands_updates_to_who_handles_them() -> None:
    with taddons.context() as context:
        manager = Addons(context.master)
        flow = request_flow()
        await manager.handle_lifecycle(hook("request", flow))
        manager.add(listener := Listener())
        await manager.handle_lifecycle(hook("request", flow))
        manager.remove(listener)
        await manager.handle_lifecycle(hook("request", flow))

    assert listener.updated == [flow]


async def test_a_task_says_what_it_is_as_before() -> None:
    async def nothing() -> None:
        pass

    undo = skip_test_lookup_in_task_names()
    task = asyncio_utils.create_task(nothing(), name="a hook", keep_ref=True, client=("192.0.2.1", 443))
    undo()
    assert asyncio_utils.task_repr(task) == "192.0.2.1:443: a hook (age: 0s)"
    await task
