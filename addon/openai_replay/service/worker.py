"""The one thread that reads the index and writes recordings, in the order of submission."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

log = logging.getLogger(__name__)


class Worker:
    """Runs blocking work off the event loop, one piece at a time."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="openai-replay")

    async def call[T](self, work: Callable[[], T]) -> T:
        """Run work behind all that was submitted before, and return its result."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    def submit(self, work: Callable[[], None]) -> Future[None] | None:
        """Run work later; None, with a line in the log, when the proxy is ending."""
        try:
            return self._executor.submit(work)
        except RuntimeError:  # the executor was shut down
            log.error("An exchange that ended after the proxy began to end is not recorded.")
            return None

    def close(self) -> None:
        """Wait for all submitted work, and end the thread."""
        self._executor.shutdown(wait=True)
