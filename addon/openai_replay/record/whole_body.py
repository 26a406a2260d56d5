"""Record a response in one piece: JSON, a list of models, an error, or a body in a file beside the recording."""

from __future__ import annotations

import json
import mimetypes
from dataclasses import replace
from typing import Any

from ..errors import NotRecordable
from ..format.recording import JSON, Failure, Response, envelope
from ..request.reference_hash import model_digest
from ..sdk import classes
from ..wire.content_coding import is_text
from ..wire.corrections import CorrectionNotes
from ..wire.white_space import WhiteSpace, usual
from .exchange import Companion, End, Exchange, Recorded, recorded_as
from .json_value import (
    Normaliser,
    ParsedJson,
    correction_member,
    exact_body,
    found_corrections,
    is_of_this_format,
)
from .split_secrets import lines_without_keys

# Types of a body of JSON lines, as Ollama streams.
_LINES_OF_JSON = ("application/x-ndjson", "application/ndjson", "application/jsonl")

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


def recorded_whole(exchange: Exchange) -> Recorded:
    """Return the recording of a response in one piece; see `record`."""
    content = b"".join(exchange.body)
    if not _is_whole(exchange, content):
        raise NotRecordable(f"the response broke off, {exchange.end_message or 'it is incomplete'}")
    if exchange.status >= 400:
        return _failed(exchange, content)
    parsed = _parsed(content, exchange) if content else None
    if content and (parsed is None or is_of_this_format(parsed.value)):
        return _with_companion(exchange, content)
    needed = frozenset() if parsed is None else parsed.redacted_needed_later
    return replace(_plain(exchange, parsed), redacted_needed_later=needed)


def _is_whole(exchange: Exchange, content: bytes) -> bool:
    """Tell whether a body is complete; a client that has read a whole JSON text may leave before its end is told."""
    if exchange.end not in (End.LEFT_BY_CLIENT, End.PROXY_ENDED):
        return exchange.end is End.COMPLETE
    is_json = content.startswith((b"{", b"[")) and exact_body(content, exchange) is not None
    return is_json or _is_done(content)


def _is_done(content: bytes) -> bool:
    """Tell whether lines of JSON end with the line that says so: Ollama's streams do, which are no event streams."""
    lines = content.splitlines()
    if not content.endswith(b"\n") or b'"done"' not in lines[-1]:
        return False
    try:
        last: JSON = json.loads(lines[-1])
    except ValueError:
        return False
    return isinstance(last, dict) and last.get("done") is True


def _parsed(content: bytes, exchange: Exchange) -> ParsedJson | None:
    media_type = exchange.media_type()
    if media_type and media_type != "application/json" and not media_type.endswith("+json"):
        return None
    return exact_body(content, exchange)


def _plain(exchange: Exchange, parsed: ParsedJson | None) -> Recorded:
    api_request = exchange.api_request
    if parsed is None:
        headers = exchange.kept_headers(None)
        return recorded_as(api_request, Response(None, False, exchange.status, None, headers))
    headers = exchange.kept_headers("application/json")
    models = _model_list(exchange, parsed, headers) if api_request.is_model_list() else None
    if models is not None:
        return models
    class_name = classes.class_for(api_request.method, api_request.endpoint(), parsed.value, streamed=False)
    normaliser = Normaliser(exchange)
    stable = normaliser.stable_members(class_name, parsed.value)
    value, on_wire = parsed.value, parsed.spelt
    if isinstance(value, dict) and stable:
        normaliser.keep(value.get("id"), stable)
        value, on_wire = {**value, **stable}, {**on_wire, **stable}
    data = value if class_name is None else classes.dump(class_name, value)
    # These two would else pass for no body and for a list of no models.
    if value is None or value == []:
        parsed = replace(parsed, is_exact=False)
    notes = _notes(exchange, class_name, data, on_wire, parsed)
    body = data if class_name is None else envelope(class_name, data)
    response = Response(body, False, exchange.status, None, headers, notes)
    return recorded_as(api_request, response, mapping=normaliser.mapping())


def _notes(
    exchange: Exchange, class_name: str | None, data: JSON, on_wire: Any, parsed: ParsedJson
) -> dict[str, JSON]:
    """Return the members of `response.wire` for one object."""
    corrections = CorrectionNotes(exchange.api_request.body)
    text, is_exact = parsed.text, parsed.is_exact
    corrections.note(found_corrections(corrections, class_name, data, on_wire, text, is_exact=is_exact))
    layout = _layout(exchange, parsed.white_space) if is_exact else {}
    return correction_member(corrections) | layout


