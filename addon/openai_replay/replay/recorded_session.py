"""The recorded messages of a WebSocket's session, as they were on the wire."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import BadRecording
from ..format.recording import JSON, Messages, opened
from ..store import files
from ..store.store import Stored, companions_of
from ..wire import rebuild
from ..wire.corrections import CorrectionReader
from ..wire.session_messages import (
    CLIENT,
    Message,
    range_in,
    read_message,
    sound_in,
    with_sound,
)
from ..wire.socket_notes import Close, read_close
from ..wire.sound import HEADER_BYTES


@dataclass(frozen=True, slots=True)
class SessionEnd:
    """How a session ended: who ended it, with which close frame (None: the connection broke)."""

    by_client: bool
    close: Close | None


class RecordedSession:
    """The messages of a session. Sound is read from its file when it is needed, so an hour of it takes no memory."""

    def __init__(self, stored: Stored) -> None:
        """Prepare to read.

        Raises:
            BadRecording: it holds no session, or one that is not of the format.
        """
        self.path = stored.path
        self._response = response = stored.recording.response
        content = response.content()
        if not isinstance(content, Messages):
            raise BadRecording(stored.path, "expected the messages of a WebSocket", "$.response.body")
        self.messages = [self._read(number, item) for number, item in enumerate(content.items)]
        self._sounds = companions_of(stored.path, response)
        try:
            self._corrections = CorrectionReader(response.wire.get("corrections"))
        except ValueError as exc:
            raise BadRecording(stored.path, str(exc), "$.response.wire.corrections") from exc

    def _read(self, number: int, item: JSON) -> Message:
        message = read_message(item)
        if message is None:
            problem = 'expected {"from": "client" or "server", "data": …}'
            raise BadRecording(self.path, problem, f"$.response.body[{number}]")
        return message

    def is_of_client(self, number: int) -> bool:
        """Tell whether the client sent a message."""
        return self.messages[number].side == CLIENT

    def data(self, number: int) -> JSON:
        """Return a message as it was on the wire.

        Raises:
            BadRecording: its sound cannot be read.
        """
        message = self.messages[number]
        class_name, data = opened(message.data)
        value = self._corrections.value(number, rebuild.rebuild(class_name, data, {}), data)
        place = range_in(message.side, value)
        return value if place is None else with_sound(message.side, value, self._sound(message.side, *place))

    def sound(self, number: int) -> bytes | None:
        """Return the sound in a message, None where it has none.

        Raises:
            BadRecording: it cannot be read.
        """
        message = self.messages[number]
        _, data = opened(message.data)
        place = range_in(message.side, data)
        return sound_in(message.side, data) if place is None else self._sound(message.side, *place)

    def _sound(self, side: str, first: int, end: int) -> bytes:
        path = self._sounds.get(side)
        if path is None:
            raise BadRecording(self.path, f"expected the file of the {side}'s sound", "$.response.wire.audio")
        try:
            with files.open_file(path) as file:
                file.seek(HEADER_BYTES + first)
                content = file.read(end - first)
        except OSError as exc:
            raise BadRecording(self.path, f"expected sound in {path.name}, {exc.strerror}") from exc
        if len(content) != end - first:
            raise BadRecording(self.path, f"expected {end} bytes of sound in {path.name}, it is shorter")
        return content

    def end(self) -> SessionEnd:
        """Return how the session ended."""
        note = self._response.wire.get("close")
        close = read_close(note)
        if close is not None and isinstance(note, dict):
            return SessionEnd(note.get("by") == CLIENT, close)
        failure = self._response.failure
        by_client = failure is None or failure.data.get("ended_by") == "client"
        return SessionEnd(by_client, None)
