"""Answer the messages of a Responses WebSocket from recordings of either transport, HTTP or WebSocket.

Pure: messages in, messages out. An answer's stream becomes one message an event, with the lane of its request; an
answer that is an error becomes an `error` event (API documentation, "WebSocket mode").
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass

from ..format import json_text
from ..format.recording import JSON
from ..request.normal_form import canonical, normal_value
from ..request.response_create import LANE
from ..request.rules import Rules
from ..wire import sse
from ..wire.socket_notes import Close
from .answer import Answer
from .delivery import Delivery, Ending, at_once

MISS_STATUS = 400

# Clients connect again after other codes, five times (openai-python and openai-node); this one is final.
REFUSED = 1008

# How a client acknowledges an event; it gets no answer.
_ACKNOWLEDGEMENTS = ("response.processed",)


@dataclass(frozen=True, slots=True)
class AwaitClient:
    """The recorded client said this here; the answer goes on when the live one does."""

    message: JSON


@dataclass(frozen=True, slots=True)
class BreakOff:
    """The connection ends here, with the recorded close frame, or without one; `is_reset`: by a TCP reset."""

    close: Close | None
    is_reset: bool = False


@dataclass(frozen=True, slots=True)
class Stall:
    """Nothing more is sent, and the connection stays open until the client leaves."""


@dataclass(frozen=True, slots=True)
class AwaitTime:
    """The next step is not due before so many ms after the request."""

    at_ms: float


type Step = str | AwaitClient | AwaitTime | BreakOff | Stall


def steps(answer: Answer | Delivery, lane: str | None) -> Iterator[Step]:
    """Yield the messages of an answer in order, with the times and the places where the client has to speak."""
    delivery = answer if isinstance(answer, Delivery) else at_once(answer)
    yield AwaitTime(delivery.head_at_ms)
    if delivery.status >= 400:
        yield _error_event(delivery.status, _error_of(delivery.body()), lane)
        return
    yield from _stream(delivery, lane)
    yield AwaitTime(delivery.end_at_ms)
    if delivery.ending is Ending.STALL:
        yield Stall()
    elif delivery.ending is not Ending.WHOLE:
        yield _break_of(delivery)


def _break_of(delivery: Delivery) -> BreakOff:
    """Return how a delivery breaks off; a recorded close frame belongs to a recorded break."""
    if delivery.fault:
        return BreakOff(None, is_reset=delivery.ending is Ending.RESET)
    return BreakOff(delivery.socket.close)


def _stream(delivery: Delivery, lane: str | None) -> Iterator[Step]:
    awaited = list(delivery.socket.client)
    for number, (at_ms, text) in enumerate(_texts(delivery)):
        while awaited and awaited[0][0] <= number:
            yield AwaitClient(awaited.pop(0)[1])
        yield AwaitTime(at_ms)
        yield _with_lane(text, lane)
    yield from (AwaitClient(message) for _, message in awaited)


def miss_event(message: str, code: str, lane: str | None) -> str:
    """Return the `error` event for a request without a recording."""
    return _error_event(
        MISS_STATUS, {"type": "recording_error", "code": code, "message": message, "param": None}, lane
    )


def needs_no_answer(message: dict[str, JSON]) -> bool:
    """Tell whether a message of the client is an acknowledgement."""
    return message.get("type") in _ACKNOWLEDGEMENTS


def _texts(delivery: Delivery) -> Iterator[tuple[float, str]]:
    """Yield the data of the events of a stream, each with the time at which it is complete."""
    parser = sse.Parser()
    parsed = [(step.at_ms, event) for step in delivery.steps for event in parser.feed(step.data)]
    parsed += [(delivery.end_at_ms, event) for event in parser.close()]
    for at_ms, event in parsed:
        if event.data is not None and event.data != sse.DONE:
            yield at_ms, event.data


def _with_lane(text: str, lane: str | None) -> str:
    """Return the JSON text of an event with the lane of its request behind all else."""
    text = text.rstrip()
    if lane is None or not text.startswith("{") or not text.endswith("}"):
        return text
    return f'{text[:-1]},"{LANE}":{json_text.compact(lane)}}}'


def _error_of(content: bytes) -> JSON:
    """Return the object inside of `{"error": …}`; another body is the error's message."""
    try:
        value: JSON = json.loads(content)
    except ValueError:
        value = None
    error = value.get("error") if isinstance(value, dict) else None
    if isinstance(error, dict):
        return error
    message = content.decode("utf-8", "replace")
    return {"type": "server_error", "code": None, "message": message, "param": None}


def _error_event(status: int, error: JSON, lane: str | None) -> str:
    event: dict[str, JSON] = {"type": "error", "status": status, "error": error}
    return json_text.compact(event if lane is None else {**event, LANE: lane})


class ClientMessages:
    """The client's messages within answers, each handed to the answer that waits for an equal one."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._unclaimed: list[JSON] = []
        self._awaited: list[tuple[JSON, asyncio.Event]] = []

    def awaited(self) -> list[JSON]:
        """Return the recorded messages that answers wait for."""
        return [message for message, _ in self._awaited]

    def unclaimed(self) -> list[JSON]:
        """Return the messages that no answer waited for, and forget them."""
        unclaimed, self._unclaimed = self._unclaimed, []
        return unclaimed

    def take(self, message: JSON, *, is_busy: bool) -> bool:
        """Take a message; False when no answer waits for it, nor, with `is_busy`, may yet come to wait for it."""
        for number, (awaited, arrived) in enumerate(self._awaited):
            if self._equal(awaited, message):
                del self._awaited[number]
                arrived.set()
                return True
        if self._awaited or not is_busy:
            return False
        self._unclaimed.append(message)
        return True

    async def await_equal(self, message: JSON) -> None:
        """Wait until the client says this."""
        for number, other in enumerate(self._unclaimed):
            if self._equal(message, other):
                del self._unclaimed[number]
                return
        arrived = asyncio.Event()
        self._awaited.append((message, arrived))
        await arrived.wait()

    def _equal(self, one: JSON, other: JSON) -> bool:
        return canonical(self._normal(one)) == canonical(self._normal(other))

    def _normal(self, message: JSON) -> JSON:
        return normal_value(self._rules.matched_body(message))
