"""exchange → recording: what one request was answered with, as the format holds it.

Pure but for reading the body, which lies in a spool: no clock, no folder, no mitmproxy.
"""

from __future__ import annotations

import enum
import hashlib
import json
import mimetypes
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import orjson

from ..errors import BadStream, NotRecordable
from ..format import json_text
from ..format.recording import (
    FILE,
    JSON,
    Failure,
    Recording,
    Request,
    Response,
    encode,
    encode_chunk,
    encode_with_chunks,
    opened,
)
from ..format.recording import envelope as enveloped
from ..request.identity import ApiRequest
from ..request.reference_hash import model_digest, request_hash
from ..request.rules import without_ignored
from ..sdk import classes
from ..store import names
from ..wire import framing, headers, sse
from ..wire.corrections import CorrectionNotes, Found
from .chunk_templates import ChunkTemplates, FilledTemplate, RecordedChunk

# The classes whose `id` and `created` change with each recording, and mean nothing to later requests.
_NORMALISED = frozenset(
    (
        "openai.types.chat.chat_completion_chunk.ChatCompletionChunk",
        "openai.types.chat.chat_completion.ChatCompletion",
        "openai.types.completion.Completion",
    )
)

_MODEL = "openai.types.model.Model"

# The classes that the Python SDK raises for a status; it has one for all from 500 on, and one for all the rest.
_ERROR_TYPES = {
    400: "BadRequestError",
    401: "AuthenticationError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    409: "ConflictError",
    422: "UnprocessableEntityError",
    429: "RateLimitError",
}

_RETRYABLE = frozenset((408, 409, 429))


class End(enum.Enum):
    """How a response ended."""

    COMPLETE = "complete"
    CUT_BY_UPSTREAM = "upstream"
    LEFT_BY_CLIENT = "client"


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and all that came back. `body` is decoded (no content coding), in pieces of any size."""

    api_request: ApiRequest
    status: int
    headers: tuple[tuple[str, str], ...]
    body: Iterable[bytes]
    end: End = End.COMPLETE
    end_message: str = ""
    credentials: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recording and where it goes: `<name>.json`, numbered by the store.

    `chunks` are those of a stream, for `encode_with_chunks`; the recording's own body is empty then. `companion` is
    (file name's ending, content) of a body that is not JSON, in a file that gets its name from the store.

    `digest` is the same for two recordings that answer alike. `obfuscation` is random padding of the API's, there to
    hide the sizes of chunks, and does not count; nor do the comments between chunks, which say how long somebody
    waited.
    """

    name: str
    recording: Recording
    digest: str
    chunks: Sequence[str | FilledTemplate] | None = None
    companion: tuple[str, bytes] | None = None

    def is_retryable_failure(self) -> bool:
        """Tell whether this is a failure that clients try again: 408, 409, 429 or 5xx."""
        status = self.recording.response.sent_status()
        return status in _RETRYABLE or status >= 500

    def is_success(self) -> bool:
        """Tell whether the call succeeded: a 2xx status and a whole answer."""
        response = self.recording.response
        return response.failure is None and 200 <= response.status < 300

    def pieces(self, companion_name: str = "") -> Iterator[bytes]:
        """Yield the file of the recording; a body that is not JSON is in another one of that name.

        Raises:
            NotRecordable: it is nested too deeply to be written.
        """
        if self.chunks is not None:
            yield from encode_with_chunks(self.recording, self.chunks)
        elif self.companion is None:
            yield encode(self.recording)
        else:
            response = replace(self.recording.response, body={FILE: companion_name})
            yield encode(replace(self.recording, response=response))


def record(exchange: Exchange) -> Recorded:
    """Return the recording of an exchange.

    Raises:
        NotRecordable: no recording could give the client the same again; the message says why.
    """
    if _is_event_stream(exchange):
        return _streamed(exchange)
    content = b"".join(exchange.body)
    if not _is_whole(exchange, content):
        raise NotRecordable(f"the response broke off, {exchange.end_message or 'it is incomplete'}")
    if exchange.status >= 400:
        return _failed(exchange, content)
    parsed = _parsed(content, exchange) if content else None
    if content and (parsed is None or _is_of_this_format(parsed.value)):
        return _with_companion(exchange, content)
    return _plain(exchange, content, parsed)


def _is_whole(exchange: Exchange, content: bytes) -> bool:
    """Tell whether a body is complete; a client that has read a whole JSON text may leave before its end is told."""
    if exchange.end is not End.LEFT_BY_CLIENT:
        return exchange.end is End.COMPLETE
    return content.startswith((b"{", b"[")) and _exact_json(content, exchange) is not None


