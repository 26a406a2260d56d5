"""The Realtime API: sessions over a WebSocket, client secrets, and calls by SDP.

Source: `realtime_client_event` and `realtime_server_event` of openai-python and the API reference. The server speaks
first; with `server_vad` it hears the beginning and the end of speech by the length of the sound alone.
"""

from __future__ import annotations

import base64
import json
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from ..conversation import Close, Message, Said
from ..events import compact_json
from ..exchange import Answer
from .account import Call
from .answers import api_headers, json_answer
from .identifiers import new_hex_id, new_id, now
from .realtime_response import Event, Item, cancelled, response_events
from .routes import Route

LIFETIME_S = 3600
# Of 24 kHz PCM16, which has 48 bytes a millisecond.
BYTES_PER_MS = 48
SPEECH_STARTS_MS, SPEECH_STOPS_MS = 100, 500


class RealtimeConversation:
    """One session. `kind` is `realtime`, `transcription` or `translation`."""

    def __init__(self, model: str, kind: str) -> None:
        self._session = session(model, kind)
        self._items: list[Item] = []
        self._sound = bytearray()
        self._is_speaking = False
        self._said: deque[Event | Close] = deque([{"type": "session.created", "session": self._session}])
        self._response: Iterator[Event] = iter(())
        self._response_id = ""

    def hear(self, message: Message) -> None:
        """Take a client event; one that does not exist is an error event."""
        event = _parsed(message)
        heard = _HEARD.get(str(event.get("type")))
        if heard is None:
            self._refuse(event, f"Invalid value: '{event.get('type')}'.")
        else:
            heard(self, event)

    def say(self) -> Said | None:
        """Return the next event: the answer to a client event before more of the running response."""
        event = self._said.popleft() if self._said else self._next_of_response()
        if event is None or isinstance(event, Close):
            return event
        return compact_json({"type": event["type"], "event_id": new_id("event_"), **event})

    def _next_of_response(self) -> Event | None:
        event = next(self._response, None)
        if event is not None and event["type"] == "conversation.item.done":
            self._items.append(event["item"])
        return event

    def _refuse(self, event: Event, message: str) -> None:
        error = {
            "type": "invalid_request_error",
            "code": "invalid_value",
            "message": message,
            "param": "type",
            "event_id": event.get("event_id"),
        }
        self._said.append({"type": "error", "error": error})

    def _update(self, event: Event) -> None:
        self._session = _merged(self._session, event.get("session") or {})
        self._said.append({"type": "session.updated", "session": self._session})

    def _create_item(self, event: Event) -> None:
        given = event["item"]
        item = {"id": given.get("id") or new_id("item_"), "object": "realtime.item", "status": "completed"}
        self._add_item({**item, **given, "id": item["id"]}, event.get("previous_item_id"))

    def _add_item(self, item: Item, after: str | None = None) -> None:
        previous = after or (self._items[-1]["id"] if self._items else None)
        self._items.append(item)
        self._said.append({"type": "conversation.item.added", "previous_item_id": previous, "item": item})
        self._said.append({"type": "conversation.item.done", "previous_item_id": previous, "item": item})

    def _retrieve_item(self, event: Event) -> None:
        found = [item for item in self._items if item["id"] == event.get("item_id")]
        if found:
            self._said.append({"type": "conversation.item.retrieved", "item": found[0]})
        else:
            self._refuse(event, f"Item with item_id '{event.get('item_id')}' not found.")

    def _delete_item(self, event: Event) -> None:
        self._items = [item for item in self._items if item["id"] != event["item_id"]]
        self._said.append({"type": "conversation.item.deleted", "item_id": event["item_id"]})

    def _truncate_item(self, event: Event) -> None:
        place = {name: event[name] for name in ("item_id", "content_index", "audio_end_ms")}
        self._said.append({"type": "conversation.item.truncated", **place})

    def _append_sound(self, event: Event) -> None:
        self._sound += base64.b64decode(event["audio"])
        if self._detects_turns():
            self._detect_turn()

    def _detects_turns(self) -> bool:
        detection = self._session["audio"]["input"].get("turn_detection") or {}
        return detection.get("type") == "server_vad"

    def _detect_turn(self) -> None:
        length_ms = len(self._sound) // BYTES_PER_MS
        if not self._is_speaking and length_ms >= SPEECH_STARTS_MS:
            self._is_speaking = True
            self._speech_item = new_id("item_")
            started = {"audio_start_ms": 0, "item_id": self._speech_item}
            self._said.append({"type": "input_audio_buffer.speech_started", **started})
            self._interrupt()
        if self._is_speaking and length_ms >= SPEECH_STOPS_MS:
            self._is_speaking = False
            stopped = {"audio_end_ms": SPEECH_STOPS_MS, "item_id": self._speech_item}
            self._said.append({"type": "input_audio_buffer.speech_stopped", **stopped})
            self._commit_sound(self._speech_item)
            self._begin_response({})

    def _interrupt(self) -> None:
        if next(self._response, None) is not None:
            self._response = iter(())
            self._said.append(cancelled(self._response_id, "turn_detected"))

    def _commit(self, event: Event) -> None:
        if self._sound:
            self._commit_sound(new_id("item_"))
        else:
            self._refuse(event, "Error committing input audio buffer: buffer too small.")

    def _commit_sound(self, item_id: str) -> None:
        previous = self._items[-1]["id"] if self._items else None
        committed = {"previous_item_id": previous, "item_id": item_id}
        self._said.append({"type": "input_audio_buffer.committed", **committed})
        transcript = f"a sound of {len(self._sound) // BYTES_PER_MS} ms"
        part = {"type": "input_audio", "transcript": None}
        item = {"id": item_id, "object": "realtime.item", "type": "message", "status": "completed"}
        self._add_item({**item, "role": "user", "content": [part]})
        if self._session["audio"]["input"].get("transcription"):
            place = {"item_id": item_id, "content_index": 0}
            kind = "conversation.item.input_audio_transcription"
            self._said.append({"type": f"{kind}.delta", **place, "delta": transcript})
            usage = {"type": "duration", "seconds": 1}
            self._said.append(
                {"type": f"{kind}.completed", **place, "transcript": transcript, "usage": usage}
            )
        self._sound.clear()

    def _clear(self, event: Event) -> None:
        self._sound.clear()
        self._said.append({"type": "input_audio_buffer.cleared"})

    def _create_response(self, event: Event) -> None:
        self._begin_response(event.get("response") or {})

    def _begin_response(self, wanted: dict[str, Any]) -> None:
        self._response_id = new_id("resp_")
        self._response = response_events(self._session, wanted, list(self._items), self._response_id)

    def _cancel(self, event: Event) -> None:
        if next(self._response, None) is None:
            self._refuse(event, "Cancellation failed: no active response found")
        else:
            self._response = iter(())
            self._said.append(cancelled(self._response_id, "client_cancelled"))

    def _close(self, event: Event) -> None:
        self._said += [{"type": "session.closed"}, Close(1000, "session closed")]

    def _ignore(self, event: Event) -> None:
        """Take an event that has no answer over a WebSocket."""