def _layout(exchange: Exchange, white_space: WhiteSpace | None) -> dict[str, JSON]:
    if white_space is None or white_space == usual(exchange.api_request.url):
        return {}
    return {"layout": white_space.note()}


def _models(value: JSON) -> list[dict[str, JSON]] | None:
    """Return the models of a list of models, None where it is another list or none."""
    items = value.get("data") if isinstance(value, dict) else None
    if not isinstance(items, list):
        return None
    models = [item for item in items if isinstance(item, dict) and isinstance(item.get("id"), str)]
    return models if len(models) == len(items) else None


def _model_list(exchange: Exchange, parsed: ParsedJson, headers: dict[str, str]) -> Recorded | None:
    """Return the recording of a list of models, None where it is another list, or only its text is exact."""
    value, models = parsed.value, _models(parsed.value)
    if models is None or not parsed.is_exact:
        return None
    corrections = CorrectionNotes(exchange.api_request.body)
    body: list[JSON] = []
    for model, on_wire in zip(models, parsed.spelt["data"], strict=True):
        dumped = classes.dump(_MODEL, model)
        found = found_corrections(corrections, _MODEL, dumped, on_wire, None, is_exact=True)
        if isinstance(found, str):
            return None
        corrections.note(found)
        body.append(envelope(_MODEL, dumped))
    notes = correction_member(corrections) | _layout(exchange, parsed.white_space)
    notes |= _around(value)
    digest = model_digest([str(model["id"]) for model in models])
    return recorded_as(
        exchange.api_request,
        Response(body, False, exchange.status, None, headers, notes),
        models_digest=digest,
    )


def _around(value: JSON) -> dict[str, JSON]:
    """Return a note of the members beside `data`, where they are not the usual ones or in another order."""
    members = value.items() if isinstance(value, dict) else ()
    around: dict[str, JSON] = {name: None if name == "data" else item for name, item in members}
    is_usual = list(around.items()) == [("object", "list"), ("data", None)]
    return {} if is_usual else {"around": around}


def _with_companion(exchange: Exchange, content: bytes) -> Recorded:
    """Record a body that is not JSON in a separate file, named for its type so that a person can open it."""
    ending = _ending_of(exchange.media_type())
    if ending == ".json":
        ending = ".txt"  # it says it is JSON and is not; that name is the recording's own
    redactor, credentials = exchange.api_request.rules.redactor, exchange.api_request.credentials
    if exchange.media_type() in _LINES_OF_JSON:
        content = lines_without_keys(content, redactor, credentials)
    content = redactor.content(content, credentials)
    if ending == ".bin" and is_text(content):
        ending = ".txt"
    headers = exchange.kept_headers("application/octet-stream")
    response = Response(None, False, exchange.status, None, headers)
    return recorded_as(exchange.api_request, response, companions=(Companion("body", ending, (content,)),))


# Audio types of the API that Python's table lacks, or has with an ending that is no longer used.
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


def _failed(exchange: Exchange, content: bytes) -> Recorded:
    """Record an error as the exception that the Python SDK makes of it."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return _with_companion(exchange, content)
    parsed = exact_body(content, exchange) if content else None
    if parsed is not None and isinstance(parsed.value, dict):
        return _failed_in_json(exchange, parsed, parsed.value)
    body = exchange.without_secrets(text)
    message = body.strip() or f"Error code: {exchange.status}"
    return _exception(exchange, body, message, exchange.kept_headers("text/plain" if content else None), {})


def _failed_in_json(exchange: Exchange, parsed: ParsedJson, whole: dict[str, JSON]) -> Recorded:
    message = f"Error code: {exchange.status} - {whole}"
    notes = _notes(exchange, None, whole, parsed.spelt, parsed)
    headers = exchange.kept_headers("application/json")
    return _exception(exchange, whole.get("error", whole), message, headers, notes)


def _exception(
    exchange: Exchange, body: JSON, message: str, headers: dict[str, str], notes: dict[str, JSON]
) -> Recorded:
    data: dict[str, JSON] = {
        "category": "provider_sdk",
        "provider": "openai",
        "type": _error_type(exchange.status),
        "message": message,
        "status_code": exchange.status,
        "body": body,
    }
    response = Response(None, False, 200, Failure(data, message), headers, notes)
    return recorded_as(exchange.api_request, response)


def _error_type(status: int) -> str:
    return _ERROR_TYPES.get(status, "InternalServerError" if status >= 500 else "APIStatusError")
