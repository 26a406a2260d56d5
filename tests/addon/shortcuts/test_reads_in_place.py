"""`reads_in_place`: a client's bytes reach the layers where they are read, and wait for a client that does not read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from mitmproxy import connection
from mitmproxy.proxy import commands, context, events, layer, mode_specs
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.server import ConnectionHandler, ConnectionIO, LiveConnectionHandler
from mitmproxy.test import taddons
from mitmproxy.utils import asyncio_utils

from openai_replay.proxy.shortcuts.reads_in_place import read_in_place

# mitmproxy's name of the task that reads a connection.
READING = "client connection handler"
IN_PLACE, BY_ITS_TASK, END = "in place", "by its task", "end"

# More than the buffers of a loopback connection hold.
LARGE = bytes(16 * 1024 * 1024)


class Answering(layer.Layer):
    """Answers each read with a given text, and notes the bytes and how they came."""

    def __init__(self, of: context.Context, answer: bytes) -> None:
        super().__init__(of)
        self.answer = answer
        self.taken: list[tuple[bytes, str]] = []

    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        if isinstance(event, events.DataReceived):
            task = asyncio.current_task()
            assert task is not None
            self.taken.append((event.data, BY_ITS_TASK if task.get_name().startswith(READING) else IN_PLACE))
            yield commands.SendData(event.connection, self.answer)
        elif isinstance(event, events.ConnectionClosed):
            self.taken.append((b"", END))
            yield commands.CloseConnection(event.connection)


class Handler(LiveConnectionHandler):
    """A client's connection without hooks."""

    async def handle_hook(self, hook: commands.StartHook) -> None:
        """Do nothing."""


class Client:
    """A client over loopback, and the other side of its connection."""

    def __init__(self, handler: Handler, above: Answering, io: tuple[Any, Any]) -> None:
        self.handler = handler
        self.layer = above
        self._reader, self._writer = io

    async def send(self, data: bytes) -> None:
        """Send bytes, and wait until the layer has them."""
        before = len(self.layer.taken)
        self._writer.write(data)
        while len(self.layer.taken) == before:
            await asyncio.sleep(0)

    async def receive(self, size: int) -> bytes:
        """Return the next bytes."""
        received: bytes = await self._reader.readexactly(size)
        return received

    def close(self) -> None:
        """End the connection."""
        self._writer.close()


@asynccontextmanager
async def connected(answer: bytes) -> AsyncIterator[Client]:
    """Connect to a server of this process whose connections read in place; at the end its connection has ended."""
    handlers: asyncio.Queue[tuple[Handler, Answering]] = asyncio.Queue()
    is_over = asyncio.Event()
    mode = mode_specs.ProxyMode.parse("regular")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handler = Handler(reader, writer, options, mode)
        above = Answering(context.Context(handler.client, options), answer)
        handler.layer = above
        handlers.put_nowait((handler, above))
        await handler.handle_client()
        is_over.set()

    undo = read_in_place()
    with asyncio_utils.set_eager_task_factory(), taddons.context() as master:
        options = master.options
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            io = await asyncio.open_connection(*server.sockets[0].getsockname())
            client = Client(*await handlers.get(), io)
            yield client
            client.close()
            await is_over.wait()
        master.master._legacy_log_events.uninstall()
    undo()


async def test_bytes_are_taken_without_a_turn_of_the_loop() -> None:
    async with connected(b"answer") as client:
        for number in range(3):
            await client.send(b"%d" % number)
            assert await client.receive(6) == b"answer"
    assert client.layer.taken == [(b"0", IN_PLACE), (b"1", IN_PLACE), (b"2", IN_PLACE), (b"", END)]


async def test_a_client_that_does_not_read_is_held_back() -> None:
    async with connected(LARGE) as client:
        await client.send(b"first")
        await client.send(b"second")
        for _ in range(2):
            assert await client.receive(len(LARGE)) == LARGE
        await client.send(b"third")
        assert await client.receive(len(LARGE)) == LARGE
        await client.send(b"fourth")
        assert await client.receive(len(LARGE)) == LARGE
    assert b"".join(data for data, _ in client.layer.taken) == b"firstsecondthirdfourth"
    assert [how for _, how in client.layer.taken[:2]] == [IN_PLACE, BY_ITS_TASK]


async def test_an_upstream_connection_is_waited_for_as_before() -> None:
    async with connected(b"answer") as client:
        upstream = connection.Server(address=("upstream", 443))
        client.handler.transports[upstream] = ConnectionIO()
        await client.send(b"first")
        del client.handler.transports[upstream]
        assert await client.receive(6) == b"answer"
        await client.send(b"second")
        assert await client.receive(6) == b"answer"
    assert client.layer.taken[:2] == [(b"first", BY_ITS_TASK), (b"second", IN_PLACE)]


async def test_a_closed_connection_hands_on_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async with connected(b"answer") as client:
        client.close()
    assert client.layer.taken == [(b"", END)]
    assert "crashed" not in caplog.text


def test_the_internals_are_put_back() -> None:
    before = ConnectionHandler.handle_client
    undo = read_in_place()
    replaced: Any = ConnectionHandler.handle_client
    undo()
    assert replaced is not before
    assert ConnectionHandler.handle_client is before
