"""`given_options`: a value that mitmproxy cannot take never leaves a proxy without the addon."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import hooks
from mitmproxy.addons import proxyserver
from mitmproxy.test import taddons

from openai_replay.proxy.addon import OpenAIReplay
from openai_replay.proxy.given_options import given_options

from .conftest import Loaded, unfinished_tasks

NOT_STARTED = "the addon did not start: nothing connects"


async def started(*texts: str, **configured: Any) -> tuple[str | None, dict[str, Any]]:
    """Load the addon as mitmproxy loads a script; return why it refuses to connect, and the addon's options.

    Args:
        texts: those after `--set`. Another addon has registered the number `other_number`.
        configured: values of mitmproxy's configuration file.
    """
    addon = OpenAIReplay()
    with taddons.context(proxyserver.Proxyserver()) as context:
        context.options.set(*texts, defer=True)
        context.options.update_defer(**configured)
        context.options.add_option("other_number", int, 0, "")
        context.master.addons.add(addon)
        context.master.addons.invoke_addon_sync(addon, hooks.ConfigureHook(context.options.keys()))
        refusal = Loaded(addon, context).refusal_to_connect("other.example")
        assert not context.options.deferred
        own = given_options(["recording_mode", "recording_dir", "recording_ignore"])
        context.master.addons.remove(addon)
        await asyncio.gather(*unfinished_tasks())
        context.master._legacy_log_events.uninstall()
    return refusal, own


async def test_values_that_were_given_before_the_start_are_taken(tmp_path: Path) -> None:
    refusal, own = await started(
        "recording_ignore=a", "recording_ignore=b", "other_number=2", recording_dir=str(tmp_path)
    )
    assert refusal is None
    assert own == {"recording_dir": str(tmp_path), "recording_ignore": ["a", "b"]}


@pytest.mark.parametrize(
    ("texts", "configured", "line"),
    [
        (["recording_mode=live"] * 2, {}, "recording_mode: expected one value, got 'live', 'live'"),
        (["recording_mode=live", "recording_dir"], {}, "recording_dir: expected one value, got none"),
        (
            ["recording_mode=live", "other_number=x"],
            {},
            "Failed to parse option other_number: not an integer: x",
        ),
        (
            ["recording_mode=live"],
            {"recording_max_body": 5},
            "Expected <class 'str'> for recording_max_body, but got <class 'int'>.",
        ),
    ],
)
async def test_any_other_value_is_an_error_of_the_addon_that_refuses_everything(
    texts: list[str], configured: dict[str, Any], line: str, caplog: pytest.LogCaptureFixture
) -> None:
    refusal, _ = await started(*texts, **configured)
    assert refusal == NOT_STARTED
    assert [record.message for record in caplog.records] == [line]
