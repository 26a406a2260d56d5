"""`sockets`: a client reads all bytes before the connection ends with a TCP reset."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import pytest
import uvloop

from openai_replay.engine.sockets import can_reset, has_received_all, reset

pytestmark = pytest.mark.skipif(
    not can_reset(), reason="only Linux tells which bytes a client has acknowledged"
)

_MORE_THAN_BUFFERS_HOLD = 16 * 1024 * 1024


async def accepted(client: socket.socket) -> asyncio.Transport:
    """Return the server's end of a connection to a port that is listened on for it."""
    loop = asyncio.get_running_loop()
    made: asyncio.Future[asyncio.Transport] = loop.create_future()

    class Accepting(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            made.set_result(transport)  # type: ignore[arg-type]

    server = await loop.create_server(Accepting, "127.0.0.1", 0)
    await loop.sock_connect(client, server.sockets[0].getsockname())
    transport = await made
    server.close()
    return transport


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize("size", [7, _MORE_THAN_BUFFERS_HOLD])
def test_a_client_reads_all_bytes_before_the_reset(
    new_loop: Callable[[], asyncio.AbstractEventLoop], size: int
) -> None:
    async def main() -> tuple[bool, int]:
        loop = asyncio.get_running_loop()
        with socket.socket() as client:
            client.setblocking(False)
            transport = await accepted(client)
            transport.write(bytes(size))
            was_at_once = has_received_all(transport)
            read = 0
            while read < size:
                read += len(await loop.sock_recv(client, 65536))
            while not has_received_all(transport):
                await asyncio.sleep(0)
            reset(transport)
            with pytest.raises(ConnectionResetError):
                await loop.sock_recv(client, 1)
            return was_at_once, read

    with asyncio.Runner(loop_factory=new_loop) as runner:
        was_at_once, read = runner.run(main())
    assert read == size
    assert size == 7 or not was_at_once
