"""The WebSocket server for replayed upgrades: each prepared path once, and no other path."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    Event,
    RejectConnection,
    Request,
    TextMessage,
)

from openai_replay.proxy.loopback_origin import HOST
from openai_replay.proxy.websocket_origin import Prepared, WebSocketOrigin
from openai_replay.service.web_socket import Accepted, Headers, Serve, Socket
from openai_replay.wire.socket_notes import Close


class Client:
    """A client of the origin, in the same loop."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._protocol = WSConnection(ConnectionType.CLIENT)

    def send(self, event: Event) -> None:
        self._writer.write(self._protocol.send(event))

    async def receive(self) -> Event:
        while True:
            for event in self._protocol.events():
                return event
            self._protocol.receive_data(await self._reader.read(65536) or None)


@asynccontextmanager
async def connected(origin: WebSocketOrigin, path: str, *subprotocols: str) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection(HOST, origin.port)
    client = Client(reader, writer)
    client.send(Request(host=HOST, target=path, subprotocols=list(subprotocols)))
    try:
        yield client
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def prepared(serve: Serve, headers: Headers = ()) -> Prepared:
    return Prepared(Accepted(serve, headers), lambda: None)


async def echo(socket: Socket) -> None:
    while True:
        await socket.send(await socket.receive())


def run(act: Callable[[WebSocketOrigin], Awaitable[None]]) -> None:
    async def main() -> None:
        origin = WebSocketOrigin()
        try:
            await act(origin)
        finally:
            origin.close()

    asyncio.run(main())


def test_messages_go_both_ways_and_a_close_frame_is_answered() -> None:
    async def act(origin: WebSocketOrigin) -> None:
        async with connected(origin, await origin.add(prepared(echo))) as client:
            assert isinstance(await client.receive(), AcceptConnection)
            client.send(TextMessage(data="Grüße"))
            assert await client.receive() == TextMessage(data="Grüße")
            client.send(CloseConnection(code=1000, reason="enough"))
            assert await client.receive() == CloseConnection(code=1000, reason="enough")

    run(act)


def test_a_path_works_once_and_another_not_at_all() -> None:
    async def act(origin: WebSocketOrigin) -> None:
        path = await origin.add(prepared(echo))
        async with connected(origin, path) as client:
            assert isinstance(await client.receive(), AcceptConnection)
        for used in (path, "/guessed"):
            async with connected(origin, used) as client:
                refused = await client.receive()
                assert isinstance(refused, RejectConnection)
                assert refused.status_code == 404

    run(act)


def test_the_subprotocol_is_never_a_key() -> None:
    async def act(origin: WebSocketOrigin) -> None:
        path = await origin.add(prepared(echo))
        async with connected(origin, path, "openai-insecure-api-key.ek_1", "realtime") as client:
            accepted = await client.receive()
            assert isinstance(accepted, AcceptConnection)
            assert accepted.subprotocol == "realtime"

    run(act)


def test_the_server_closes_with_code_and_reason() -> None:
    async def refuse(socket: Socket) -> None:
        socket.close(Close(1008, "no recording"))

    async def act(origin: WebSocketOrigin) -> None:
        async with connected(origin, await origin.add(prepared(refuse))) as client:
            assert isinstance(await client.receive(), AcceptConnection)
            assert await client.receive() == CloseConnection(code=1008, reason="no recording")

    run(act)


@pytest.mark.parametrize("is_reset", [False, True])
def test_a_break_has_no_close_frame_and_a_reset_concerns_the_client(is_reset: bool) -> None:
    resets: list[bool] = []

    async def break_off(socket: Socket) -> None:
        await socket.receive()
        socket.break_off(is_reset=is_reset)

    async def act(origin: WebSocketOrigin) -> None:
        path = await origin.add(Prepared(Accepted(break_off), lambda: resets.append(True)))
        async with connected(origin, path) as client:
            assert isinstance(await client.receive(), AcceptConnection)
            client.send(TextMessage(data="go"))
            assert await code_of_end(client) == 1006

    run(act)
    assert resets == [True] * is_reset


async def code_of_end(client: Client) -> int:
    """Return the code of the next close frame, 1006 where the connection ends without one (RFC 6455, 7.1.5)."""
    try:
        closed = await client.receive()
    except ConnectionResetError:
        return 1006
    assert isinstance(closed, CloseConnection)
    return int(closed.code)


def test_a_wait_ends_when_the_client_leaves() -> None:
    woken = asyncio.Event()

    async def wait_for_ever(socket: Socket) -> None:
        await socket.sleep(0)
        await socket.sleep(math.inf)
        woken.set()

    async def act(origin: WebSocketOrigin) -> None:
        async with connected(origin, await origin.add(prepared(wait_for_ever))) as client:
            assert isinstance(await client.receive(), AcceptConnection)
        await woken.wait()

    run(act)


def test_the_acceptance_has_the_prepared_headers() -> None:
    async def act(origin: WebSocketOrigin) -> None:
        path = await origin.add(prepared(echo, (("x-replay-fault", "slow"),)))
        async with connected(origin, path) as client:
            accepted = await client.receive()
            assert isinstance(accepted, AcceptConnection)
            assert (b"x-replay-fault", b"slow") in accepted.extra_headers

    run(act)
