"""Warm-ups of a Responses WebSocket: `generate: false` sends input ahead, and a later request names it.

    {"type": "response.create", "generate": false, "input": [A]}                    -> response resp_1, no output
    {"type": "response.create", "previous_response_id": "resp_1", "input": [B]}     the POST with input [A, B]

Source: API documentation, "WebSocket mode". A client over HTTP has no warm-ups and sends all input at once. Rule: a
request that follows a warm-up has the identity of that POST, so that recordings of either transport answer it.
"""

from __future__ import annotations

from ..format.recording import JSON

_PREVIOUS = "previous_response_id"


class WarmUps:
    """The warm-ups of one connection, by the id of their response."""

    def __init__(self) -> None:
        self._bodies: dict[str, dict[str, JSON]] = {}

    def learn(self, body: dict[str, JSON], response_id: str) -> None:
        """Take note of the response that a request got; other requests than warm-ups mean nothing here."""
        if body.get("generate") is False:
            self._bodies[response_id] = body

    def expanded(self, body: dict[str, JSON]) -> dict[str, JSON]:
        """Return a request with the input of the warm-up that it follows; any other request as it is."""
        previous = body.get(_PREVIOUS)
        warm_up = self._bodies.get(previous) if isinstance(previous, str) else None
        if warm_up is None:
            return body
        ahead, own = warm_up.get("input"), body.get("input") or []
        if not isinstance(ahead, list) or not isinstance(own, list):
            return body
        before = {name: warm_up[name] for name in (_PREVIOUS,) if name in warm_up}
        rest = {name: value for name, value in body.items() if name != _PREVIOUS}
        return {**rest, "input": [*ahead, *own], **before}


def answer_to_warm_up(body: dict[str, JSON], response_id: str) -> list[dict[str, JSON]]:
    """Return the events of a warm-up that has no recording: a response without output."""
    response: dict[str, JSON] = {
        "id": response_id,
        "object": "response",
        "created_at": 0,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "metadata": {},
        "model": body.get("model"),
        "output": [],
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
    }
    return [
        {
            "type": "response.created",
            "sequence_number": 0,
            "response": {**response, "status": "in_progress"},
        },
        {"type": "response.completed", "sequence_number": 1, "response": response},
    ]
