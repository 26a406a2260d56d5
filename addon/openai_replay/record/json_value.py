"""The JSON values of an answer as they are recorded: exact, without secrets, with a stable id and time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..errors import NotRecordable
from ..format import json_text
from ..format.recording import FILE, JSON, opened
from ..request.reference_hash import request_hash
from ..wire import sse
from ..wire import white_space as white_spaces
from ..wire.corrections import CorrectionNotes, Found
from ..wire.white_space import WhiteSpace
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
    """A JSON text as a value, without secrets.

    `spelt` is the value with its unusually written numbers as `orjson.Fragment`. `text` is the text, `is_exact` tells
    whether the value and `white_space` hold all of it. `white_space` is None where it is not regular.
    """

    value: JSON
    spelt: Any
    text: str
    is_exact: bool
    white_space: WhiteSpace | None = None
    redacted_needed_later: frozenset[str] = frozenset()


def exact_json(text: str, exchange: Exchange) -> ParsedJson | None:
    """Parse a JSON text without loss; None if the text is no JSON.

    Lone surrogates in the text stand for bytes that are not UTF-8; see `sse`.
    """
    readable = sse.readable(text)
    try:
        reading = json_text.read(readable)
    except ValueError:
        return None
    is_exact = reading.is_exact and readable is text
    white_space = white_spaces.found(text, reading.spelt) if is_exact else None
    parsed = _without_secrets(ParsedJson(reading.value, reading.spelt, text, is_exact, white_space), exchange)
    # The text is kept for its white space alone only if it has no secrets, which may show in the value alone.
    keeps_text = white_space is None and parsed.value is reading.value
    return replace(parsed, is_exact=False) if keeps_text else parsed


def exact_body(content: bytes, exchange: Exchange) -> ParsedJson | None:
    """Parse a body that is a JSON text without loss; None if the body is no JSON."""
    try:
        return exact_json(content.decode(), exchange)
    except UnicodeDecodeError:
        return None


def _without_secrets(parsed: ParsedJson, exchange: Exchange) -> ParsedJson:
    """Return JSON without secrets; the same object if it has none."""
    redactor, credentials = exchange.api_request.rules.redactor, exchange.api_request.credentials
    if not redactor.may_match(parsed.text, credentials):
        return parsed
    text = redactor.answer_text(parsed.text, credentials)
    value = redactor.answer(parsed.value, credentials)
    if value == parsed.value:
        return replace(parsed, text=text)
    spelt = redactor.answer(parsed.spelt, credentials)
    needed = frozenset(needed_later(parsed.value, value))
    return replace(parsed, value=value, spelt=spelt, text=text, redacted_needed_later=needed)


def is_of_this_format(value: JSON) -> bool:
    """Tell whether a value that the API sent would be mistaken for an envelope, or for the name of a body's file."""
    if isinstance(value, list):
        return bool(value) and all(is_of_this_format(item) for item in value)
    return opened(value)[0] is not None or (isinstance(value, dict) and value.keys() == {FILE})


class Normaliser:
    """Gives completions the id and time of the recording, and tells the ids on the wire where they are needed.

    A recording that is made again then differs from the old one as little as possible. Different ids of one answer
    stay different: the second one is numbered.
    """

    def __init__(self, exchange: Exchange) -> None:
        api_request = exchange.api_request
        body = api_request.rules.named_body(api_request.body)
        self._id = f"rec-{request_hash(api_request.method, api_request.url, body, api_request.test_id)[:12]}"
        self._is_mapped = api_request.method != "POST" or (
            isinstance(body, dict) and body.get("store") is True
        )
        self._keeps_ids = exchange.keeps_ids
        self._ids: dict[str, str] = {}

    def stable_members(self, class_name: str | None, value: JSON) -> dict[str, JSON]:
        """Return the members of an object that are recorded with another value than they had on the wire.

        A text that is not empty becomes the `id` of the recording, and a number the time `created` 0.
        """
        if self._keeps_ids or class_name not in _NORMALISED or not isinstance(value, dict):
            return {}
        stable: dict[str, JSON] = {}
        wire_id, created = value.get("id"), value.get("created")
        if isinstance(wire_id, str) and wire_id:
            stable["id"] = self._ids.get(wire_id) or self._next_id()
        if isinstance(created, int | float) and not isinstance(created, bool):
            stable["created"] = 0
        return stable

    def _next_id(self) -> str:
        return f"{self._id}-{len(self._ids) + 1}" if self._ids else self._id

    def keep(self, wire_id: JSON, stable: Mapping[str, JSON]) -> None:
        """Remember the id of an object that is part of the recording."""
        recorded = stable.get("id")
        if isinstance(wire_id, str) and isinstance(recorded, str):
            self._ids[wire_id] = recorded

    def mapping(self) -> dict[str, str]:
        """Return {id in the recording: id on the wire}, {} where no later request can refer to the ids."""
        return {recorded: wire_id for wire_id, recorded in self._ids.items()} if self._is_mapped else {}


def found_corrections(
    corrections: CorrectionNotes,
    class_name: str | None,
    data: JSON,
    wire: JSON,
    text: str | None,
    *,
    is_exact: bool,
) -> Found:
    """Return the corrections that an object needs; see `CorrectionNotes.found`.

    Raises:
        NotRecordable: a recording of it could not be replayed as it was.
    """
    try:
        return corrections.found(class_name, data, wire, text, is_exact=is_exact)
    except ValueError as exc:
        raise NotRecordable(f"the response cannot be kept without loss: {exc}") from exc


def correction_member(corrections: CorrectionNotes) -> dict[str, JSON]:
    """Return the member `corrections` of `response.wire`, {} where nothing is to correct."""
    result = corrections.result()
    return {} if result is None else {"corrections": [*result]}
