"""The server's sockets: listen on a port, and end a client's connection with a TCP reset once it has all bytes.

A reset drops all bytes that the client has not acknowledged, so these are waited for, which needs Linux.
"""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import sys
import termios

_BACKLOG = 2048

_COUNT = struct.Struct("=i")

# `struct linger` of <sys/socket.h>: closing takes no time, and resets the connection.
_AT_ONCE = struct.pack("=ii", 1, 0)


def listening_socket(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to a port, together with other workers, or to a free one where it is 0.

    Args:
        host: "" for all addresses of IPv4 and IPv6.
    """
    is_dual = not host and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if is_dual or ":" in host else socket.AF_INET
    return socket.create_server(
        (host, port), family=family, backlog=_BACKLOG, reuse_port=True, dualstack_ipv6=is_dual
    )


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
