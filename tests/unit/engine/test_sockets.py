"""`sockets`: a port that is listened on, and the connection of a client, shut down or ended with a TCP reset."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator

import pytest

from openai_replay.engine.sockets import client_socket, is_listening

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc and tcp_info are Linux's")


@pytest.fixture
def connected() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a connection: the server's and the client's."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        client = socket.create_connection(listening.getsockname())
        server, _ = listening.accept()
        with client, server:
            yield server, client


def test_a_client_reads_all_bytes_before_the_reset(connected: tuple[socket.socket, socket.socket]) -> None:
    server, client = connected
    found = client_socket(client.getsockname())
    assert found is not None
    assert not found.has_received(1)
    server.sendall(b"the end")
    while not found.has_received(7):
        pass
    found.reset()
    found.close()
    server.close()
    assert client.recv(100) == b"the end"
    with pytest.raises(ConnectionResetError):
        client.recv(100)


def test_a_connection_is_shut_down_while_the_server_still_has_it(
    connected: tuple[socket.socket, socket.socket],
) -> None:
    server, client = connected
    server.sendall(b"the end")
    found = client_socket(client.getsockname())
    assert found is not None
    found.shut_down()
    found.close()
    assert [client.recv(100), client.recv(100)] == [b"the end", b""]


def test_an_unknown_client_is_not_found() -> None:
    assert client_socket(("192.0.2.1", 1)) is None


def test_a_port_is_listened_on_from_listen_to_close() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        assert not is_listening(port)
        listening.listen()
        assert is_listening(port)
    assert not is_listening(port)
