"""`loopback_origin`: one free port, a new path for each answer, and no connection after the end."""

from __future__ import annotations

import asyncio

import pytest

from openai_replay.proxy.loopback_origin import HOST, LoopbackOrigin


class Origin(LoopbackOrigin[str]):
    """Closes each connection at once."""

    starts = 0

    def has(self, path: str) -> bool:
        return path in self._prepared

    async def _listen(self) -> asyncio.Server:
        self.starts += 1
        return await asyncio.start_server(lambda _, writer: writer.close(), HOST, 0)


def test_each_answer_has_a_path_and_all_have_one_port() -> None:
    async def prepare() -> None:
        origin = Origin()
        assert not origin.is_at((HOST, 0))
        assert not origin.is_at(None)
        one = await origin.add("a")
        port = origin.port
        other = await origin.add("a")
        assert one != other
        assert origin.port == port
        assert port is not None
        assert origin.is_at((HOST, port))
        assert not origin.is_at(("::1", port, 0, 0))
        _, writer = await asyncio.open_connection(HOST, port)
        writer.close()
        origin.close()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(HOST, port)

    asyncio.run(prepare())


def test_an_answer_that_is_not_fetched_can_be_forgotten() -> None:
    async def prepare() -> None:
        origin = Origin()
        paths = [await origin.add("a"), await origin.add("b")]
        for path in (paths[0], "/of-another-origin"):
            origin.forget(path)
        assert [origin.has(path) for path in paths] == [False, True]
        origin.close()

    asyncio.run(prepare())


def test_first_answers_at_the_same_time_start_one_server() -> None:
    async def prepare() -> None:
        origin = Origin()
        await asyncio.gather(*(origin.add("a") for _ in range(5)))
        assert origin.starts == 1
        origin.close()

    asyncio.run(prepare())
