"""Answer a resumed stream, `GET /v1/responses/{id}?stream=true&starting_after=N`, from recorded streams of its id.

A client that lost the stream of a background response asks for the events after the last `sequence_number` that it
got (OpenAI's guide "Background mode"). How far it got differs from run to run, so such a request seldom has a
recording. The stream of the response's creation and the streams that resumed it have its events together.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from ..errors import BadRecording
from ..format.recording import JSON, opened
from ..request.identity import ApiRequest
from ..store import files
from ..store.store import Store, Stored
from ..wire import sse
from .answer import Answer, render

_PATH = re.compile(r"/responses/([^/]+)$")
_NUMBER = re.compile(r"-?[0-9]{1,9}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Resumption:
    """A wish for the events of a response after a `sequence_number`; -1 is before the first."""

    response_id: str
    after: int


def resumption_of(api_request: ApiRequest) -> Resumption | None:
    """Return the wish of a request for a stream of an existing response, None for any other request."""
    parts = urlsplit(api_request.url)
    match = _PATH.search(parts.path)
    query = parse_qs(parts.query)
    after = query.get("starting_after", ["-1"])[-1]
    is_resumption = api_request.method == "GET" and query.get("stream", [""])[-1] == "true"
    if match is None or not is_resumption or _NUMBER.fullmatch(after) is None:
        return None
    return Resumption(match[1], int(after))


def resumed(store: Store, api_request: ApiRequest, *, own_test_only: bool) -> Answer | None:
    """Return the rest of a recorded stream, None where none is wanted or recorded.

    Streams of the request's test come first, then streams without a test, then, unless `own_test_only`, streams of
    any other test. Reads files, and blocks on the index.
    """
    wanted = resumption_of(api_request)
    if wanted is None:
        return None
    streams = [
        stored
        for stored in _streams_of(store, wanted.response_id)
        if not own_test_only or stored.recording.test_id == api_request.test_id
    ]
    streams.sort(key=lambda stored: _distance(stored.recording.test_id, api_request.test_id))
    return _rest([render([stored], api_request) for stored in streams], wanted.after)


def _distance(test_id: str | None, wanted: str | None) -> int:
    if test_id == wanted:
        return 0
    return 1 if test_id is None else 2


def _streams_of(store: Store, response_id: str) -> Iterator[Stored]:
    """Yield the recorded streams of a response, in file-name order."""
    for name in sorted(store.index.paths()):
        with suppress(BadRecording, OSError):
            stored = _stream_at(store, store.directory / name, response_id)
            if stored is not None:
                yield stored


def _stream_at(store: Store, path: Path, response_id: str) -> Stored | None:
    """Return a recording if it is a stream of a response; most files are told apart by their bytes."""
    if response_id.encode() not in files.read_file(path)[1]:
        return None
    stored = store.read(path)
    if stored is None or not stored.recording.response.is_streaming:
        return None
    is_resumed = stored.recording.request.endpoint.endswith(f"/responses/{response_id}")
    return stored if is_resumed or _names(stored, response_id) else None


def _names(stored: Stored, response_id: str) -> bool:
    """Tell whether an event of a stream carries the response of that id."""
    body = stored.recording.response.body
    events = (opened(chunk)[1] for chunk in body) if isinstance(body, list) else iter(())
    responses = (event.get("response") for event in events if isinstance(event, dict))
    return any(isinstance(one, dict) and one.get("id") == response_id for one in responses)


@dataclass(frozen=True, slots=True)
class _Event:
    """One event: its bytes, and its recorded time, 0 without times."""

    number: int
    piece: bytes
    at_ms: int


def _rest(answers: Iterable[Answer], after: int) -> Answer | None:
    """Return the events after a number, of several answers; where they overlap, of the first that has them."""
    answers = list(answers)
    events: dict[int, _Event] = {}
    for answer in answers:
        events |= {event.number: event for event in _events(answer) if event.number not in events}
    if not events:
        return None
    last = _answer_with(answers, max(events))
    kept = [events[number] for number in sorted(events) if number > after]
    return replace(last, pieces=tuple(event.piece for event in kept), times_ms=_times(last, kept))


def _answer_with(answers: Iterable[Answer], number: int) -> Answer:
    """Return the answer that has an event: how it ends is how the whole ends."""
    return next(answer for answer in answers if any(event.number == number for event in _events(answer)))


def _events(answer: Answer) -> Iterator[_Event]:
    times_ms = answer.times_ms[1:-1]
    for place, piece in enumerate(answer.pieces):
        number = _sequence_number(piece)
        if number is not None:
            yield _Event(number, piece, times_ms[place] if place < len(times_ms) else 0)


def _sequence_number(piece: bytes) -> int | None:
    parser = sse.Parser()
    data = [parsed.data for parsed in (*parser.feed(piece), *parser.close()) if parsed.data is not None]
    try:
        event: JSON = json.loads("\n".join(data))
    except ValueError:
        return None
    number = event.get("sequence_number") if isinstance(event, dict) else None
    return number if isinstance(number, int) else None


def _times(answer: Answer, kept: list[_Event]) -> tuple[int, ...]:
    """Return the recorded times of the kept events, the first of them at once; () without times."""
    if not answer.times_ms or not kept:
        return ()
    start = kept[0].at_ms
    at = [max(0, event.at_ms - start) for event in kept]
    return (0, *at, max(0, answer.times_ms[-1] - start))
