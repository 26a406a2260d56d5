"""The Responses API over a WebSocket: lanes, warm-up, steering, and errors as events.

Source: the guide "WebSocket mode" of the API's documentation, and `responses_client_event`,
`responses_server_event` and `response_steer_*` of openai-python. A `response.create` is the body of
`POST /v1/responses`; each answer is the events that the POST would stream.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from typing import Any

from ..conversation import Message, Said
from ..events import compact_json
from .account import Account
from .answers import ApiError
from .identifiers import new_id
from .response_stream import Event, response_events
from .responses import created

ENVELOPE = ("type", "stream_id")
# Steering ends a response between two tokens of its text, the place where the model can look up.
SAFE_BOUNDARY = "response.output_text.delta"


class ResponsesConversation:
    """Answers each lane in the order of its requests, and the lanes in turn."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._lanes: dict[str | None, Lane] = {}
        self._turns: deque[Lane] = deque()
        self._known: set[str] = set()
        self._errors: deque[Event] = deque()

    def hear(self, message: Message) -> None:
        """Take a `response.create` or `response.steer`; anything else is an error."""
        event = _parsed(message)
        match event.get("type"):
            case "response.create":
                self._lane(event.get("stream_id")).requests.append(event)
            case "response.steer":
                self._steer(event)
            case other:
                self._errors.append(_error(ApiError(400, f"Unknown event type: {other!r}."), None))

    def say(self) -> Said | None:
        """Return the next event of the lane whose turn it is."""
        if self._errors:
            return compact_json(self._errors.popleft())
        for _ in range(len(self._turns)):
            lane = self._turns[0]
            self._turns.rotate(-1)
            if (event := lane.next_event()) is not None:
                return compact_json(event)
        return None

    def _lane(self, name: str | None) -> Lane:
        if name not in self._lanes:
            self._lanes[name] = Lane(name, self._account, self._known)
            self._turns.append(self._lanes[name])
        return self._lanes[name]

    def _steer(self, event: dict[str, Any]) -> None:
        for lane in self._lanes.values():
            if lane.steered(event):
                return
        self._errors.append(_steer_failed(event))


class Lane:
    """The requests of one `stream_id`, first in, first out."""

    def __init__(self, name: str | None, account: Account, known: set[str]) -> None:
        self.requests: deque[dict[str, Any]] = deque()
        self._name = name
        self._account = account
        self._known = known
        self._body: dict[str, Any] = {}
        self._finished: dict[str, Any] = {}
        self._events: Iterator[Event] = iter(())
        self._accepted: deque[Event] = deque()
        self._steering: list[Any] = []
        self._number = 0

    def next_event(self) -> Event | None:
        """Return the next event of the lane, None when it has none."""
        if self._accepted:
            return self._numbered(self._accepted.popleft())
        event = next(self._events, None)
        if event is not None and self._steering and event["type"] == SAFE_BOUNDARY:
            event = self._interrupted()
        if event is None and (self._steering or self.requests):
            return self._begin()
        return None if event is None else self._numbered(event)

    def steered(self, event: dict[str, Any]) -> bool:
        """Queue the input of a `response.steer` if the response that it names is this lane's, and not over."""
        if event.get("previous_response_id") != self._finished.get("id") or self._finished.get("over"):
            return False
        self._steering.append(event["input"])
        steer = {"id": new_id("steer_"), "previous_response_id": event["previous_response_id"]}
        self._accepted.append({"type": "response.steer.accepted", "steer": steer})
        return True

    def _begin(self) -> Event:
        body = self._successor() if self._steering else _body(self.requests.popleft())
        self._number = 0
        try:
            finished = created(self._account, body, self._known)
        except ApiError as error:
            self._finished = {}
            return _error(error, self._name)
        self._known.add(finished["id"])
        self._body, self._finished = body, {**finished}
        events = (json.loads(event.data or "") for event in response_events(finished, body))
        self._events = _without_content(events) if body.get("generate") is False else events
        event = self.next_event()
        assert event is not None
        return event

    def _successor(self) -> dict[str, Any]:
        inputs, self._steering = self._steering, []
        return {**self._body, "input": inputs[-1], "previous_response_id": self._finished["id"]}

    def _interrupted(self) -> Event:
        self._events = iter(())
        cut = {**self._finished, "status": "incomplete", "incomplete_details": {"reason": "steered"}}
        return {"type": "response.incomplete", "response": cut}

    def _numbered(self, event: Event) -> Event:
        numbered = {**event, "sequence_number": self._number}
        self._number += 1
        if event["type"] in ("response.completed", "response.failed") and not self._steering:
            self._finished = {**self._finished, "over": True}
        return numbered if self._name is None else {**numbered, "stream_id": self._name}


def _parsed(message: Message) -> dict[str, Any]:
    try:
        event = json.loads(message)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _body(event: dict[str, Any]) -> dict[str, Any]:
    return {**{name: value for name, value in event.items() if name not in ENVELOPE}, "stream": True}


def _without_content(events: Iterator[Event]) -> Iterator[Event]:
    return (event for event in events if event["type"] in ("response.created", "response.completed"))


def _error(error: ApiError, lane: str | None) -> Event:
    event = {"type": "error", "status": error.status, "error": error.error}
    return event if lane is None else {**event, "stream_id": lane}


def _steer_failed(event: dict[str, Any]) -> Event:
    steer = {"input": event.get("input"), "previous_response_id": event.get("previous_response_id")}
    error = {
        "code": "response_not_found",
        "message": "The target response is not available on this connection.",
        "type": "invalid_request_error",
    }
    return {"type": "response.steer.failed", "error": error, "steer": steer, "sequence_number": 0}