def _recorded(
    api_request: ApiRequest,
    response: Response,
    *,
    chunks: _Chunks | None = None,
    companion: tuple[str, bytes] | None = None,
    models_digest: str = "",
    mapping: dict[str, str] | None = None,
) -> Recorded:
    name = names.of_models(api_request.name(), models_digest) if models_digest else api_request.name()
    body = api_request.body
    model = body.get("model") if isinstance(body, dict) else None
    request = Request(
        method=api_request.method,
        url=api_request.url,
        body=body,
        endpoint=api_request.endpoint(),
        model=model if isinstance(model, str) else "",
    )
    recording = Recording(api_request.test_id, request, response, mapping or {})
    if chunks is not None:
        return Recorded(name, recording, _digest(recording, chunks.hash.hexdigest()), chunks.texts)
    answer = response.body if companion is None else hashlib.sha256(companion[1]).hexdigest()
    return Recorded(name, recording, _digest(recording, answer), companion=companion)


def _digest(recording: Recording, answer: JSON) -> str:
    """Return the digest of a recording; `answer` stands for its body."""
    response = recording.response
    value: list[JSON] = [
        answer,
        response.is_streaming,
        response.status,
        None if response.failure is None else response.failure.data,
        dict(response.headers),
        {name: note for name, note in response.wire.items() if name != "between"},
        dict(recording.id_normalization_mapping),
    ]
    return hashlib.sha256(_sorted_json(value)).hexdigest()


def _sorted_json(value: JSON) -> bytes:
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except (orjson.JSONEncodeError, TypeError):
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


# --- headers ------------------------------------------------------------------------------------------------------


def _header(exchange: Exchange, name: str) -> str:
    values = [value for header, value in exchange.headers if header.lower() == name]
    return values[0] if values else ""


def _media_type(exchange: Exchange) -> str:
    return _header(exchange, "content-type").partition(";")[0].strip().lower()


def _kept_headers(exchange: Exchange, implied_type: str | None) -> dict[str, str]:
    """Return the headers that do not follow from the body; a charset of UTF-8 means nothing to JSON and events."""
    kept = {name: value for name in headers.KEPT if (value := _header(exchange, name))}
    kept = headers.said(kept, headers.implied(exchange.api_request.url))
    content_type = _header(exchange, "content-type")
    plain_type = content_type.lower().replace(" ", "").replace('"', "").removesuffix(";charset=utf-8")
    if plain_type != (implied_type or ""):
        kept = {"content-type": content_type, **kept}
    redact = exchange.api_request.rules.redactor.text
    return {name: redact(value, exchange.credentials) for name, value in kept.items()}


# --- streams ------------------------------------------------------------------------------------------------------


def _is_event_stream(exchange: Exchange) -> bool:
    return exchange.status < 400 and _media_type(exchange) == "text/event-stream"


def _streamed(exchange: Exchange) -> Recorded:
    stream = _Stream(exchange)
    for event in _events(exchange):
        stream.take(event)
        if stream.is_raw:
            return _raw(exchange, list(_events(exchange)))
    return stream.recorded()


def _raw(exchange: Exchange, events: Sequence[sse.Event]) -> Recorded:
    """Record a stream whose events are not chunks of the API by its lines."""
    data = [event.data for event in events if event.data is not None]
    chunks = [text for text in data if text != sse.DONE]
    is_broken = _is_broken(exchange, is_done=len(chunks) < len(data))
    failure = _broken(exchange, len(chunks)) if is_broken else None
    headers = _kept_headers(exchange, "text/event-stream")
    lines: list[JSON] = [line for event in events for line in _lines_of(event)]
    redacted = exchange.api_request.rules.redactor.json(lines, exchange.credentials)
    return _recorded(exchange.api_request, Response(redacted, True, exchange.status, failure, headers))


def _events(exchange: Exchange) -> Iterator[sse.Event]:
    """Yield the events; of a stream that broke off, only those that were complete."""
    parser = sse.Parser()
    try:
        for piece in exchange.body:
            yield from parser.feed(piece)
        if exchange.end is End.COMPLETE:
            yield from parser.close()
    except BadStream as exc:
        raise NotRecordable(f"the stream is {exc}") from exc


class _Chunks:
    """The chunks of a stream, encoded, and a hash of what counts of them when answers are compared."""

    def __init__(self) -> None:
        self.texts: list[str | FilledTemplate] = []
        self.hash = hashlib.sha256()

    def add(self, text: str | FilledTemplate, significant: str) -> None:
        self.texts.append(text)
        self.hash.update(significant.encode())


