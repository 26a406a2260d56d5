"""Split the messages of a Responses WebSocket into exchanges that are recorded like streamed POSTs.

A `response.create` is the body of `POST /v1/responses`, and its events are the JSON of the events that the POST would
stream (API documentation, "WebSocket mode"). Rule: the recorder gets exchanges that look as if they had come over
HTTP, so that both transports make the same file.

    client                                     server
    {"type": "response.create", "stream_id": "a", "model": …}
                                               {"type": "response.created", …, "stream_id": "a"}
                                               {"type": "response.completed", …, "stream_id": "a"}

Requests of one lane (`stream_id`) are answered in order, lanes side by side. A response that the client steers goes on
after its last event: its successor belongs to the same exchange.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..format import json_text
from ..format.recording import JSON
from ..request.response_create import CREATE, LANE, body_of, lane_of, message_of
from ..request.warm_ups import WarmUps
from ..wire import sse

_STEER = "response.steer"
_LAST_EVENTS = ("response.completed", "response.failed", "response.incomplete", "error")
_FAILURE_MEMBERS = ("type", "status", "error")


@dataclass(slots=True, eq=False)
class OpenResponse:
    """An exchange under way.

    `client_messages` are the client's messages within it, each with the number of events that came before it.
    `failure` is status and body of an error before any other event: over HTTP it is the status of the POST.
    """

    lane: str | None
    body: dict[str, JSON]
    events: int = 0
    client_messages: list[tuple[int, JSON]] = field(default_factory=list)
    failure: tuple[int, bytes] | None = None
    response_ids: set[str] = field(default_factory=set)
    is_over: bool = False
    unanswered_steers: int = 0
    queued_steers: int = 0

    def awaits_successor(self) -> bool:
        """Tell whether steering may yet bring another response."""
        return self.unanswered_steers > 0 or self.queued_steers > 0


@dataclass(frozen=True, slots=True)
class Began:
    """The client sent a request."""

    response: OpenResponse


@dataclass(frozen=True, slots=True)
class Came:
    """The server sent an event; `piece` is it as a server-sent event."""

    response: OpenResponse
    piece: bytes


@dataclass(frozen=True, slots=True)
class Ended:
    """The last event of an exchange has come."""

    response: OpenResponse


type Step = Began | Came | Ended


class ResponsesSocket:
    """Follows one socket, message by message."""

    def __init__(self) -> None:
        self._lanes: dict[str | None, deque[OpenResponse]] = {}
        self._warm_ups = WarmUps()

    def open_responses(self) -> list[OpenResponse]:
        """Return the exchanges that have not ended, lane by lane."""
        return [response for lane in self._lanes.values() for response in lane]

    def from_client(self, text: str) -> Iterator[Step]:
        """Take a message of the client; a message without an exchange is ignored."""
        message = message_of(text)
        if message.get("type") == CREATE:
            yield from self._begun(message)
        elif (response := self._addressed(message)) is not None:
            response.client_messages.append((response.events, message))
            response.unanswered_steers += message.get("type") == _STEER

    def from_server(self, text: str) -> Iterator[Step]:
        """Take a message of the server; a message without an exchange is ignored."""
        event = message_of(text)
        response = self._owner(lane_of(event))
        if response is None:
            return
        failure = _failure(event) if response.events == 0 else None
        if failure is not None:
            response.failure = failure
        else:
            yield Came(response, _piece(event, text))
        response.events += 1
        _follow(response, event)
        for response_id in response.response_ids:
            self._warm_ups.learn(response.body, response_id)
        if response.is_over and not response.awaits_successor():
            yield self._ended(response)

    def _begun(self, message: dict[str, JSON]) -> Iterator[Step]:
        lane = lane_of(message)
        for response in [one for one in self._lanes.get(lane, ()) if one.is_over]:
            yield self._ended(response)
        begun = OpenResponse(lane, self._warm_ups.expanded(body_of(message)))
        self._lanes.setdefault(lane, deque()).append(begun)
        yield Began(begun)

    def _ended(self, response: OpenResponse) -> Ended:
        lane = self._lanes[response.lane]
        lane.remove(response)
        if not lane:
            del self._lanes[response.lane]
        return Ended(response)

    def _owner(self, lane: str | None) -> OpenResponse | None:
        """Return the exchange that an event belongs to; an error may come without the lane of its request."""
        if lane in self._lanes:
            return self._lanes[lane][0]
        responses = self.open_responses()
        return responses[0] if lane is None and len(responses) == 1 else None

    def _addressed(self, message: dict[str, JSON]) -> OpenResponse | None:
        named = message.get("previous_response_id", message.get("response_id"))
        for response in self.open_responses():
            if named in response.response_ids or (named is None and response.lane == lane_of(message)):
                return response
        return None


def _piece(event: dict[str, JSON], text: str) -> bytes:
    """Return an event as the POST streams it: named by its type, and without its lane."""
    if LANE in event:
        text = json_text.compact({name: value for name, value in event.items() if name != LANE})
    kind = event.get("type")
    lines = (f"event: {kind}",) if isinstance(kind, str) else ()
    return sse.serialize(sse.Event(text, lines))


def _failure(event: dict[str, JSON]) -> tuple[int, bytes] | None:
    """Return status and body of an error that refuses a request; None where another event says more than they do."""
    status, error = event.get("status"), event.get("error")
    names = tuple(name for name in event if name != LANE)
    if names != _FAILURE_MEMBERS or event["type"] != "error" or not isinstance(error, dict):
        return None
    if isinstance(status, bool) or not isinstance(status, int) or not 400 <= status <= 599:
        return None
    return status, json_text.compact({"error": error}).encode()


def _follow(response: OpenResponse, event: dict[str, JSON]) -> None:
    """Update a response by its next event: it began, it ended, or a steer was accepted or failed."""
    kind = event.get("type")
    if kind == "response.created":
        _follow_created(response, event)
    elif kind in _LAST_EVENTS:
        response.is_over = True
    elif kind == "response.steer.accepted":
        response.unanswered_steers -= 1
        response.queued_steers += 1
    elif kind == "response.steer.failed":
        _follow_failed_steer(response, event)
    elif kind == "response.steer.pending":
        response.queued_steers -= 1  # the client's next request takes it up


def _follow_created(response: OpenResponse, event: dict[str, JSON]) -> None:
    created = event.get("response")
    if isinstance(created, dict) and isinstance(response_id := created.get("id"), str):
        response.response_ids.add(response_id)
    if response.is_over:
        response.is_over, response.queued_steers = False, 0


def _follow_failed_steer(response: OpenResponse, event: dict[str, JSON]) -> None:
    """Take a steer off its count: an id tells that it was accepted before it failed."""
    steer = event.get("steer")
    if isinstance(steer, dict) and steer.get("id"):
        response.queued_steers -= 1
    else:
        response.unanswered_steers -= 1
