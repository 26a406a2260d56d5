"""The recording of one HTTP exchange, and its codec: decode it from JSON, encode it as JSON.

`recordings/FORMAT.md` describes the format. Decisions of the codec:

- a reader accepts files without `test_id` or `id_normalization_mapping`, and members that it does not know;
- a request may call its body `payload` and have no `endpoint`, as raw HTTP recorders write it;
- a writer writes the full set of members, in one order, as UTF-8 with an indent of two spaces;
- text that UTF-8 cannot hold (a lone surrogate) and integers beyond 64 bits are written as JSON escapes and digits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import batched
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import orjson

from ..errors import BadRecording, NotRecordable, NotReplayable

# How deep a chunk stands in the file: in the list `body` of `response`.
_NEWLINE_IN_CHUNK = "\n      "
_BETWEEN_CHUNKS = f",{_NEWLINE_IN_CHUNK}"

# Placeholder for the chunks while the rest is written. No JSON text has such a character.
_PLACEHOLDER = b"\0"

# How many chunks are written at once.
_BATCH = 256

type JSON = dict[str, JSON] | list[JSON] | str | int | float | bool | None

TYPE = "__type__"
DATA = "__data__"
FILE = "__file__"

# Some servers answer with a status beyond 599, which clients read as an error of the server (RFC 9110, section 15).
_LARGEST_STATUS = 999

# The status of a WebSocket (RFC 6455, section 4.2.2), and the member of `response.wire` that names its sound files.
SWITCHING_PROTOCOLS = 101
AUDIO = "audio"
_BODY = "body"

# Integers that orjson would read as floats, and so alter.
_BIG_INTEGER = re.compile(rb"[:\[,\s]-?[0-9]{19,}[\s,\]}]")

# A text with each digit as 0, the decimal point as itself and all else as a space. To look for long numbers in that
# takes a thirtieth of the time that the expression takes, which was most of the time of reading a recording.
_SHAPE_OF_NUMBERS = bytes(
    ord("0") if byte in b"0123456789" else byte if byte in b"." else 32 for byte in range(256)
)
_NINETEEN_DIGITS = b"0" * 19

# The line with which git begins a conflict in a file (git-merge, "How conflicts are presented"). JSON has no such line.
_CONFLICT = re.compile(r"^<{7} ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Request:
    """The request of a recording. `url` is as requested, `endpoint` the path that names the operation."""

    method: str
    url: str
    body: JSON
    endpoint: str
    model: str


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed call, or a stream that broke off: `exception_data` and `exception_message` of the recording."""

    data: dict[str, JSON]
    message: str


@dataclass(frozen=True, slots=True)
class Response:
    """The response of a recording.

    `body` is a list of chunks when `is_streaming`. `headers` and `wire` are this project's additions, which other
    readers ignore: headers that do not follow from the body, and details that `wire/rebuild.py` cannot rebuild.
    """

    body: JSON
    is_streaming: bool = False
    status: int = 200
    failure: Failure | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    wire: Mapping[str, JSON] = field(default_factory=dict)

    def content(self) -> Content:
        """Return the content of the response, as the case that it is."""
        if self.failure is not None and not self.is_streaming:
            return FailedCall(self.sent_status(), self.failure.data.get("body"), self.failure)
        if self.status == SWITCHING_PROTOCOLS:
            return Messages(self.body if isinstance(self.body, list) else [])
        if self.is_streaming:
            return _stream_content(self.body if isinstance(self.body, list) else [])
        if self.body is None and "corrections" not in self.wire:
            return Nothing()
        if isinstance(self.body, dict) and self.body.keys() == {FILE}:
            return BodyFile(self.body[FILE])
        # A list without items has corrections where it is not a list of models.
        if isinstance(self.body, list) and _is_model_list(self.body, has_notes="corrections" in self.wire):
            return Models(self.body)
        return Whole(self.body)

    def companions(self) -> dict[str, JSON]:
        """Return the names of the files beside the recording, by their kind: `body`, or a side's audio."""
        content = self.content()
        if isinstance(content, BodyFile):
            return {_BODY: content.name}
        audio = self.wire.get(AUDIO)
        return audio if isinstance(content, Messages) and isinstance(audio, dict) else {}

    def with_companions(self, file_names: Mapping[str, str]) -> Response:
        """Return the response with other names for the files beside it; see `companions`."""
        if not file_names:
            return self
        if _BODY in file_names:
            return replace(self, body={FILE: file_names[_BODY]})
        return replace(self, wire={**self.wire, AUDIO: dict(file_names)})

    def is_broken(self) -> bool:
        """Tell whether this is a stream that broke off."""
        return self.is_streaming and self.failure is not None

    def sent_status(self) -> int:
        """Return the status that a client gets; that of a failed call is in its exception."""
        if self.failure is None or self.is_streaming:
            return self.status
        status = self.failure.data.get("status_code")
        if isinstance(status, int) and 200 <= status <= _LARGEST_STATUS:
            return status
        return 500 if self.status == 200 else self.status


