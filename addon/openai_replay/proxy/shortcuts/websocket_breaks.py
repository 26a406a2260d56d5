"""Relay a WebSocket that breaks off as a break, while it is recorded too.

mitmproxy sends a close frame for a connection that ended without one. Its code would be 1006, which no frame may carry
(RFC 6455, section 7.4.1), so wsproto writes 1000, and the break passes for a normal end. Where mitmproxy has another
shape than is expected here, that stays so.
"""

from __future__ import annotations

from mitmproxy.proxy import commands
from mitmproxy.proxy.layers.websocket import WebsocketConnection
from wsproto.events import CloseConnection, Event
from wsproto.frame_protocol import CloseReason

from .guarded import Shortcut, Undo

WEBSOCKET_BREAKS = Shortcut(
    "no close frame for a broken WebSocket",
    "a break is seen as one: code 1006 and not 1000",
    {
        "mitmproxy.proxy.layers.websocket:WebsocketConnection.send2": "(self, event)",
        "mitmproxy.proxy.commands:SendData": "(connection, data)",
    },
)


def relay_breaks() -> Undo:
    """Send nothing in place of a close frame that the other end has not sent."""
    original = WebsocketConnection.send2

    def send2(self: WebsocketConnection, event: Event) -> commands.SendData:
        if isinstance(event, CloseConnection) and event.code == CloseReason.ABNORMAL_CLOSURE:
            return commands.SendData(self.conn, b"")
        return original(self, event)

    WebsocketConnection.send2 = send2  # type: ignore[method-assign]

    def undo() -> None:
        WebsocketConnection.send2 = original  # type: ignore[method-assign]

    return undo
