"""Record a WebSocket that is one long session, such as Realtime: one file, its messages in order, its sound beside it.

Rule: memory does not grow with the session. Messages come from a temporary file, and sound goes to another one.
"""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO

from ..format import json_text
from ..format.recording import (
    JSON,
    SWITCHING_PROTOCOLS,
    Failure,
    Response,
    encode_chunk,
    envelope,
    opened,
)
from ..request.identity import ApiRequest
from ..sdk import classes
from ..wire.corrections import CorrectionNotes
from ..wire.session_messages import (
    CLIENT,
    SERVER,
    Message,
    binary,
    formats_in,
    sound_in,
    with_range,
)
from ..wire.socket_notes import Close
from ..wire.sound import SoundFormat, wav
from .exchange import Companion, End, Recorded, RecordedChunks, recorded_as
from .split_secrets import Edits, SplitSecrets, edited

_READ_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class SocketSession:
    """A WebSocket from the upgrade to its end.

    `messages` are (side, content) in order; they can be read more than once. `close` is the close frame of the side
    that ended it, None where the connection broke. `times_ms` is when it was accepted, when each message came and when
    it ended, in ms after the upgrade; None where times are not kept.
    """

    api_request: ApiRequest
    messages: Iterable[tuple[str, str | bytes]]
    end: End
    close: Close | None
    times_ms: Sequence[float] | None = None


def recorded_session(session: SocketSession) -> Recorded:
    """Return the recording of a session.

    Raises:
        NotRecordable: a message is nested too deeply to be written.
    """
    recorder = _SessionRecorder(session)
    edits = _edits(session)
    for number, (side, content) in enumerate(session.messages):
        if isinstance(content, str) and number in edits:
            content = edited(content, edits[number])
        recorder.take(side, content)
    return recorder.recorded()


def _edits(session: SocketSession) -> Edits:
    """Return the changes that take keys over several messages of the server out of them."""
    secrets = SplitSecrets(session.api_request.rules.redactor, session.api_request.credentials)
    for number, (side, content) in enumerate(session.messages):
        if side == SERVER and isinstance(content, str):
            secrets.take(number, content)
    return secrets.edits()


class _Sound:
    """The sound of one side, in a temporary file."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed when the recording is let go
        weakref.finalize(self, self._file.close)
        self.size = 0
        self.format = SoundFormat()

    def add(self, content: bytes) -> int:
        """Take sound; return where it begins."""
        first = self.size
        self._file.write(content)
        self.size += len(content)
        return first

    def __iter__(self) -> Iterator[bytes]:
        return wav(self.format, self.size, self._pieces())

    def _pieces(self) -> Iterator[bytes]:
        self._file.seek(0)
        while piece := self._file.read(_READ_BYTES):
            yield piece


class _SessionRecorder:
    def __init__(self, session: SocketSession) -> None:
        self._session = session
        self._chunks = RecordedChunks()
        self._corrections = CorrectionNotes({})
        self._credentials = session.api_request.credentials
        self._sounds = {CLIENT: _Sound(), SERVER: _Sound()}

    def take(self, side: str, content: str | bytes) -> None:
        """Take the next message."""
        data = self._data(side, content)
        if side == SERVER and isinstance(data, dict):
            data = self._in_envelope(data)
        else:
            self._corrections.note(())
        text = encode_chunk(Message(side, data).to_json())
        self._chunks.add(text, text)

    def _data(self, side: str, content: str | bytes) -> JSON:
        """Return a message without its secrets, its sound replaced by a range."""
        if isinstance(content, bytes):
            redactor = self._session.api_request.rules.redactor
            return binary(redactor.content(content, self._credentials))
        try:
            data = json_text.read(content).value
        except ValueError:
            return self._without_secrets(side, content)
        self._take_formats(data)
        sound = sound_in(side, data)
        if not sound:
            return self._without_secrets(side, data)
        first = self._sounds[side].add(sound)
        return self._without_secrets(side, with_range(side, data, first, len(sound)))

    def _take_formats(self, data: JSON) -> None:
        for side, sound_format in formats_in(data).items():
            if not self._sounds[side].size:
                self._sounds[side].format = sound_format

    def _without_secrets(self, side: str, data: JSON) -> JSON:
        """Redact a message. The secrets of the client's messages are known from then on: the server may quote them."""
        api_request = self._session.api_request
        if side == SERVER:
            return api_request.rules.redactor.answer(data, self._credentials)
        redacted = api_request.rules.redactor.request("", data, api_request.credentials)
        self._credentials = tuple(dict.fromkeys((*self._credentials, *redacted.credentials)))
        return redacted.body

    def _in_envelope(self, wire: dict[str, JSON]) -> JSON:
        """Return a message of the server as its class dumps it; it must not look like an envelope by itself."""
        request = self._session.api_request
        class_name = classes.class_for("GET", request.endpoint(), wire, streamed=True)
        if class_name is None or opened(wire)[0] is not None:
            self._corrections.note(())
            return wire
        data = classes.dump(class_name, wire)
        self._corrections.add(class_name, data, wire)
        return envelope(class_name, data)

    def recorded(self) -> Recorded:
        """Return the recording of all messages."""
        session = self._session
        wire: dict[str, JSON] = {}
        if corrections := self._corrections.result():
            wire["corrections"] = [*corrections]
        if session.close is not None:
            by = CLIENT if session.end is End.LEFT_BY_CLIENT else SERVER
            reason = session.api_request.rules.redactor.text(session.close.reason, self._credentials)
            wire["close"] = {"by": by, **Close(session.close.code, reason).to_json()}
        failure = None if session.close is not None else _broken(session.end, len(self._chunks.texts))
        response = Response([], True, SWITCHING_PROTOCOLS, failure, {}, wire)
        beside = tuple(
            Companion(side, f".{side}.wav", sound) for side, sound in self._sounds.items() if sound.size
        )
        return recorded_as(session.api_request, response, chunks=self._chunks, companions=beside)


_CAUSES = {
    End.LEFT_BY_CLIENT: "the client left",
    End.CUT_BY_UPSTREAM: "the connection to the API broke",
    End.PROXY_ENDED: "the proxy ended",
}


def _broken(end: End, messages: int) -> Failure:
    message = f"The WebSocket ended after {messages} messages without a close frame: {_CAUSES[end]}."
    data: dict[str, JSON] = {
        "category": "stream",
        "provider": "openai",
        "type": "IncompleteStream",
        "message": message,
        "ended_by": end.value,
    }
    return Failure(data, message)
