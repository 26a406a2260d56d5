"""`web_socket`: the messages of a client wait in order, and its leaving is told to everyone who waits."""

from __future__ import annotations

import asyncio
import math

import pytest

from openai_replay.service.web_socket import Gone, Inbox


def test_messages_come_in_order_and_then_the_client_has_gone_for_good() -> None:
    async def main() -> None:
        inbox = Inbox()
        await inbox.put("one")
        await inbox.put(b"two")
        await inbox.end()
        assert [await inbox.next(), await inbox.next()] == ["one", b"two"]
        for _ in range(2):
            with pytest.raises(Gone):
                await inbox.next()

    asyncio.run(main())


def test_a_client_that_sends_more_than_is_handled_has_to_wait() -> None:
    async def main() -> None:
        inbox = Inbox()

        async def send(count: int) -> None:
            for _ in range(count):
                await inbox.put("message")

        sending = asyncio.create_task(send(1025))
        while await inbox.next() and not sending.done():
            await asyncio.sleep(0)
        assert sending.done()

    asyncio.run(main())


@pytest.mark.parametrize("most_s", [-1.0, 0.0, 0.001])
def test_a_wait_is_over_when_its_time_is(most_s: float) -> None:
    asyncio.run(Inbox().wait_for_end(most_s))


def test_a_wait_is_over_when_the_client_leaves() -> None:
    async def main() -> None:
        inbox = Inbox()
        waiting = asyncio.create_task(inbox.wait_for_end(math.inf))
        await inbox.end()
        await waiting

    asyncio.run(main())