@dataclass(frozen=True, slots=True)
class Chunks:
    """A stream, maybe one that broke off: its chunks, in envelopes where they are of a class."""

    items: list[JSON]


@dataclass(frozen=True, slots=True)
class RawLines:
    """A stream that is not one of chunks: the lines of its events, blank ones included."""

    lines: list[str]


@dataclass(frozen=True, slots=True)
class Messages:
    """The messages of a WebSocket, `{"from": "client" | "server", "data": …}` each."""

    items: list[JSON]


@dataclass(frozen=True, slots=True)
class Models:
    """A list of models, each in its envelope. A list without items is one only if the request was for models."""

    items: list[JSON]


@dataclass(frozen=True, slots=True)
class Whole:
    """One JSON value, in an envelope where it is of a class."""

    value: JSON


@dataclass(frozen=True, slots=True)
class BodyFile:
    """A body that is not JSON, in a file beside the recording. `name` may be anything until it is checked."""

    name: JSON


@dataclass(frozen=True, slots=True)
class Nothing:
    """No body."""


@dataclass(frozen=True, slots=True)
class FailedCall:
    """An error: its status, and `body`, the object inside of `{"error": …}` or another text."""

    status: int
    body: JSON
    failure: Failure


type Content = Messages | Chunks | RawLines | Models | Whole | BodyFile | Nothing | FailedCall


def _stream_content(body: list[JSON]) -> Chunks | RawLines:
    lines = [item for item in body if isinstance(item, str)]
    return RawLines(lines) if lines and len(lines) == len(body) else Chunks(body)


def _is_model_list(body: list[JSON], *, has_notes: bool) -> bool:
    return opened(body[0])[0] is not None if body else not has_notes


@dataclass(frozen=True, slots=True)
class Recording:
    """One exchange. `id_normalization_mapping` is {id in the recording: id on the wire}."""

    test_id: str | None
    request: Request
    response: Response
    id_normalization_mapping: Mapping[str, str] = field(default_factory=dict)


def encode(recording: Recording) -> bytes:
    """Return the file of a recording.

    Raises:
        NotRecordable: it is nested too deeply to be written.
    """
    try:
        return dump_json(to_json(recording))
    except RecursionError as exc:
        raise NotRecordable("expected JSON, it is nested too deeply") from exc


def encode_with_chunks(recording: Recording, chunks: Sequence[object]) -> Iterator[bytes]:
    """Yield the file of a recording in pieces.

    Args:
        chunks: the chunks of its body; `str` gives each as `encode_chunk` returns it.

    Raises:
        NotRecordable: it is nested too deeply to be written.
    """

    def with_body(body: Any) -> bytes:
        return encode(replace(recording, response=replace(recording.response, body=body)))

    try:
        frame = with_body([orjson.Fragment(_PLACEHOLDER)] if chunks else [])
    except TypeError:  # the standard library has to write it, and knows no fragments
        yield with_body([_loads(str(chunk)) for chunk in chunks])
        return
    before, _, after = frame.partition(_PLACEHOLDER)
    yield before
    separator = ""
    for batch in batched(map(str, chunks), _BATCH):
        yield f"{separator}{_BETWEEN_CHUNKS.join(batch)}".encode()
        separator = _BETWEEN_CHUNKS
    yield after


def encode_chunk(chunk: JSON) -> str:
    """Return a chunk as it stands in the file of a recording.

    Raises:
        NotRecordable: it is nested too deeply to be written.
    """
    try:
        return dump_json(chunk).decode()[:-1].replace("\n", _NEWLINE_IN_CHUNK)
    except RecursionError as exc:
        raise NotRecordable("expected JSON, it is nested too deeply") from exc


