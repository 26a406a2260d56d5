"""Notes of a stream that came over a WebSocket: client messages and the close frame, in `response.wire`.

client   [{"before": 7, "data": {…}}]    messages of the client, each with the chunk that it came before
close    {"code": 1011, "reason": "…"}   the server's close frame, in a stream that broke off
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..format.recording import JSON


@dataclass(frozen=True, slots=True)
class Close:
    """A close frame (RFC 6455, section 5.5.1)."""

    code: int
    reason: str = ""

    def to_json(self) -> dict[str, JSON]:
        """Return it as a recording has it."""
        return {"code": self.code, "reason": self.reason}


def read_close(value: JSON) -> Close | None:
    """Read a close frame; None where there is none that a server could send (RFC 6455, section 7.4.2)."""
    code = value.get("code") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(code, int) or not 1000 <= code <= 4999:
        return None
    reason = value.get("reason")
    return Close(code, reason if isinstance(reason, str) else "")


@dataclass(frozen=True, slots=True)
class SocketNotes:
    """`client` is the client's messages within a stream: (number of chunks before it, message)."""

    client: tuple[tuple[int, JSON], ...] = ()
    close: Close | None = None

    def to_wire(self) -> dict[str, JSON]:
        """Return the members to put into `response.wire`, {} where there is nothing to say."""
        notes: dict[str, JSON] = {}
        if self.client:
            notes["client"] = [{"before": before, "data": data} for before, data in self.client]
        if self.close is not None:
            notes["close"] = self.close.to_json()
        return notes


NO_SOCKET = SocketNotes()


def read_socket_notes(wire: Mapping[str, JSON]) -> SocketNotes:
    """Read the members of `response.wire`; a note that is not of their form is as if it were not there."""
    notes = wire.get("client")
    client = [
        (before, note["data"])
        for note in (notes if isinstance(notes, list) else [])
        if isinstance(note, dict) and isinstance(before := note.get("before"), int) and "data" in note
    ]
    return SocketNotes(tuple(client), read_close(wire.get("close")))