class _ChunkNotes(NamedTuple):
    """What there is to note of a chunk beside its text."""

    implied_lines: tuple[str, ...]
    corrections: Found
    mapping: dict[str, str]
    is_last: bool


class _Stream:
    """Collects the chunks of a stream, and what its framing and its chunks do not tell by themselves.

    `is_raw` when its events turn out not to be chunks of the API.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._normaliser = _Normaliser(exchange.api_request)
        self._corrections = CorrectionNotes(exchange.api_request.body)
        self._frames = framing.FrameNotes()
        self._templates = ChunkTemplates(self._made, classes.literals())
        self._chunks = _Chunks()
        self._mapping: dict[str, str] = {}
        self._is_done = False
        self._is_last = False
        self.is_raw = False

    def take(self, event: sse.Event) -> None:
        """Take the next event."""
        if self._is_done:
            if event.data is None:
                self._frames.after_done(event)
            else:
                self.is_raw = True  # data follows [DONE]
        elif event.data is None:
            self._frames.block(len(self._chunks.texts), event)
        elif event.data == sse.DONE:
            self._is_done = True
            self._frames.done(event)
        else:
            self._take_chunk(event, event.data)

    def _take_chunk(self, event: sse.Event, text: str) -> None:
        redactor = self._exchange.api_request.rules.redactor
        make = self._made if redactor.may_match(text, self._exchange.credentials) else self._templates.made
        made = make(text, event.lines)
        if made is None:
            self.is_raw = True
            return
        notes = made.notes
        assert isinstance(notes, _ChunkNotes)
        self._frames.chunk(len(self._chunks.texts), event, notes.implied_lines)
        self._corrections.note(notes.corrections)
        self._mapping |= notes.mapping
        self._is_last = notes.is_last
        self._chunks.add(made.text, made.significant)

    def _made(self, text: str, lines: tuple[str, ...]) -> RecordedChunk | None:
        """Return what is recorded of a chunk, None if it is none; nothing is noted yet."""
        parsed = _exact_json(text.encode(), self._exchange)
        if parsed is None or not isinstance(parsed.value, dict) or _is_of_this_format(parsed.value):
            return None
        api_request, event_name = self._exchange.api_request, sse.event_name(lines)
        class_name = classes.class_for(
            api_request.method, api_request.endpoint(), parsed.value, streamed=True, event=event_name
        )
        on_wire, mapping = self._normaliser.normalised(class_name, parsed.value)
        if framing.is_assistant_event(class_name):
            on_wire = {"data": on_wire, "event": event_name}
        data = on_wire if class_name is None else classes.dump(class_name, on_wire)
        notes = _ChunkNotes(
            framing.implied_lines(class_name, data),
            _found(self._corrections, class_name, data, on_wire, parsed.raw_text),
            mapping,
            isinstance(data, dict) and data.get("type") in _LAST_EVENTS,
        )
        recorded = encode_chunk(data if class_name is None else enveloped(class_name, data))
        return RecordedChunk(recorded, _PADDING.sub("", recorded), notes)

    def recorded(self) -> Recorded:
        """Return the recording of the stream, which has ended."""
        exchange = self._exchange
        is_broken = _is_broken(exchange, is_done=self._is_done or self._is_last)
        failure = _broken(exchange, len(self._chunks.texts)) if is_broken else None
        headers = _kept_headers(exchange, "text/event-stream")
        notes = self._frames.result(exchange.api_request.endpoint(), is_broken=is_broken) | _corrected(
            self._corrections
        )
        response = Response([], True, exchange.status, failure, headers, notes)
        return _recorded(exchange.api_request, response, chunks=self._chunks, mapping=self._mapping)


# In text that is indented; inside a string the quotes would be escaped. This is a member, and hardly ever the first.
_PADDING = re.compile(r',\s*"obfuscation": "(?:[^"\\]|\\.)*"')


def _is_broken(exchange: Exchange, *, is_done: bool) -> bool:
    """Tell whether something is missing: a client that left when the API had said all missed nothing."""
    return exchange.end is End.CUT_BY_UPSTREAM or (exchange.end is End.LEFT_BY_CLIENT and not is_done)


def _lines_of(event: sse.Event) -> list[str]:
    """Return the lines of an event, the blank one that ends it among them."""
    data = [] if event.data is None else [f"data: {line}" for line in event.data.split("\n")]
    return [*event.lines, *data, *([""] if event.terminated else [])]


# A tuple, for `type` may be anything, also what has no hash.
_LAST_EVENTS = ("response.completed", "response.failed", "response.incomplete", "error")


def _broken(exchange: Exchange, chunks: int) -> Failure:
    by = "the client left" if exchange.end is End.LEFT_BY_CLIENT else "the connection to the API broke"
    message = f"The stream broke off after {chunks} chunks: {by}."
    return Failure(
        {
            "category": "stream",
            "provider": "openai",
            "type": "IncompleteStream",
            "message": message,
            "ended_by": exchange.end.value,
        },
        message,
    )


class _Normaliser:
    """Gives completions the id and time of the recording, and tells the id on the wire where it is needed."""

    def __init__(self, api_request: ApiRequest) -> None:
        body = without_ignored(api_request.body, api_request.rules.ignore)
        self._id = f"rec-{request_hash(api_request.method, api_request.url, body, api_request.test_id)[:12]}"
        self._is_kept = api_request.method != "POST" or (isinstance(body, dict) and body.get("store") is True)

    def normalised(self, class_name: str | None, value: JSON) -> tuple[JSON, dict[str, str]]:
        """Return an object as it is recorded, and {id in the recording: id on the wire} if that is needed."""
        if class_name not in _NORMALISED or not isinstance(value, dict):
            return value, {}
        wire_id = value.get("id")
        mapping = {self._id: wire_id} if self._is_kept and isinstance(wire_id, str) and wire_id else {}
        stable = {name: item for name, item in (("id", self._id), ("created", 0)) if name in value}
        return value | stable, mapping


# --- whole bodies -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Parsed:
    """A JSON text as a value, redacted; with the text itself where the value does not hold all of it."""

    value: JSON
    raw_text: str | None = None


def _exact_json(raw: bytes, exchange: Exchange) -> _Parsed | None:
    """Parse a JSON text without loss; None where it is none."""
    try:
        reading = json_text.read(raw)
    except ValueError:
        return None
    value, text = reading.value, raw.decode("utf-8-sig", "surrogatepass")
    redactor = exchange.api_request.rules.redactor
    if redactor.may_match(text, exchange.credentials):
        value, text = redactor.json(value, exchange.credentials), redactor.text(text, exchange.credentials)
    return _Parsed(value, None if reading.is_exact else text)


def _parsed(content: bytes, exchange: Exchange) -> _Parsed | None:
    media_type = _media_type(exchange)
    if media_type and media_type != "application/json" and not media_type.endswith("+json"):
        return None
    return _exact_json(content, exchange)


def _is_of_this_format(value: JSON) -> bool:
    """Tell whether what the API sent would be read as an envelope, or as the name of a body's file."""
    if isinstance(value, list):
        return bool(value) and all(_is_of_this_format(item) for item in value)
    return opened(value)[0] is not None or (isinstance(value, dict) and value.keys() == {FILE})


