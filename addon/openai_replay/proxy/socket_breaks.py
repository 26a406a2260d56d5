"""Break off a replayed WebSocket at the client, where mitmproxy would close it in order.

mitmproxy turns a server's break without a close frame into a close frame with code 1000 for its client (wsproto sends
none with 1006, RFC 6455, section 7.4.1). So the addon's own server says a last word before it breaks off. When that
passes, mitmproxy has written all messages before it, and the client's connection is closed here.
"""

from __future__ import annotations

from mitmproxy import http

from .client_connection import close_client
from .flow_state import FlowState
from .websocket_origin import word_of_break


def relay_break(flow: http.HTTPFlow, state: FlowState) -> None:
    """Close the client's connection if the latest message of a flow is the own server's word for a break."""
    assert flow.websocket is not None
    message = flow.websocket.messages[-1]
    if message.from_client or not state.is_from_origin:
        return
    for is_reset in (False, True):
        if message.content == word_of_break(flow.request.path, is_reset=is_reset).encode():
            message.drop()
            close_client(flow.client_conn, is_reset=is_reset)
