"""Replay a WebSocket's session, such as Realtime, message by message. Pure: messages in, steps out.

The recorded messages are gone through in order. Messages of the server are sent until a message of the client is next.
That one is awaited, and the live client has to send the same. Rules for "the same":

- JSON by value; without `event_id` and `expires_at`, and without the position of `conversation.item.truncate`, which
  is a time;
- ids that the client made itself stand for the recorded ids, see `session_ids.py`;
- sound by its samples: appends with no other message of the client between them are one piece of sound and may be cut
  at other places, and messages of the server between them come when as much sound was sent.

Only the `expires_at` of the server's messages are not as recorded, see `session_expiry.py`.

An example. The recording, and a live client that makes its own item id and cuts the same sound at another place:

    recorded                                            live
    server  session.created                             sent at the start
    client  conversation.item.create, item id "a"       id "x": awaited, taken; from now on "x" stands for "a"
    server  conversation.item.created, item id "a"      sent with id "x"
    client  input_audio_buffer.append, 4 KB             append of 3 KB: the first 3 KB are equal, 1 KB is awaited
                                                        append of 1 KB: equal; the recorded append is done
    client  response.create                             session.update: a `Mismatch`, with the differences
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..format import json_text
from ..format.recording import JSON
from ..request.normal_form import normal_value
from ..request.rules import Rules
from ..trouble.pacing import Times
from ..wire.session_messages import CLIENT, binary, binary_content, sound_in, sound_member
from ..wire.socket_notes import Close
from .differences import Difference, differences_between
from .recorded_session import RecordedSession
from .session_expiry import SessionExpiry
from .session_ids import SessionIds
from .session_schedule import SessionSchedule

_TRUNCATE, _TRUNCATED = "conversation.item.truncate", "conversation.item.truncated"
_POSITION = "audio_end_ms"
_NOT_COMPARED = ("event_id", "expires_at")

# Of 24 kHz PCM16, the usual format.
_BYTES_PER_MS = 48


@dataclass(frozen=True, slots=True)
class Send:
    """The server says this, no sooner than so many ms after the upgrade."""

    message: str | bytes
    due_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing is sent for so many ms; for ever with `math.inf`, until the client leaves."""

    ms: float


@dataclass(frozen=True, slots=True)
class End:
    """The server ends the session, with a close frame or without one; `is_reset`: by a TCP reset."""

    close: Close | None
    due_ms: float = 0.0
    is_reset: bool = False


type Step = Send | Pause | End


class Mismatch(Exception):
    """The live client said another message than the recorded one; `number` is the recorded one's, from 0."""

    def __init__(self, number: int, differences: tuple[Difference, ...]) -> None:
        super().__init__(f"message {number + 1}")
        self.number = number
        self.differences = differences


