"""Record a WebSocket that is one long session, such as Realtime: its messages go to a temporary file, one a line."""

from __future__ import annotations

import json
import time
from array import array
from collections.abc import Iterator
from dataclasses import dataclass

from mitmproxy.websocket import WebSocketMessage

from ..format.recording import SWITCHING_PROTOCOLS
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
        self._times = Times() if upgrade.service.settings.keeps_times else None

    def answered(self, status: int) -> None:
        """Take note of the acceptance. A refusal is left to the exchange of the upgrade, which is recorded."""
        if status == SWITCHING_PROTOCOLS:
            self._note_time()
        else:
            self._tap.close()

    async def take(self, message: WebSocketMessage) -> None:
        """Keep a message."""
        self._note_time()
        side = CLIENT if message.from_client else SERVER
        content = message.content.decode("utf-8", "replace") if message.is_text else binary(message.content)
        self._tap(json.dumps([side, content]).encode() + b"\n")

    def ended(self, end: End, close: Close | None) -> None:
        """Record the session."""
        self._note_time()
        service, ticket = self._upgrade.service, self._ticket
        service.recorder.end(ticket)
        if not self._tap.size:
            service.not_recorded(ticket.api_request, "the WebSocket ended without a message")
            drop(service, ticket)
            return
        messages = _Messages(self._tap)
        times_ms = None if self._times is None else self._times.at_ms
        recorded = SocketSession(ticket.api_request, messages, end, close, times_ms)
        write(service, ticket, recorded, self._tap)

    def _note_time(self) -> None:
        if self._times is not None:
            self._times.note()


class Times:
    """Points in time in ms after the upgrade, at which this object is made."""

    def __init__(self) -> None:
        self._upgrade_s = time.monotonic()
        self.at_ms = array("d")

    def note(self) -> None:
        """Add the present."""
        self.at_ms.append((time.monotonic() - self._upgrade_s) * 1000)


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
