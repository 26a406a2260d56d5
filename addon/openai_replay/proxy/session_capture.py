"""Record a WebSocket that is one long session, such as Realtime: its messages go to a temporary file, one a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from mitmproxy.websocket import WebSocketMessage

from ..record.exchange import End
from ..record.recorder import Ticket
from ..record.socket_session import SocketSession
from ..service.socket_requests import Upgrade
from ..wire.session_messages import CLIENT, SERVER, binary, binary_content
from ..wire.socket_notes import Close
from .capture import drop, write
from .tap import Tap


class SessionCapture:
    """Keeps the messages of one session, and records it when it ends."""

    def __init__(self, upgrade: Upgrade, ticket: Ticket) -> None:
        self._upgrade = upgrade
        self._tap = Tap()
        self._ticket = ticket

    def refused(self, status: int) -> None:
        """Leave the refusal to the exchange of the upgrade, which is recorded."""
        self._tap.close()

    async def take(self, message: WebSocketMessage) -> None:
        """Keep a message."""
        side = CLIENT if message.from_client else SERVER
        content = message.content.decode("utf-8", "replace") if message.is_text else binary(message.content)
        self._tap(json.dumps([side, content]).encode() + b"\n")

    def ended(self, end: End, close: Close | None) -> None:
        """Record the session."""
        service, ticket = self._upgrade.service, self._ticket
        service.recorder.end(ticket)
        if not self._tap.size:
            service.not_recorded(ticket.api_request, "the WebSocket ended without a message")
            drop(service, ticket)
            return
        messages = _Messages(self._tap)
        recorded = SocketSession(ticket.api_request, messages, end, close)
        write(service, ticket, recorded, self._tap)


@dataclass(frozen=True, slots=True)
class _Messages:
    """The messages in a tap, as often as they are read."""

    tap: Tap

    def __iter__(self) -> Iterator[tuple[str, str | bytes]]:
        rest = b""
        for piece in self.tap.pieces():
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                side, content = json.loads(line)
                yield side, content if isinstance(content, str) else binary_content(content) or b""
