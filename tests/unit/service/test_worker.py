"""`worker`: blocking work is done in the order of submission, and refused once the process ends."""

from __future__ import annotations

import asyncio

import pytest

from openai_replay.service.worker import Worker


def test_work_is_done_in_the_order_of_submission() -> None:
    done: list[str] = []
    worker = Worker()

    async def submit_and_wait() -> int:
        worker.submit(lambda: done.append("first"))
        return await worker.call(lambda: len(done))

    assert asyncio.run(submit_and_wait()) == 1
    worker.submit(lambda: done.append("second"))
    worker.close()
    assert done == ["first", "second"]


def test_an_exception_reaches_the_caller() -> None:
    worker = Worker()

    def fail() -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        asyncio.run(worker.call(fail))
    worker.close()


def test_work_after_the_end_is_refused_with_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    worker = Worker()
    worker.close()
    assert worker.submit(lambda: None) is None
    assert [record.levelname for record in caplog.records] == ["ERROR"]
