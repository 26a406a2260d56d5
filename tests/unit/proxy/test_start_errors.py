"""`start_errors`: only errors of the start end mitmproxy at start."""

from __future__ import annotations

import logging

from mitmproxy.addons.errorcheck import ErrorCheck
from mitmproxy.test import taddons

from openai_replay.proxy.start_errors import STOPS_START, count_only_errors_of_the_start


def test_errors_of_requests_do_not_count() -> None:
    errorcheck = ErrorCheck()
    with taddons.context(errorcheck):
        count_only_errors_of_the_start()
        try:
            logging.getLogger("openai_replay.service.service").error("Not recorded: …")
            logging.getLogger("mitmproxy.proxy.server").error("a client broke off")
            assert not errorcheck.logger.has_errored

            logging.getLogger("openai_replay.proxy.addon").error("recording_mode='x'", extra=STOPS_START)
            logging.getLogger("mitmproxy.addons.script").error("no such script")
            assert len(errorcheck.logger.has_errored) == 2
        finally:
            errorcheck.finish()