def _plain(exchange: Exchange, content: bytes, parsed: _Parsed | None) -> Recorded:
    api_request = exchange.api_request
    if parsed is None:
        headers = _kept_headers(exchange, None)
        wire_notes: dict[str, JSON] = {}
        return _recorded(api_request, Response(None, False, exchange.status, None, headers, wire_notes))
    headers = _kept_headers(exchange, "application/json")
    if (
        api_request.is_model_list()
        and (models := _models(parsed.value)) is not None
        and parsed.raw_text is None
    ):
        return _model_list(exchange, parsed.value, models, headers)
    class_name = classes.class_for(api_request.method, api_request.endpoint(), parsed.value, streamed=False)
    on_wire, mapping = _Normaliser(api_request).normalised(class_name, parsed.value)
    data = on_wire if class_name is None else classes.dump(class_name, on_wire)
    corrections = CorrectionNotes(api_request.body)
    # These two would else pass for no body and for a list of no models.
    text = json_text.compact(on_wire) if on_wire is None or on_wire == [] else parsed.raw_text
    _correct(corrections, class_name, data, on_wire, text)
    body = data if class_name is None else enveloped(class_name, data)
    response = Response(body, False, exchange.status, None, headers, _corrected(corrections))
    return _recorded(api_request, response, mapping=mapping)


def _correct(
    corrections: CorrectionNotes, class_name: str | None, data: JSON, wire: JSON, text: str | None = None
) -> None:
    """Note what the rules do not say of an object; see `_found`."""
    corrections.note(_found(corrections, class_name, data, wire, text))


