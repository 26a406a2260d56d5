"""Read HTTP bodies as a conversation: JSON requests and answers, and event streams, as they stand on the wire."""

from __future__ import annotations

import orjson

from ..format.recording import JSON, Recording, Request, Response
from ..wire import sse
from .transcript import transcript
from .turns import Transcript, Turn


def sent_turns(body: bytes) -> tuple[Turn, ...]:
    """Return the turns of a request.

    Raises:
        ValueError: the body is no JSON object.
    """
    return _read(_object(body), Response(None)).sent


def received_transcript(body: bytes, media_type: str) -> Transcript:
    """Return the transcript of an answer.

    Args:
        body: without content coding.
        media_type: such as `text/event-stream`, in lower case.

    Raises:
        ValueError: the body is neither an event stream nor JSON.
    """
    if media_type == "text/event-stream":
        return _read({}, Response(_chunks(body), is_streaming=True))
    return _read({}, Response(_object(body)))


def _read(sent: JSON, response: Response) -> Transcript:
    return transcript(Recording(None, Request("POST", "", sent, "", ""), response))


def _object(body: bytes) -> dict[str, JSON]:
    value = orjson.loads(body)
    if not isinstance(value, dict):
        raise ValueError(f"expected a JSON object, got {type(value).__name__}")
    return value


def _chunks(body: bytes) -> list[JSON]:
    """Return the JSON values of a stream's events, without an event that its end has cut."""
    parser = sse.Parser()
    events = [*parser.feed(body), *parser.close()]
    return [value for event in events if (value := _value(event.data)) is not None]


def _value(data: str | None) -> JSON:
    """Return the JSON value of an event's data, None for `[DONE]` and for other text."""
    try:
        value: JSON = orjson.loads(sse.readable(data or ""))
    except ValueError:
        return None
    return value
