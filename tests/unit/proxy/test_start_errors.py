"""`start_errors`: only errors of the start end mitmproxy at start."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading

import pytest
from mitmproxy.addons.errorcheck import ErrorCheck
from mitmproxy.test import taddons

from openai_replay.proxy.start_errors import count_only_errors_of_the_start, fail_start


async def counted() -> int:
    """Return how many of four errors end the start."""
    errorcheck = ErrorCheck()
    with taddons.context(errorcheck):
        count_only_errors_of_the_start()
        try:
            logging.getLogger("openai_replay.service.service").error("Not recorded: …")
            logging.getLogger("mitmproxy.proxy.server").error("a client broke off")
            assert not errorcheck.logger.has_errored

            fail_start("recording_mode='x'")
            logging.getLogger("mitmproxy.addons.script").error("no such script")
            return len(errorcheck.logger.has_errored)
        finally:
            errorcheck.finish()


def test_errors_of_requests_do_not_count() -> None:
    assert asyncio.run(counted()) == 2


def test_a_thread_that_waits_for_the_lock_finishes_before_the_interpreter_ends() -> None:
    has_finished = threading.Event()

    async def main() -> None:
        fail_start("recording_mode='x'")
        asyncio.get_running_loop().call_later(0, threading.Thread(target=has_finished.set).start)
        sys.exit(1)

    with pytest.raises(SystemExit):
        asyncio.run(main())
    assert has_finished.is_set()