def _found(
    corrections: CorrectionNotes, class_name: str | None, data: JSON, wire: JSON, text: str | None
) -> Found:
    """Return what the rules do not say of an object.

    Raises:
        NotRecordable: a recording of it could not be replayed as it was.
    """
    try:
        return corrections.found(class_name, data, wire, text)
    except ValueError as exc:
        raise NotRecordable(f"the response cannot be kept without loss: {exc}") from exc


def _corrected(corrections: CorrectionNotes) -> dict[str, JSON]:
    result = corrections.result()
    return {} if result is None else {"corrections": [*result]}


def _models(value: JSON) -> list[dict[str, JSON]] | None:
    """Return the models of a list of models, None where it is another list or none."""
    items = value.get("data") if isinstance(value, dict) else None
    if not isinstance(items, list):
        return None
    models = [item for item in items if isinstance(item, dict) and isinstance(item.get("id"), str)]
    return models if len(models) == len(items) else None


def _model_list(
    exchange: Exchange, value: JSON, models: Sequence[dict[str, JSON]], headers: dict[str, str]
) -> Recorded:
    corrections = CorrectionNotes(exchange.api_request.body)
    body: list[JSON] = []
    for model in models:
        dumped = classes.dump(_MODEL, model)
        _correct(corrections, _MODEL, dumped, model)
        body.append(enveloped(_MODEL, dumped))
    notes = _corrected(corrections)
    around = (
        {name: None if name == "data" else item for name, item in value.items()}
        if isinstance(value, dict)
        else {}
    )
    if list(around.items()) != [("object", "list"), ("data", None)]:
        notes["around"] = around
    digest = model_digest([str(model["id"]) for model in models])
    return _recorded(
        exchange.api_request,
        Response(body, False, exchange.status, None, headers, notes),
        models_digest=digest,
    )


def _with_companion(exchange: Exchange, content: bytes) -> Recorded:
    """Record a body that is not JSON in a file of its own, named for its type so that a person can open it."""
    ending = _ending_of(_media_type(exchange))
    if ending == ".json":
        ending = ".txt"  # it says it is JSON and is not; that name is the recording's own
    try:
        text = content.decode()
    except UnicodeDecodeError:
        pass
    else:
        content = exchange.api_request.rules.redactor.text(text, exchange.credentials).encode()
        ending = ".txt" if ending == ".bin" else ending
    headers = _kept_headers(exchange, "application/octet-stream")
    response = Response(None, False, exchange.status, None, headers)
    return _recorded(exchange.api_request, response, companion=(ending, content))


# The kinds of sound that the API speaks in and Python's table lacks, or names after what is not used any more.
_ENDINGS = {
    "audio/aac": ".aac",
    "audio/flac": ".flac",
    "audio/mpeg": ".mp3",
    "audio/ogg": ".ogg",
    "audio/opus": ".opus",
    "audio/pcm": ".pcm",
    "audio/wav": ".wav",
    "audio/x-wav": ".wav",
    "image/webp": ".webp",
    "text/plain": ".txt",
}

# Without the tables of the machine, so that a recording is the same files everywhere.
_MEDIA_TYPES = mimetypes.MimeTypes()


def _ending_of(media_type: str) -> str:
    return _ENDINGS.get(media_type) or _MEDIA_TYPES.guess_extension(media_type) or ".bin"


# --- failures -----------------------------------------------------------------------------------------------------


def _failed(exchange: Exchange, content: bytes) -> Recorded:
    """Record an error as the exception that the Python SDK makes of it."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return _with_companion(exchange, content)
    parsed = _exact_json(content, exchange) if content else None
    if parsed is not None and parsed.raw_text is not None:
        raise NotRecordable("the error is a JSON text that no JSON value can hold")
    body: JSON
    if parsed is None or not isinstance(parsed.value, dict):
        body = text = exchange.api_request.rules.redactor.text(text, exchange.credentials)
        message = text.strip() or f"Error code: {exchange.status}"
        headers = _kept_headers(exchange, "text/plain" if content else None)
    else:
        whole = parsed.value
        body = whole.get("error", whole)
        message = f"Error code: {exchange.status} - {whole}"
        headers = _kept_headers(exchange, "application/json")
    data: dict[str, JSON] = {
        "category": "provider_sdk",
        "provider": "openai",
        "type": _error_type(exchange.status),
        "message": message,
        "status_code": exchange.status,
        "body": body,
    }
    return _recorded(exchange.api_request, Response(None, False, 200, Failure(data, message), headers))


def _error_type(status: int) -> str:
    return _ERROR_TYPES.get(status, "InternalServerError" if status >= 500 else "APIStatusError")
