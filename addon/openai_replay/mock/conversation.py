"""The server's messages on a WebSocket: conversations without I/O. `websocket.py` puts them on a wire.

Rule: a conversation hears whole messages and is asked for its next one. It never waits; None means that it has
nothing to say until it hears more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

type Message = str | bytes


@dataclass(frozen=True, slots=True)
class Close:
    """The server ends the conversation with a close frame (RFC 6455, section 5.5.1)."""

    code: int = 1000
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Break:
    """The server ends the TCP connection without a close frame."""


@dataclass(frozen=True, slots=True)
class AwaitMessages:
    """The server says nothing more until it has heard so many more messages."""

    count: int = 1


type Said = Message | Close | Break
type Step = Said | AwaitMessages


class Conversation(Protocol):
    """The server's part of one WebSocket."""

    def hear(self, message: Message) -> None:
        """Take the client's next message."""

    def say(self) -> Said | None:
        """Return the next thing to send, None when there is none for now."""


class Echo:
    """Says every message again."""

    def __init__(self) -> None:
        self._heard: list[Message] = []

    def hear(self, message: Message) -> None:
        self._heard.append(message)

    def say(self) -> Said | None:
        return self._heard.pop(0) if self._heard else None


class Script:
    """Sends the messages that a scenario lists, and waits for as many as it says."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = list(steps)
        self._heard = 0

    def hear(self, message: Message) -> None:
        self._heard += 1

    def say(self) -> Said | None:
        while self._steps:
            step = self._steps[0]
            if not isinstance(step, AwaitMessages):
                return self._steps.pop(0)  # type: ignore[return-value]  # it is no AwaitMessages
            if self._heard < step.count:
                return None
            self._heard -= step.count
            del self._steps[0]
        return None


type Begin = Callable[[], Conversation]
