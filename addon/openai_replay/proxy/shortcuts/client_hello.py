"""Parse the first message of a TLS handshake (ClientHello) once.

mitmproxy parses it twice for each connection: to choose the layer, and in the layer that it has chosen.
"""

from __future__ import annotations

from mitmproxy import tls as mitmproxy_tls
from mitmproxy.addons import next_layer
from mitmproxy.proxy.layers import tls

from .guarded import Shortcut, Undo

CLIENT_HELLO = Shortcut(
    "one parse of ClientHello",
    "about 6 % of the CPU time of a new connection through CONNECT and TLS",
    {
        "mitmproxy.proxy.layers.tls:parse_client_hello": "(data)",
        "mitmproxy.addons.next_layer:parse_client_hello": "(data)",
    },
)

_NAME = "parse_client_hello"

# Handshakes that have begun and wait for their layer.
_MOST_KEPT = 64


def parse_client_hello_once() -> Undo:
    """Let the second look at the same bytes find the result of the first."""
    modules = (tls, next_layer)
    original = tls.parse_client_hello
    parsed: dict[bytes, mitmproxy_tls.ClientHello] = {}

    def parse(data: bytes) -> mitmproxy_tls.ClientHello | None:
        raw = bytes(data)
        earlier = parsed.pop(raw, None)
        if earlier is not None:
            return earlier
        found = original(data)
        if found is not None:
            if len(parsed) == _MOST_KEPT:  # connections that ended before they had a layer
                parsed.clear()
            parsed[raw] = found
        return found

    for module in modules:
        setattr(module, _NAME, parse)

    def undo() -> None:
        for module in modules:
            setattr(module, _NAME, original)

    return undo
