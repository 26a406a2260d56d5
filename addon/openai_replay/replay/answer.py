"""Render the answer to a client from a recording: status, headers and bytes as the API sent them.

Nulls that null-filling added are taken out again (`wire/rebuild.py`). `id` and `created` stay as the recording has
them, unless the recording maps its id back to the id on the wire.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

from ..errors import BadRecording
from ..format import delays, json_text
from ..format.recording import (
    JSON,
    BodyFile,
    Chunks,
    FailedCall,
    Messages,
    Models,
    Nothing,
    RawLines,
    Recording,
    Response,
    Whole,
    opened,
)
from ..request.identity import ApiRequest
from ..store.store import Stored, companion_content, companions_of
from ..wire import framing, headers, rebuild
from ..wire.corrections import CorrectionReader
from ..wire.session_messages import CLIENT, SERVER, read_message
from ..wire.socket_notes import NO_SOCKET, SocketNotes, read_socket_notes
from ..wire.white_space import WhiteSpace, from_note, usual

JSON_TYPE = "application/json"
_DONE = re.compile(rb"data: ?\[DONE\]")
_BREAKS = re.compile(r"[\r\n\0]")
_LONGEST_SHOWN = 60
_WITHOUT_BODY = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)

STREAM_TYPE = "text/event-stream; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """A response to send. `pieces` are the events of a stream, else one body; `is_broken`: break off after them.

    `times_ms` are the recorded times of its head, its pieces and its end, in ms after the request; () without them.
    `socket` is for a stream that is sent over a WebSocket, `label` names the request for a person.
    """

    path: Path
    status: int
    headers: tuple[tuple[str, str], ...]
    pieces: tuple[bytes, ...]
    is_broken: bool = False
    is_stream: bool = False
    times_ms: tuple[int, ...] = ()
    socket: SocketNotes = NO_SOCKET
    label: str = ""
    _chunks: int | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # Counted once, for an answer may be sent very often. The class is frozen.
        object.__setattr__(self, "_chunks", chunks_of(self.pieces) if self.is_stream else None)

    def chunks(self) -> int | None:
        """Return how many chunks a stream has, None for another body."""
        return self._chunks

    def size(self) -> int:
        """Return how many bytes the body has."""
        return sum(map(len, self.pieces))


def chunks_of(pieces: Iterable[bytes]) -> int:
    """Return how many events among the pieces of a stream are chunks: not `[DONE]`, and no comment."""
    return sum(b"data:" in piece and _DONE.match(piece) is None for piece in pieces)


def render(stored: Sequence[Stored], api_request: ApiRequest) -> Answer:
    """Return the answer to a request, from one recording, or from several lists of models joined.

    Raises:
        BadRecording: the response cannot be sent as it stands; the message says where.
    """
    try:
        return _checked_body(_answered(stored, api_request))
    except (ValueError, TypeError, RecursionError) as exc:
        problem, _, place = str(exc).rpartition(" @ ")
        if problem and place.startswith("$"):
            raise BadRecording(stored[0].path, problem, place) from exc
        problem = f"expected a body that can be written as JSON, {exc}"
        raise BadRecording(stored[0].path, problem, "$.response.body") from exc


def _checked_body(answer: Answer) -> Answer:
    """Return an answer whose status goes with its body.

    Raises:
        BadRecording: the status allows no body: a client would take it for the next answer (RFC 9112, section 6.3).
    """
    if answer.status in _WITHOUT_BODY and answer.size():
        raise BadRecording(
            answer.path, f"expected no body with the status {answer.status}", "$.response.body"
        )
    return answer


def _answered(stored: Sequence[Stored], api_request: ApiRequest) -> Answer:
    first = stored[0]
    if len(stored) > 1:
        return _json_answer(first, api_request, _joined_models(stored, api_request))
    match first.recording.response.content():
        case FailedCall() as failed:
            return _failure(first, api_request, failed)
        case RawLines(lines):
            blocks = framing.with_bytes(_blocks(lines), first.recording.response.wire)
            return _answer(first, api_request, STREAM_TYPE, blocks)
        case Chunks(items):
            return _answer(first, api_request, STREAM_TYPE, _events(first, api_request, items))
        case BodyFile():
            return _answer(first, api_request, "application/octet-stream", (_file_content(first),))
        case Messages(items):
            return _answer(first, api_request, None, tuple(_message_line(item) for item in items))
        case Nothing():
            return _answer(first, api_request, None, ())
        case Models(items) if items or api_request.is_model_list():
            return _json_answer(first, api_request, _models(first, api_request, items))
        case Models(items):
            return _json_answer(first, api_request, items)
        case Whole(value):
            return _whole(first, api_request, value)


def _message_line(item: JSON) -> bytes:
    """Return a message of a session as a line for a reader; a client gets it over a WebSocket."""
    message = read_message(item)
    sign, data = (">", item) if message is None else (_SIGNS[message.side], opened(message.data)[1])
    return f"{sign} {json_text.compact(data)}\n".encode()


_SIGNS = {CLIENT: ">", SERVER: "<"}


def _answer(
    stored: Stored, api_request: ApiRequest, content_type: str | None, pieces: tuple[bytes, ...]
) -> Answer:
    response = stored.recording.response
    implied = {} if content_type is None else {"content-type": content_type}
    _check_headers(stored)
    sent = headers.sent(response.headers, implied | headers.implied(api_request.url))
    return Answer(
        path=stored.path,
        label=api_request.label(),
        status=response.sent_status(),
        headers=tuple(sent.items()),
        pieces=pieces,
        is_broken=response.is_broken(),
        is_stream=response.is_streaming,
        times_ms=delays.decode(response.wire.get(delays.NAME)),
        socket=read_socket_notes(response.wire),
    )


def _check_headers(stored: Stored) -> None:
    """Check that the recorded headers can be sent.

    Raises:
        BadRecording: a name is no token (RFC 9110, 5.6.2), or a value has a line break or a NUL.
    """
    for name, value in stored.recording.response.headers.items():
        place = f"$.response.headers[{json.dumps(name[:_LONGEST_SHOWN])}]"
        if not headers.TOKEN.fullmatch(name):
            raise BadRecording(stored.path, "expected the name of a header", place)
        if _BREAKS.search(value):
            raise BadRecording(stored.path, "expected the value of a header in one line", place)


def _json_answer(stored: Stored, api_request: ApiRequest, value: Any) -> Answer:
    """Return an answer in JSON, with the white space that the API sent."""
    return _text_answer(stored, api_request, _white_space(stored).written(value))


def _text_answer(stored: Stored, api_request: ApiRequest, text: str) -> Answer:
    return _answer(stored, api_request, JSON_TYPE, (text.encode(),))


def _white_space(stored: Stored) -> WhiteSpace:
    recording = stored.recording
    note = recording.response.wire.get("layout")
    return usual(recording.request.url) if note is None else from_note(note)


def _whole(stored: Stored, api_request: ApiRequest, value: JSON) -> Answer:
    """Return one JSON value, as its recorded text where a Python value cannot hold it."""
    chunks = _chunks(stored, api_request, [value])
    text = chunks.kept_text(0)
    if text is not None:
        return _text_answer(stored, api_request, text)
    return _json_answer(stored, api_request, chunks.value(0))


def _file_content(stored: Stored) -> bytes:
    (companion,) = companions_of(stored.path, stored.recording.response).values()
    return companion_content(stored.path, companion)


def _models(stored: Stored, api_request: ApiRequest, items: list[JSON]) -> JSON:
    """Return a list of models as the API sent it."""
    chunks = _chunks(stored, api_request, items)
    return _list_of([chunks.value(number) for number in range(len(items))], stored.recording.response)


def _list_of(items: list[JSON], response: Response) -> JSON:
    around = response.wire.get("around")
    if isinstance(around, dict):
        return {**around, "data": items}
    return {"object": "list", "data": items}


def _joined_models(stored: Sequence[Stored], api_request: ApiRequest) -> JSON:
    """Return the union of several lists of models, in file-name order, each model once."""
    models: dict[str, JSON] = {}
    for one in stored:
        content = one.recording.response.content()
        items = content.items if isinstance(content, Models) else []
        chunks = _chunks(one, api_request, items)
        for number, item in enumerate(items):
            _, data = opened(item)
            model_id = data.get("id") if isinstance(data, dict) else data
            models.setdefault(json.dumps(model_id), chunks.value(number))
    return {"object": "list", "data": list(models.values())}


def _failure(stored: Stored, api_request: ApiRequest, failed: FailedCall) -> Answer:
    """Return the JSON or text that a failed call answered with."""
    body, data, message = failed.body, failed.failure.data, failed.failure.message
    whole = _whole_error(body, message)
    if whole is not None:
        return _whole(stored, api_request, whole)
    if isinstance(body, str):
        return _answer(stored, api_request, "text/plain; charset=utf-8" if body else None, (body.encode(),))
    if body is None and not isinstance(data.get("status_code"), int):
        body = {"message": message, "type": "recorded_exception", "param": None, "code": data.get("type")}
    return _whole(stored, api_request, {"error": body})


def _whole_error(body: JSON, message: str) -> dict[str, JSON] | None:
    """Return the whole JSON of an error, which recorders inside the Python SDK keep only in its message.

    None where the message differs from `body`, because a person edited one of them, or where it is no JSON.
    """
    _, _, literal = message.partition(" - ")
    try:
        whole: JSON = ast.literal_eval(literal)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        whole = None
    return whole if isinstance(whole, dict) and body in (whole, whole.get("error", whole)) else None


def _blocks(lines: Sequence[str]) -> tuple[bytes, ...]:
    """Return the blocks of a stream that is stored as its lines."""
    blocks: list[str] = []
    block = ""
    for line in lines:
        block += f"{line}\n"
        if line == "":
            blocks.append(block)
            block = ""
    blocks += [block] if block else []
    return tuple(block.encode("utf-8", "surrogateescape") for block in blocks)


def _events(stored: Stored, api_request: ApiRequest, items: list[JSON]) -> tuple[bytes, ...]:
    recording = stored.recording
    response = recording.response
    chunks = _chunks(stored, api_request, items)
    frames = framing.Frames(response.wire)
    pieces: list[bytes] = []
    for number, item in enumerate(items):
        class_name, data = opened(item)
        if chunks.is_usage_unwanted and rebuild.is_usage_chunk(class_name, data):
            continue
        pieces += frames.before(number)
        pieces.append(frames.event(number, class_name, data, chunks.text(number)))
    pieces += frames.end(api_request.endpoint(), len(items), is_broken=response.is_broken())
    return framing.with_bytes(tuple(pieces), response.wire)


@dataclass(frozen=True, slots=True)
class _Chunks:
    """The chunks of a recording as they were on the wire, or without the usage that a request does not want."""

    recording: Recording
    items: list[JSON]
    corrected: CorrectionReader
    request_body: JSON
    is_usage_unwanted: bool

    def text(self, number: int) -> str:
        """Return the JSON text of a chunk of a stream."""
        text = self.kept_text(number)
        return self.corrected.written(number, self.value(number)) if text is None else text

    def kept_text(self, number: int) -> str | None:
        """Return the recorded text of a chunk that no JSON value can hold, None for all others."""
        class_name, data = opened(self.items[number])
        text = self.corrected.text(number, class_name, data)
        if text is None:
            return None
        wire_id = self._wire_id(data)
        return text if wire_id is None else json_text.with_members(text, {"id": wire_id})

    def value(self, number: int) -> JSON:
        """Return a chunk as the API sent it."""
        class_name, data = opened(self.items[number])
        if self.is_usage_unwanted:
            data = rebuild.without_null_usage(class_name, data)
        rebuilt = rebuild.rebuild(class_name, data, self.request_body)
        value = self.corrected.value(number, rebuilt, data)
        if framing.is_assistant_event(class_name) and isinstance(value, dict):
            value = value.get("data")
        wire_id = self._wire_id(value)
        return {**value, "id": wire_id} if isinstance(value, dict) and wire_id is not None else value

    def _wire_id(self, value: JSON) -> str | None:
        """Return the id that an object had on the wire, None where the recording has it as it was."""
        normalised = value.get("id") if isinstance(value, dict) else None
        return (
            self.recording.id_normalization_mapping.get(normalised) if isinstance(normalised, str) else None
        )


def _chunks(stored: Stored, api_request: ApiRequest, items: list[JSON]) -> _Chunks:
    recording = stored.recording
    corrected = CorrectionReader(recording.response.wire.get("corrections"))
    # Whether this request wants usage matters only if the recording has usage.
    has_usage = rebuild.asks_usage(recording.request.body)
    is_usage_unwanted = has_usage and not rebuild.asks_usage(api_request.body)
    request_body = api_request.body if has_usage else recording.request.body
    return _Chunks(recording, items, corrected, request_body, is_usage_unwanted)
