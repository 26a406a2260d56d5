"""An exchange, as the proxy saw it, and its recording, as the store writes it: values, and how they are compared."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import NamedTuple

from ..format import json_text
from ..format.recording import (
    JSON,
    Recording,
    Request,
    Response,
    encode,
    encode_with_chunks,
)
from ..request.identity import ApiRequest
from ..store import names
from ..wire import headers
from ..wire.socket_notes import NO_SOCKET, SocketNotes
from .chunk_templates import FilledTemplate

_RETRYABLE = frozenset((408, 409, 429))


class End(enum.Enum):
    """How a response ended.

    CONNECTION_ENDED: a stream without a length, whose end is the end of the connection (RFC 9112, section 6.3). Its
    last event tells whether it is whole.
    """

    COMPLETE = "complete"
    CONNECTION_ENDED = "connection"
    CUT_BY_UPSTREAM = "upstream"
    LEFT_BY_CLIENT = "client"
    PROXY_ENDED = "proxy"


@dataclass(frozen=True, slots=True)
class Timing:
    """When the parts of a response came, in ms after its request.

    `pieces` are (time, decoded bytes) of its body, in order; they can be read more than once.
    """

    head_ms: float
    end_ms: float
    pieces: Iterable[tuple[float, bytes]]


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and all that came back.

    `body` is decoded (no content coding), in pieces of any size. `timing` is None where times are not kept.
    `socket` holds the notes of a stream that came over a WebSocket.
    `keeps_ids`: record `id` and `created` of completions as they were on the wire.
    """

    api_request: ApiRequest
    status: int
    headers: tuple[tuple[str, str], ...]
    body: Iterable[bytes]
    end: End = End.COMPLETE
    end_message: str = ""
    timing: Timing | None = None
    socket: SocketNotes = NO_SOCKET
    keeps_ids: bool = False

    def header(self, name: str) -> str:
        """Return the value of a response header, "" if there is none; `name` is in lower case."""
        return next((value for header, value in self.headers if header.lower() == name), "")

    def media_type(self) -> str:
        """Return the media type of the response in lower case, without parameters."""
        return self.header("content-type").partition(";")[0].strip().lower()

    def kept_headers(self, implied_type: str | None) -> dict[str, str]:
        """Return the headers that do not follow from the body, without secrets.

        Args:
            implied_type: the media type that follows from the body, None without a body. A charset of UTF-8 means
                nothing to JSON and events.
        """
        kept = {name: value for name in headers.KEPT if (value := self.header(name))}
        kept = headers.said(kept, headers.implied(self.api_request.url))
        content_type = self.header("content-type")
        plain_type = content_type.lower().replace(" ", "").replace('"', "").removesuffix(";charset=utf-8")
        if plain_type != (implied_type or ""):
            kept = {"content-type": content_type, **kept}
        return {
            name: self._url_without_secrets(value) if name == "location" else self.without_secrets(value)
            for name, value in kept.items()
        }

    def _url_without_secrets(self, url: str) -> str:
        return self.api_request.rules.redactor.url(url, self.api_request.credentials)

    def without_secrets(self, text: str) -> str:
        """Return a text of the response without secrets."""
        return self.api_request.rules.redactor.answer_text(text, self.api_request.credentials)


NO_COMPANIONS: Mapping[str, str] = MappingProxyType({})


class Companion(NamedTuple):
    """A file beside a recording. `ending` begins with a full stop; `content` can be read more than once."""

    holds: str
    ending: str
    content: Iterable[bytes]


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recording and where it goes: `<name>.json`, numbered by the store.

    `chunks` are a stream's chunks, for `encode_with_chunks`; the recording's own body is empty then. `companions`
    are the files beside it: kind (see `Response.companions`), ending of the name, and content in pieces. The store
    gives them their names.

    `digest` is the same for two recordings that answer alike. It ignores `obfuscation`, the API's random padding
    against guesses from the sizes of chunks, and comments between chunks, which depend on waiting times.

    `redacted_needed_later` are the names of members that clients send back and that were redacted in the answer.
    """

    name: str
    recording: Recording
    digest: str
    chunks: Sequence[str | FilledTemplate] | None = None
    companions: tuple[Companion, ...] = ()
    redacted_needed_later: frozenset[str] = frozenset()

    def is_retryable_failure(self) -> bool:
        """Tell whether this is a failure that clients try again: 408, 409, 429 or 5xx."""
        status = self.recording.response.sent_status()
        return status in _RETRYABLE or status >= 500

    def is_success(self) -> bool:
        """Tell whether the call succeeded: a 2xx status and a whole answer."""
        response = self.recording.response
        return response.failure is None and 200 <= response.status < 300

    def is_failure(self) -> bool:
        """Tell whether the call failed: a status of 400 and above, or an answer that is not whole."""
        return is_failure(self.recording.response)

    def pieces(self, companion_names: Mapping[str, str] = NO_COMPANIONS) -> Iterator[bytes]:
        """Yield the file of the recording; `companion_names` has the name of each of `companions`, by its kind.

        Raises:
            NotRecordable: it is nested too deeply to be written.
        """
        response = self.recording.response.with_companions(companion_names)
        recording = replace(self.recording, response=response)
        if self.chunks is not None:
            yield from encode_with_chunks(recording, self.chunks)
        else:
            yield encode(recording)


def is_failure(response: Response) -> bool:
    """Tell whether a response is of a failed call: a status of 400 and above, or an answer that is not whole."""
    return response.failure is not None or response.sent_status() >= 400


class RecordedChunks:
    """The chunks of a stream, encoded, and a hash of their significant parts, for comparing answers."""

    def __init__(self) -> None:
        self.texts: list[str | FilledTemplate] = []
        self.hash = hashlib.sha256()

    def add(self, text: str | FilledTemplate, significant: str) -> None:
        """Add a chunk: its text, and the part of it that counts when two recordings are compared."""
        self.texts.append(text)
        self.hash.update(significant.encode())


def recorded_as(
    api_request: ApiRequest,
    response: Response,
    *,
    chunks: RecordedChunks | None = None,
    companions: tuple[Companion, ...] = (),
    models_digest: str = "",
    mapping: dict[str, str] | None = None,
) -> Recorded:
    """Return the recording of a request with a response.

    Args:
        chunks: of a stream, whose `response.body` is empty.
        companions: the files beside it.
        models_digest: of a list of models, for the name.
        mapping: the recording's `id_normalization_mapping`.
    """
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
        digest = _digest(recording, (chunks.hash.hexdigest(), *_digests(companions)))
        return Recorded(name, recording, digest, chunks.texts, companions)
    digest = _digest(recording, (response.body, *_digests(companions)))
    return Recorded(name, recording, digest, companions=companions)


def _digests(companions: Iterable[Companion]) -> Iterator[str]:
    for companion in companions:
        digest = hashlib.sha256()
        for piece in companion.content:
            digest.update(piece)
        yield digest.hexdigest()


def _digest(recording: Recording, answer: Sequence[JSON]) -> str:
    """Return the digest of a recording; `answer` stands for its body."""
    response = recording.response
    value: list[JSON] = [
        *answer,
        response.is_streaming,
        response.status,
        None if response.failure is None else response.failure.data,
        dict(sorted(response.headers.items())),
        {name: note for name, note in response.wire.items() if name != "between"},
        dict(recording.id_normalization_mapping),
    ]
    return hashlib.sha256(json_text.compact(value).encode()).hexdigest()