def decode(raw: bytes, path: Path) -> Recording:
    """Read the file of a recording; `path` is for messages only.

    Raises:
        BadRecording: it is no JSON, or not of the format; the message says where.
        NotReplayable: it is of a kind that holds no HTTP exchange.
    """
    return from_json(load_json(raw, path), path)


def to_json(recording: Recording) -> dict[str, JSON]:
    """Return a recording as JSON, its members in the order of the format."""
    request = recording.request
    return {
        "test_id": recording.test_id,
        "request": {
            "method": request.method,
            "url": request.url,
            "headers": {},
            "body": request.body,
            "endpoint": request.endpoint,
            "model": request.model,
        },
        "response": _response_to_json(recording.response),
        "id_normalization_mapping": dict(recording.id_normalization_mapping),
    }


def _response_to_json(response: Response) -> dict[str, JSON]:
    result: dict[str, JSON] = {"body": response.body, "is_streaming": response.is_streaming}
    if response.status != 200:
        result["status"] = response.status
    if response.failure is not None:
        result["is_exception"] = True
        result["exception_data"] = response.failure.data
        result["exception_message"] = response.failure.message
    if response.headers:
        result["headers"] = dict(response.headers)
    if response.wire:
        result["wire"] = dict(response.wire)
    return result


def from_json(value: JSON, path: Path) -> Recording:
    """Read a recording from JSON; see `decode`."""
    reader = _Reader(path)
    test_id, request = request_from_json(value, path)
    top = reader.object(value, "$")
    return Recording(
        test_id=test_id,
        request=request,
        response=_response_from_json(reader, reader.object(top.get("response"), "$.response")),
        id_normalization_mapping={
            name: reader.text(wire_id, f"$.id_normalization_mapping.{name}")
            for name, wire_id in reader.object(
                top.get("id_normalization_mapping") or {}, "$.id_normalization_mapping"
            ).items()
        },
    )


def request_from_json(value: JSON, path: Path) -> tuple[str | None, Request]:
    """Read the test id and the request of a recording from JSON; see `decode`."""
    reader = _Reader(path)
    top = reader.object(value, "$")
    request = reader.object(top.get("request"), "$.request")
    if not isinstance(request.get("url"), str):
        raise NotReplayable(
            path, "expected a url: a recording without one is no HTTP exchange", "$.request.url"
        )
    return reader.maybe_text(top.get("test_id"), "$.test_id"), _request_from_json(reader, request)


def _request_from_json(reader: _Reader, request: dict[str, JSON]) -> Request:
    url = reader.text(request.get("url"), "$.request.url")
    parts = _maybe_parts(url)
    if parts is None or parts.scheme not in ("http", "https") or not parts.netloc:
        raise NotReplayable(
            reader.path,
            f"expected an http or https url, got {url!r}: it is no HTTP exchange",
            "$.request.url",
        )
    body = request["body"] if "body" in request else request.get("payload", {})
    return Request(
        method=reader.text(request.get("method"), "$.request.method").upper(),
        url=url,
        body=body,
        endpoint=reader.maybe_text(request.get("endpoint"), "$.request.endpoint") or parts.path,
        model=reader.maybe_text(request.get("model"), "$.request.model") or "",
    )


