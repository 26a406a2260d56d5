"""The JSON values of an answer as they are recorded: exact, without secrets, with a stable id and time."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import NotRecordable
from ..format import json_text
from ..format.recording import FILE, JSON, opened
from ..request.identity import ApiRequest
from ..request.reference_hash import request_hash
from ..wire.corrections import CorrectionNotes, Found
from .exchange import Exchange
from .needed_later import needed_later

# The classes whose `id` and `created` change with each recording, and mean nothing to later requests.
_NORMALISED = frozenset(
    (
        "openai.types.chat.chat_completion_chunk.ChatCompletionChunk",
        "openai.types.chat.chat_completion.ChatCompletion",
        "openai.types.completion.Completion",
    )
)


@dataclass(frozen=True, slots=True)
class ParsedJson:
    """A JSON text as a value, redacted; with the text itself where the value does not hold all of it."""

    value: JSON
    raw_text: str | None = None
    redacted_needed_later: frozenset[str] = frozenset()


def exact_json(raw: bytes, exchange: Exchange) -> ParsedJson | None:
    """Parse a JSON text without loss; None where it is none."""
    try:
        reading = json_text.read(raw)
    except ValueError:
        return None
    value, text = reading.value, raw.decode("utf-8-sig", "surrogatepass")
    redactor, credentials = exchange.api_request.rules.redactor, exchange.api_request.credentials
    if redactor.may_match(text, credentials):
        value, text = redactor.answer(value, credentials), redactor.answer_text(text, credentials)
    needed = frozenset(needed_later(reading.value, value))
    return ParsedJson(value, None if reading.is_exact else text, needed)


def is_of_this_format(value: JSON) -> bool:
    """Tell whether what the API sent would be read as an envelope, or as the name of a body's file."""
    if isinstance(value, list):
        return bool(value) and all(is_of_this_format(item) for item in value)
    return opened(value)[0] is not None or (isinstance(value, dict) and value.keys() == {FILE})


class Normaliser:
    """Gives completions the id and time of the recording, and tells the id on the wire where it is needed."""

    def __init__(self, api_request: ApiRequest) -> None:
        body = api_request.rules.named_body(api_request.body)
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


def found_corrections(
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


def correction_member(corrections: CorrectionNotes) -> dict[str, JSON]:
    result = corrections.result()
    return {} if result is None else {"corrections": [*result]}
