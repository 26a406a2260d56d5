"""The server's sockets: is it listening, and end a client's connection without the server.

The server gives no access to them, so they are found among the open files of this process, which needs Linux for a
client's connection. A TCP reset drops all bytes that the client has not acknowledged, so these are waited for.
"""

from __future__ import annotations

import ctypes
import os
import socket
import stat
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

# The open files of this process, by number.
_FILES = Path("/dev/fd")

# `struct tcp_info` of <linux/tcp.h>: where tcpi_bytes_acked is.
_TCP_INFO_BYTES = 128
_ACKNOWLEDGED = struct.Struct("=Q")
_ACKNOWLEDGED_AT = 120

# `struct sockaddr` of the family AF_UNSPEC.
_NO_ADDRESS = bytes(16)


class ClientSocket:
    """The connection of a client; `close` lets go of it, and leaves it to the server."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._acknowledged_before = self._acknowledged()

    def has_received(self, size: int) -> bool:
        """Tell whether the client has acknowledged so many bytes since this object was made."""
        return self._acknowledged() - self._acknowledged_before >= size

    def reset(self) -> None:
        """End the connection with a TCP reset now: the server would close it in order, even with SO_LINGER set.

        Connecting a TCP socket to no address disconnects it (connect(2)); an established connection is reset by that.
        """
        ctypes.CDLL(None).connect(self._connection.fileno(), _NO_ADDRESS, len(_NO_ADDRESS))

    def shut_down(self) -> None:
        """End a connection now, in order for TCP and without a word of the protocol above it."""
        with suppress(OSError):  # the client has left
            self._connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def _acknowledged(self) -> int:
        info = self._connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
        acknowledged: int = _ACKNOWLEDGED.unpack_from(info, _ACKNOWLEDGED_AT)[0]
        return acknowledged


def client_socket(client: tuple[str, int | str]) -> ClientSocket | None:
    """Return the connection of a client by its address and port, None where it cannot be found."""
    if sys.platform != "linux":
        return None
    address, port = client
    for connection in _sockets():
        with suppress(OSError):
            if connection.getpeername()[:2] == (address, int(port)):
                return ClientSocket(connection)
        connection.close()
    return None


def is_listening(port: int) -> bool:
    """Tell whether this process accepts connections on a TCP port."""
    for connection in _sockets():
        with connection, suppress(OSError):
            accepts = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
            if accepts and connection.getsockname()[1] == port:
                return True
    return False


def _sockets() -> Iterator[socket.socket]:
    """Yield the TCP sockets of this process, each as another file for the same socket."""
    for name in os.listdir(_FILES):
        with suppress(OSError):
            if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                yield socket.socket(fileno=os.dup(int(name)))
