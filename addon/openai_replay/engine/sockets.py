"""End a client's connection with a TCP reset, once the client has all bytes.

A reset drops all bytes that the client has not acknowledged, so these are waited for, which needs Linux.
"""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import sys
import termios

_COUNT = struct.Struct("=i")

# `struct linger` of <sys/socket.h>: closing takes no time, and resets the connection.
_AT_ONCE = struct.pack("=ii", 1, 0)


def can_reset() -> bool:
    """Tell whether this system says which bytes a client has acknowledged."""
    return sys.platform == "linux"


def has_received_all(client: asyncio.Transport) -> bool:
    """Tell whether the client has acknowledged all bytes so far (TIOCOUTQ of tcp(7))."""
    if client.get_write_buffer_size():
        return False
    unacknowledged = fcntl.ioctl(_socket_of(client).fileno(), termios.TIOCOUTQ, bytes(_COUNT.size))
    return _COUNT.unpack(unacknowledged) == (0,)


def reset(client: asyncio.Transport) -> None:
    """End the connection with a TCP reset now."""
    _socket_of(client).setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    client.abort()


def _socket_of(client: asyncio.Transport) -> socket.socket:
    found: socket.socket = client.get_extra_info("socket")
    return found
