"""Read `response.create`, the request of the Responses API over a WebSocket, as the POST that it stands for.

Source: API documentation, "WebSocket mode": the message has the members of the body of `POST /v1/responses`, without
`stream` and `background`, and besides `type` and, for a lane of the connection, `stream_id`.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from ..format import json_text
from ..format.recording import JSON
from .urls import single_prefix

CREATE = "response.create"
LANE = "stream_id"

_ENVELOPE = ("type", LANE, "stream")


def is_responses_endpoint(url: str) -> bool:
    """Tell whether a WebSocket at a URL speaks the Responses API."""
    return single_prefix(urlsplit(url).path).rstrip("/").endswith("/responses")


def message_of(text: str) -> dict[str, JSON]:
    """Return the JSON object of a message, {} where it is none."""
    try:
        value = json_text.read(text).value
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def fault_in(received: str | bytes) -> str:
    """Say why a message of the client can have no answer, "" for a JSON object with a type."""
    if isinstance(received, bytes):
        return "binary"
    try:
        value = json_text.read(received).value
    except ValueError:
        return "no JSON"
    if not isinstance(value, dict):
        return "no JSON object"
    return "" if isinstance(value.get("type"), str) else "without a type"


def lane_of(message: dict[str, JSON]) -> str | None:
    """Return the lane of a message, None for the unnamed lane."""
    lane = message.get(LANE)
    return lane if isinstance(lane, str) else None


def body_of(message: dict[str, JSON]) -> dict[str, JSON]:
    """Return the body of the POST that a `response.create` stands for."""
    body = {name: value for name, value in message.items() if name not in _ENVELOPE}
    if not body.get("background"):
        body.pop("background", None)
    return {**body, "stream": True}
