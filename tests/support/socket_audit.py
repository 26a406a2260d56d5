"""A mitmproxy script that writes down where this process connects, sends datagrams, and which names it looks up.

    SOCKET_AUDIT=FILE mitmdump -s addon/replay.py -s tests/support/socket_audit.py

Each line of the file is a JSON list, the event and its address. Python tells of its sockets and look-ups (PEP
578), wherever in mitmproxy they happen.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

_EVENTS = (
    "socket.connect",
    "socket.sendto",
    "socket.sendmsg",
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "socket.gethostbyaddr",
)
_FILE = os.open(os.environ["SOCKET_AUDIT"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def _write_down(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in _EVENTS:
        return
    address = arguments[0:2] if event == "socket.getaddrinfo" else arguments[1:2] or arguments
    os.write(_FILE, json.dumps([event, *address], default=repr).encode() + b"\n")


sys.addaudithook(_write_down)