class SessionReplay:
    """The server's part of one session."""

    def __init__(self, session: RecordedSession, rules: Rules, times: Times, upgrade_s: float) -> None:
        """Prepare to replay.

        Args:
            times: when the messages are due.
            upgrade_s: when the live session began, in seconds since 1970.
        """
        self._session = session
        self._rules = rules
        self._schedule = SessionSchedule(times)
        self._expiry = SessionExpiry(upgrade_s)
        self._at = 0
        self._sound_done = 0  # bytes of the recorded sound at `_at` that the client has sent
        self._ids = SessionIds()
        self._positions: dict[str, JSON] = {}

    def start(self) -> Iterator[Step]:
        """Yield the steps before the client's first message.

        Raises:
            BadRecording: a message cannot be read, here and in the other methods.
        """
        return self._advance()

    def take(self, content: str | bytes, redacted: JSON, at_ms: float) -> Iterator[Step]:
        """Take a message of the client, and yield the steps that follow it.

        Args:
            content: the message as it came.
            redacted: its JSON, or a text that is no JSON, without secrets; None for a binary message.
            at_ms: when it came, in ms after the upgrade.

        Raises:
            Mismatch: it is another one than the recorded one.
        """
        sound = sound_in(CLIENT, redacted)
        if sound is not None:
            yield from self._take_sound(sound, redacted, at_ms)
            return
        self._compare(_comparable(content, redacted))
        self._schedule.heard(self._at, at_ms, is_sound=False)
        self._at += 1
        yield from self._advance()

    def is_like(self, recorded: str | bytes, sent: str | bytes) -> bool:
        """Tell whether a message that the client got may stand for a recorded one; its ids stand for these then.

        The two may differ in the ids that the server makes, and in times of expiry.
        """
        one, other = _maybe_json(recorded), _maybe_json(sent)
        self._ids.adopt(one, other)
        return _without_volatile(self._ids.as_live(one)) == _without_volatile(other)

    def left_early(self) -> Mismatch | None:
        """Return the mismatch of a client that leaves now, None where the recorded one had said all, too."""
        for number in range(self._at, len(self._session.messages)):
            if self._session.is_of_client(number):
                return Mismatch(number, tuple(differences_between(self._shown(number), None)))
        return None

    def _advance(self) -> Iterator[Step]:
        """Yield the messages of the server up to the next one of the client, or the end."""
        count = len(self._session.messages)
        while self._at < count:
            if self._session.is_of_client(self._at):
                if self._session.sound(self._at) != b"":
                    return
            else:
                yield Send(self._said(self._session.data(self._at)), self._schedule.due_ms(self._at))
            self._at += 1
        end = self._session.end()
        if not end.by_client:
            yield End(end.close, self._schedule.due_ms(count))

    def _said(self, data: JSON) -> str | bytes:
        """Return a message of the server as the live client gets it."""
        content = binary_content(data)
        if content is not None:
            return content
        if isinstance(data, str):
            return data
        self._ids.hear_server(data)
        live = self._expiry.moved(self._ids.as_live(data))
        if isinstance(live, dict) and live.get("type") == _TRUNCATED:
            live = self._with_live_position(live)
        return json_text.compact(live)

    def _with_live_position(self, data: dict[str, JSON]) -> JSON:
        position = self._positions.get(str(data.get("item_id")))
        return data if position is None else {**data, _POSITION: position}

    # --- sound ---

    def _take_sound(self, sound: bytes, message: JSON, at_ms: float) -> Iterator[Step]:
        """Compare sound with the recorded sound, and go on as far as it reaches."""
        while sound:
            recorded = self._awaited_sound()
            if recorded is None:
                raise self._mismatch(message)
            rest = recorded[self._sound_done :]
            length = min(len(rest), len(sound))
            if rest[:length] != sound[:length]:
                raise self._other_sound(rest[:length], sound[:length])
            sound = sound[length:]
            self._sound_done += length
            if self._sound_done == len(recorded):
                self._sound_done = 0
                self._schedule.heard(self._at, at_ms, is_sound=True)
                self._at += 1
                yield from self._advance()

    def _awaited_sound(self) -> bytes | None:
        if self._at >= len(self._session.messages):
            return None
        return self._session.sound(self._at) if self._session.is_of_client(self._at) else None

    def _other_sound(self, recorded: bytes, sent: bytes) -> Mismatch:
        first = next(n for n, (one, other) in enumerate(zip(recorded, sent, strict=True)) if one != other)
        ms = (self._sound_done + first) // _BYTES_PER_MS
        difference = Difference("audio", f"other samples from {ms} ms of this message on", "these")
        return Mismatch(self._at, (difference,))

    # --- other messages ---

    def _compare(self, live: JSON) -> None:
        """Compare a message with the recorded one, and learn the ids that it brings.

        Raises:
            Mismatch: they differ.
        """
        if self._at >= len(self._session.messages) or self._sound_done or self._is_sound(self._at):
            raise self._mismatch(live)
        recorded = self._session.data(self._at)
        if _is_binary(recorded) is not _is_binary(live):
            raise self._mismatch(live)
        self._ids.learn(recorded, live)
        found = tuple(differences_between(self._normal(recorded), self._normal(self._ids.as_recorded(live))))
        if found:
            raise Mismatch(self._at, found)
        self._learn_event(recorded, live)

    def _learn_event(self, recorded: JSON, live: JSON) -> None:
        """Learn values of a message that the server repeats: its event id in errors, a position in milliseconds."""
        if isinstance(recorded, dict) and isinstance(live, dict):
            self._ids.bind(recorded.get("event_id"), live.get("event_id"))
            if live.get("type") == _TRUNCATE:
                self._positions[str(live.get("item_id"))] = live.get(_POSITION)

    def _is_sound(self, number: int) -> bool:
        return sound_member(CLIENT, self._session.messages[number].data) is not None and bool(
            self._session.sound(number)
        )

    def _normal(self, data: JSON) -> JSON:
        data = self._rules.matched_body(data)
        if isinstance(data, dict) and data.get("type") == _TRUNCATE:
            data = {name: value for name, value in data.items() if name != _POSITION}
        return normal_value(_without_volatile(data))

    def _mismatch(self, live: JSON) -> Mismatch:
        recorded = self._shown(self._at) if self._at < len(self._session.messages) else None
        return Mismatch(self._at, tuple(differences_between(recorded, _described(live))))

    def _shown(self, number: int) -> JSON:
        """Return a recorded message of the client as an explanation shows it."""
        if self._is_sound(number):
            rest = len(self._session.sound(number) or b"") - self._sound_done
            return f"{rest // _BYTES_PER_MS} ms more of sound"
        return _described(self._session.data(number))


def _maybe_json(message: str | bytes) -> JSON:
    """Return the JSON of a message, or what stands for a message that is none."""
    if isinstance(message, bytes):
        return binary(message)
    try:
        return json_text.read(message).value
    except ValueError:
        return message


def _comparable(content: str | bytes, redacted: JSON) -> JSON:
    if isinstance(content, bytes):
        return binary(content)
    return content if redacted is None else redacted


def _described(data: JSON) -> JSON:
    """Return a message for an explanation: its sound by its length."""
    sound, content = sound_in(CLIENT, data), binary_content(data)
    if content is not None:
        return f"a binary message, {len(content)} bytes"
    return f"{len(sound) // _BYTES_PER_MS} ms of sound" if sound is not None else data


def _is_binary(data: JSON) -> bool:
    return binary_content(data) is not None


def _without_volatile(data: JSON) -> JSON:
    if isinstance(data, dict):
        return {name: _without_volatile(v) for name, v in data.items() if name not in _NOT_COMPARED}
    if isinstance(data, list):
        return [_without_volatile(item) for item in data]
    return data
