"""`log_events`: the handler of a deprecated hook is detached, and a master without one is left alone."""

from __future__ import annotations

import asyncio
import logging

from mitmproxy.master import Master
from mitmproxy.options import Options

from openai_replay.proxy.shortcuts.log_events import format_log_lines_once


def test_a_line_of_the_log_has_no_second_handler() -> None:
    async def detach() -> None:
        master = Master(Options())
        assert master._legacy_log_events in logging.getLogger().handlers
        format_log_lines_once(master)
        assert master._legacy_log_events not in logging.getLogger().handlers
        await master.done()

    asyncio.run(detach())


def test_a_master_without_the_handler_is_left_alone() -> None:
    async def detach() -> None:
        master = Master(Options())
        events = master._legacy_log_events
        del master._legacy_log_events
        format_log_lines_once(master)
        events.uninstall()

    asyncio.run(detach())
