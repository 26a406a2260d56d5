"""Describe an upgrade to a WebSocket as the body of its request, so that it is never taken for a plain GET.

The subprotocols are kept for a reader, except any that carries a key. They do not count in matching: browsers need
them, other clients send headers instead.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..format.recording import JSON
from .credentials import KEYS_IN_SUBPROTOCOLS

WEBSOCKET = "__websocket__"

# The header with the subprotocols that a client offers (RFC 6455, section 11.3.4).
PROTOCOLS = "sec-websocket-protocol"


def upgrade_body(protocol_headers: Iterable[str]) -> JSON:
    """Return `{"__websocket__": {"subprotocols": […]}}`.

    Args:
        protocol_headers: the values of the request's `Sec-WebSocket-Protocol` headers.
    """
    offered = [name.strip() for value in protocol_headers for name in value.split(",")]
    return {WEBSOCKET: {"subprotocols": [name for name in offered if name and not is_key(name)]}}


def problem_of(version: str, headers: Iterable[tuple[str, str]]) -> str:
    """Return the reason why a server must refuse an upgrade, "" if there is none (RFC 6455, section 4.2.1).

    Args:
        version: of HTTP, such as "1.1".
        headers: names in lower case.
    """
    fields = list(headers)
    sent = dict(fields)
    options = [value for name, value in fields if name == "connection"]
    tokens = [token.strip().lower() for value in options for token in value.split(",")]
    if version != "1.1":
        return f"expected HTTP/1.1 for an upgrade to a WebSocket, got HTTP/{version}"
    if "upgrade" not in tokens:
        return "expected Connection: Upgrade for an upgrade to a WebSocket"
    if not sent.get("sec-websocket-key"):
        return "expected Sec-WebSocket-Key for an upgrade to a WebSocket"
    if sent.get("sec-websocket-version") != "13":
        return "expected Sec-WebSocket-Version: 13 for an upgrade to a WebSocket"
    return ""


def is_upgrade(body: JSON) -> bool:
    """Tell whether a request's body says that it was an upgrade."""
    return isinstance(body, dict) and body.keys() == {WEBSOCKET}


def is_key(subprotocol: str) -> bool:
    """Tell whether a subprotocol carries a key."""
    return subprotocol.startswith(KEYS_IN_SUBPROTOCOLS)


def chosen_subprotocol(offered: Iterable[str]) -> str | None:
    """Return the subprotocol that a server accepts: the first offered one that is no key, None without one."""
    return next((name for name in offered if not is_key(name)), None)
