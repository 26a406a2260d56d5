"""Record a response in one piece: JSON, a list of models, an error, or a body in a file beside the recording."""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from dataclasses import replace

from ..errors import NotRecordable
from ..format import json_text
from ..format.recording import JSON, Failure, Response, envelope
from ..request.reference_hash import model_digest
from ..sdk import classes
from ..wire.corrections import CorrectionNotes
from .exchange import End, Exchange, Recorded, recorded_as
from .json_value import (
    Normaliser,
    ParsedJson,
    correction_member,
    exact_json,
    found_corrections,
    is_of_this_format,
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
    return replace(_plain(exchange, content, parsed), redacted_needed_later=needed)


def _is_whole(exchange: Exchange, content: bytes) -> bool:
    """Tell whether a body is complete; a client that has read a whole JSON text may leave before its end is told."""
    if exchange.end is not End.LEFT_BY_CLIENT:
        return exchange.end is End.COMPLETE
    return content.startswith((b"{", b"[")) and exact_json(content, exchange) is not None


def _parsed(content: bytes, exchange: Exchange) -> ParsedJson | None:
    media_type = exchange.media_type()
    if media_type and media_type != "application/json" and not media_type.endswith("+json"):
        return None
    return exact_json(content, exchange)


def _plain(exchange: Exchange, content: bytes, parsed: ParsedJson | None) -> Recorded:
    api_request = exchange.api_request
    if parsed is None:
        headers = exchange.kept_headers(None)
        wire_notes: dict[str, JSON] = {}
        return recorded_as(api_request, Response(None, False, exchange.status, None, headers, wire_notes))
    headers = exchange.kept_headers("application/json")
    if (
        api_request.is_model_list()
        and (models := _models(parsed.value)) is not None
        and parsed.raw_text is None
    ):
        return _model_list(exchange, parsed.value, models, headers)
    class_name = classes.class_for(api_request.method, api_request.endpoint(), parsed.value, streamed=False)
    on_wire, mapping = Normaliser(api_request).normalised(class_name, parsed.value)
    data = on_wire if class_name is None else classes.dump(class_name, on_wire)
    corrections = CorrectionNotes(api_request.body)
    # These two would else pass for no body and for a list of no models.
    text = json_text.compact(on_wire) if on_wire is None or on_wire == [] else parsed.raw_text
    _correct(corrections, class_name, data, on_wire, text)
    body = data if class_name is None else envelope(class_name, data)
    response = Response(body, False, exchange.status, None, headers, correction_member(corrections))
    return recorded_as(api_request, response, mapping=mapping)


def _correct(
    corrections: CorrectionNotes, class_name: str | None, data: JSON, wire: JSON, text: str | None = None
) -> None:
    """Note what the rules do not say of an object; see `_found`."""
    corrections.note(found_corrections(corrections, class_name, data, wire, text))


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
        body.append(envelope(_MODEL, dumped))
    notes = correction_member(corrections)
    around = (
        {name: None if name == "data" else item for name, item in value.items()}
        if isinstance(value, dict)
        else {}
    )
    if list(around.items()) != [("object", "list"), ("data", None)]:
        notes["around"] = around
    digest = model_digest([str(model["id"]) for model in models])
    return recorded_as(
        exchange.api_request,
        Response(body, False, exchange.status, None, headers, notes),
        models_digest=digest,
    )


def _with_companion(exchange: Exchange, content: bytes) -> Recorded:
    """Record a body that is not JSON in a file of its own, named for its type so that a person can open it."""
    ending = _ending_of(exchange.media_type())
    if ending == ".json":
        ending = ".txt"  # it says it is JSON and is not; that name is the recording's own
    content = exchange.api_request.rules.redactor.content(content, exchange.api_request.credentials)
    if ending == ".bin" and _is_text(content):
        ending = ".txt"
    headers = exchange.kept_headers("application/octet-stream")
    response = Response(None, False, exchange.status, None, headers)
    return recorded_as(exchange.api_request, response, companion=(ending, content))


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


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


def _failed(exchange: Exchange, content: bytes) -> Recorded:
    """Record an error as the exception that the Python SDK makes of it."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return _with_companion(exchange, content)
    parsed = exact_json(content, exchange) if content else None
    if parsed is not None and parsed.raw_text is not None:
        raise NotRecordable("the error is a JSON text that no JSON value can hold")
    body: JSON
    if parsed is None or not isinstance(parsed.value, dict):
        body = text = exchange.without_secrets(text)
        message = text.strip() or f"Error code: {exchange.status}"
        headers = exchange.kept_headers("text/plain" if content else None)
    else:
        whole = parsed.value
        body = whole.get("error", whole)
        message = f"Error code: {exchange.status} - {whole}"
        headers = exchange.kept_headers("application/json")
    data: dict[str, JSON] = {
        "category": "provider_sdk",
        "provider": "openai",
        "type": _error_type(exchange.status),
        "message": message,
        "status_code": exchange.status,
        "body": body,
    }
    return recorded_as(exchange.api_request, Response(None, False, 200, Failure(data, message), headers))


def _error_type(status: int) -> str:
    return _ERROR_TYPES.get(status, "InternalServerError" if status >= 500 else "APIStatusError")