_HEARD: dict[str, Callable[[RealtimeConversation, Event], None]] = {
    "session.update": RealtimeConversation._update,
    "session.close": RealtimeConversation._close,
    "session.input_audio_buffer.append": RealtimeConversation._append_sound,
    "conversation.item.create": RealtimeConversation._create_item,
    "conversation.item.retrieve": RealtimeConversation._retrieve_item,
    "conversation.item.delete": RealtimeConversation._delete_item,
    "conversation.item.truncate": RealtimeConversation._truncate_item,
    "input_audio_buffer.append": RealtimeConversation._append_sound,
    "input_audio_buffer.commit": RealtimeConversation._commit,
    "input_audio_buffer.clear": RealtimeConversation._clear,
    "output_audio_buffer.clear": RealtimeConversation._ignore,
    "response.create": RealtimeConversation._create_response,
    "response.cancel": RealtimeConversation._cancel,
}


def session(model: str, kind: str) -> dict[str, Any]:
    """Return a new session's object; turn detection is off until the client asks for it."""
    audio_format = {"type": "audio/pcm", "rate": 24000}
    return {
        "object": "realtime.session" if kind == "realtime" else f"realtime.{kind}_session",
        "type": kind,
        "id": new_id("sess_"),
        "model": model,
        "output_modalities": ["audio"],
        "instructions": "Your knowledge cutoff is 2023-10.",
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "prompt": None,
        "expires_at": now() + LIFETIME_S,
        "audio": {
            "input": {
                "format": audio_format,
                "transcription": None,
                "noise_reduction": None,
                "turn_detection": None,
            },
            "output": {"format": audio_format, "voice": "marin", "speed": 1.0},
        },
        "include": None,
    }


def _merged(value: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return an object with changes made to it, at any depth."""
    result = {**value, **changes}
    for name, change in changes.items():
        if isinstance(change, dict) and isinstance(value.get(name), dict):
            result[name] = _merged(value[name], change)
    return result


def _parsed(message: Message) -> Event:
    try:
        event = json.loads(message)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _create_secret(call: Call) -> Answer:
    wanted = call.body.get("session") or {}
    made = _merged(session(wanted.get("model", "gpt-realtime"), "realtime"), wanted)
    return json_answer({"value": f"ek_{new_hex_id('', 32)}", "expires_at": now() + 600, "session": made})


def _create_call(call: Call) -> Answer:
    answer = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"
    location = ("location", f"/v1/realtime/calls/rtc_{new_hex_id('', 24)}")
    return Answer(201, (*api_headers("application/sdp"), location), answer)


def _hang_up(call: Call) -> Answer:
    return Answer(200, api_headers(None))


ROUTES = (
    Route("POST", "/v1/realtime/client_secrets", _create_secret),
    Route("POST", "/v1/realtime/calls", _create_call),
    Route("POST", "/v1/realtime/calls/{id}/hangup", _hang_up),
)
