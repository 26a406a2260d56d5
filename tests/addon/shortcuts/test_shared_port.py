"""`shared_port`: two servers on one port, no UDP for reverse mode, and all is put back."""

from __future__ import annotations

import asyncio
import socket

import pytest
from mitmproxy.proxy import mode_specs

from openai_replay.proxy.shortcuts.shared_port import listen_with_others, listen_without_udp

HOST = "127.0.0.1"


@pytest.mark.skipif(not hasattr(socket, "SO_REUSEPORT"), reason="this system shares no ports")
def test_two_servers_listen_on_one_port() -> None:
    async def listen_twice() -> None:
        undo = listen_with_others()
        one = await asyncio.start_server(lambda *_: None, HOST, 0)
        port = one.sockets[0].getsockname()[1]
        async with one, await asyncio.start_server(lambda *_: None, HOST, port):
            undo()
            with pytest.raises(OSError, match="address already in use"):
                await asyncio.start_server(lambda *_: None, HOST, port)

    asyncio.run(listen_twice())


def test_reverse_mode_listens_for_tcp_alone() -> None:
    spec = "reverse:https://api.openai.com"
    assert mode_specs.ReverseMode.parse(f"{spec}:443").transport_protocol == mode_specs.BOTH
    undo = listen_without_udp()
    try:
        assert mode_specs.ReverseMode.parse(f"{spec}:444").transport_protocol == mode_specs.TCP
    finally:
        undo()
    assert mode_specs.ReverseMode.parse(f"{spec}:445").transport_protocol == mode_specs.BOTH
