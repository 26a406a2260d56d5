"""Server-sent events on their way out: WHATWG HTML, section 9.2, "Server-sent events"."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One event. With `data` None it is a block without data: a comment, or an event name alone."""

    data: str | None = None
    event: str | None = None
    id: str | None = None
    retry: int | None = None
    comment: str | None = None


def compact_json(value: Any) -> str:
    """Return `value` as the API puts it into `data`: no spaces, characters outside ASCII as themselves."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def json_event(value: Any, event: str | None = None) -> ServerSentEvent:
    """Return the event that carries `value` as compact JSON, named `event` where a name is given."""
    return ServerSentEvent(data=compact_json(value), event=event)


def field_lines(event: ServerSentEvent) -> list[str]:
    """Return the lines of `event` without their ends and without the blank line that dispatches it."""
    lines = []
    if event.comment is not None:
        lines.append(f": {event.comment}")
    if event.event is not None:
        lines.append(f"event: {event.event}")
    if event.id is not None:
        lines.append(f"id: {event.id}")
    if event.retry is not None:
        lines.append(f"retry: {event.retry}")
    if event.data is not None:
        lines.extend(f"data: {line}" for line in event.data.split("\n"))
    return lines