def _maybe_parts(url: str) -> SplitResult | None:
    """Split a URL; None for a URL that no client could have requested, such as one with a port beyond 65535."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # read, and so checked, only now
    except ValueError:
        return None
    return parts


def _response_from_json(reader: _Reader, response: dict[str, JSON]) -> Response:
    if "body" not in response:
        raise BadRecording(reader.path, "expected a body, got none", "$.response")
    is_streaming = response.get("is_streaming", False)
    if not isinstance(is_streaming, bool):
        raise BadRecording(
            reader.path, f"expected true or false, got {is_streaming!r}", "$.response.is_streaming"
        )
    if is_streaming and not isinstance(response["body"], list):
        raise BadRecording(reader.path, "expected a list of chunks in a stream", "$.response.body")
    headers = reader.object(response.get("headers") or {}, "$.response.headers")
    return Response(
        body=response["body"],
        is_streaming=is_streaming,
        status=reader.status(response.get("status", 200), "$.response.status"),
        failure=_failure_from_json(reader, response),
        headers={name: reader.text(value, f"$.response.headers.{name}") for name, value in headers.items()},
        wire=reader.object(response.get("wire") or {}, "$.response.wire"),
    )


def _failure_from_json(reader: _Reader, response: dict[str, JSON]) -> Failure | None:
    if not response.get("is_exception"):
        return None
    data = reader.object(response.get("exception_data") or {}, "$.response.exception_data")
    message = response.get("exception_message")
    if message is None:
        message = data.get("message") or ""
    return Failure(data, reader.text(message, "$.response.exception_message"))


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads values of an expected type. For any other type it raises an error with the value and its place."""

    path: Path

    def object(self, value: JSON, place: str) -> dict[str, JSON]:
        if not isinstance(value, dict):
            raise BadRecording(self.path, f"expected an object, got {_kind(value)}", place)
        return value

    def text(self, value: JSON, place: str) -> str:
        if not isinstance(value, str):
            raise BadRecording(self.path, f"expected a text, got {_kind(value)}", place)
        return value

    def maybe_text(self, value: JSON, place: str) -> str | None:
        return None if value is None else self.text(value, place)

    def status(self, value: JSON, place: str) -> int:
        if (
            isinstance(value, bool)
            or not isinstance(value, int)
            or not (200 <= value <= _LARGEST_STATUS or value == SWITCHING_PROTOCOLS)
        ):
            expected = f"expected an HTTP status from 200 to {_LARGEST_STATUS}"
            raise BadRecording(self.path, f"{expected}, got {value!r}", place)
        return value


def _kind(value: JSON) -> str:
    kinds: dict[type, str] = {dict: "an object", list: "a list", str: "a text", bool: "a truth value"}
    return "nothing" if value is None else kinds.get(type(value), "a number")


def envelope(class_name: str, data: JSON) -> dict[str, JSON]:
    """Return the envelope of an object of the API."""
    return {TYPE: class_name, DATA: data}


def opened(chunk: JSON) -> tuple[str | None, JSON]:
    """Return an envelope's class and data; (None, chunk) for anything else."""
    if isinstance(chunk, dict) and chunk.keys() == {TYPE, DATA}:
        class_name = chunk[TYPE]
        if isinstance(class_name, str):
            return class_name, chunk[DATA]
    return None, chunk


def dump_json(value: JSON) -> bytes:
    """Return `value` as a readable JSON text with a newline at its end."""
    try:
        return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    except (orjson.JSONEncodeError, TypeError):
        return (json.dumps(value, indent=2) + "\n").encode()


def load_json(raw: bytes, path: Path) -> JSON:
    """Read a JSON text without loss.

    Raises:
        BadRecording: it is none; the message names line and column.
    """
    try:
        if not _has_big_integer(raw):
            value: JSON = orjson.loads(raw)
            return value
    except orjson.JSONDecodeError:
        pass  # the standard library takes lone surrogates, or else says where the fault is
    try:
        return _loads(raw.decode("utf-8-sig"))
    except json.JSONDecodeError as exc:
        raise BadRecording(
            path, f"expected JSON, {_fault(exc)}", f"line {exc.lineno} column {exc.colno}"
        ) from exc
    except UnicodeDecodeError as exc:
        raise BadRecording(path, f"expected UTF-8, {exc.reason}", f"byte {exc.start}") from exc
    except RecursionError as exc:
        raise BadRecording(path, "expected JSON, it is nested too deeply") from exc
    except ValueError as exc:  # of more digits than sys.get_int_max_str_digits() allows
        raise BadRecording(path, "expected JSON, an integer in it has thousands of digits") from exc


def _fault(exc: json.JSONDecodeError) -> str:
    if not exc.doc.strip():
        return "the file is empty"
    return "the file has conflicts of a git merge" if _CONFLICT.search(exc.doc) else exc.msg


def _has_big_integer(raw: bytes) -> bool:
    """Tell whether a JSON text has an integer that orjson would alter."""
    shape = raw.translate(_SHAPE_OF_NUMBERS)
    start = shape.find(_NINETEEN_DIGITS)
    while start >= 0:
        if shape[start - 1 : start] != b".":
            return _BIG_INTEGER.search(raw) is not None
        # The digits of a fraction: go on behind them.
        end = shape.find(b" ", start)
        start = shape.find(_NINETEEN_DIGITS, end) if end >= 0 else -1
    return False


def _loads(text: str) -> JSON:
    value: JSON = json.loads(text)
    return value
