"""Choose among several recorded sessions of one WebSocket URL by the live client's messages.

Sessions of one URL and one test are told apart by their messages alone, and these come after the upgrade. So the first
unused session leads. When the client says another message than its, the other sessions are tried: one may go on if it
fits all of the client's messages, and if the client could not have told it from the leading one by the server's
messages so far. Ids that the server makes, and times of expiry, always differ; the ids that the client got stay.

An example with two recordings, `a` (the client says "hello") and `b` ("bye"):

    upgrade                  `a` leads
    server  session.created  of `a`, with the id "sess_a"
    client  "bye"            not the message of `a`; it is that of `b`, whose `session.created` is equal but for its id
    server  response.done    of `b`; each id "sess_b" in it is "sess_a"
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain

from ..format.recording import JSON
from .socket_session import Mismatch, Send, SessionReplay, Step

# Of a live session, while other recorded sessions may still go on with it.
_MOST_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Heard:
    """A message of the client. See `SessionReplay.take` for its members."""

    content: str | bytes
    redacted: JSON
    at_ms: float


class Diverged(Exception):
    """The server had said something else in this session by now."""


@dataclass(slots=True)
class SessionHistory:
    """The messages of a live session so far. `is_whole` is false once they are too many to be kept."""

    messages: list[Heard | str | bytes] = field(default_factory=list)
    is_whole: bool = True
    _bytes: int = 0

    def add(self, message: Heard | str | bytes) -> None:
        """Add a message of the client, or one that the client got."""
        if not self.is_whole:
            return
        self.messages.append(message)
        self._bytes += len(message.content if isinstance(message, Heard) else message)
        if self._bytes > _MOST_BYTES:
            self.messages.clear()
            self.is_whole = False

    def follow(self, replay: SessionReplay) -> Iterator[Step]:
        """Bring a recorded session to where the live one is, and return the steps that follow its last message.

        Raises:
            Mismatch: the client says another message there.
            Diverged: the server has said something else there.
            BadRecording: a message cannot be read.
        """
        steps = replay.start()
        for message in self.messages:
            step = next(steps, None)
            if isinstance(message, Heard):
                if step is not None:
                    raise Diverged
                steps = replay.take(message.content, message.redacted, message.at_ms)
            elif not isinstance(step, Send) or not replay.is_like(step.message, message):
                raise Diverged
        # The first step tells whether the last message fits.
        first = next(steps, None)
        return steps if first is None else chain((first,), steps)

    def suits(self, replay: SessionReplay) -> bool:
        """Tell whether a recorded session has the client's messages so far, whatever the server says in it.

        Raises:
            BadRecording: a message cannot be read.
        """
        try:
            list(replay.start())
            for message in self.messages:
                if isinstance(message, Heard):
                    list(replay.take(message.content, message.redacted, message.at_ms))
        except Mismatch:
            return False
        return True
