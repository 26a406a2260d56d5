"""Normal form of a request body: two bodies have the same one exactly if they mean the same to the API.

Equal are: `1.0` and `1`; fractions with the same 32-bit float, because some SDKs send such floats (`0.7` as
`0.699999988`); a null member and an absent member, in the body and in messages; `stream: false` and no `stream`.
Members that cannot change an answer are left out.
"""

from __future__ import annotations

import json
import math
import re
import struct

from ..format.recording import JSON
from .multipart import MULTIPART
from .upgrade import WEBSOCKET, is_upgrade

# Members that route or label a request; SDKs put random values into them.
_WITHOUT_EFFECT = frozenset({"prompt_cache_key", "safety_identifier", "client_metadata"})

# Members of the body whose items are messages, or the parts of one: chat, responses, runs, conversations, messages of
# a thread.
_MESSAGE_LISTS = ("messages", "input", "additional_messages", "items", "content")

# The member of the body that is a thread to create, with messages.
_THREAD = "thread"

# Members in which null is a value: JSON schemas, and objects with names of the user's.
_OPAQUE = frozenset(
    {"parameters", "schema", "input_schema", "output_schema", "arguments", "metadata", "attributes"}
)

_FLOAT_32 = struct.Struct("<f")

# Six digits are enough for most fractions; nine tell all 32-bit floats apart (IEEE 754).
_SIGNIFICANT_DIGITS = (6, 7, 8, 9)

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,300})(?:\.[0-9]+)?(?:[eE][-+]?[0-9]{1,2})?")

_canonical_encoder = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


def canonical(value: object) -> str:
    """Return the JSON text of a value, its members sorted, without white space."""
    return _canonical_encoder.encode(value)


def normal_body(body: JSON) -> JSON:
    """Return the normal form of a body; `stream_options` is left out of it, for it only chooses among recordings."""
    if not isinstance(body, dict):
        return normal_value(body)
    if body.keys() == {MULTIPART}:
        return {MULTIPART: _normal_parts(body[MULTIPART])}
    if is_upgrade(body):
        return {WEBSOCKET: True}
    members: dict[str, JSON] = {
        name: value
        for name, value in body.items()
        if value is not None and name != "stream_options" and name not in _WITHOUT_EFFECT
    }
    if members.get("stream") is False:
        del members["stream"]
    members = _with_short_messages(members)
    if isinstance(thread := members.get(_THREAD), dict):
        members[_THREAD] = _with_short_messages(thread)
    return normal_value(members)


def _with_short_messages(members: dict[str, JSON]) -> dict[str, JSON]:
    """Return the members of a body or of a thread, their messages without null members."""
    return {
        name: _without_nulls(value) if name in _MESSAGE_LISTS and isinstance(value, list) else value
        for name, value in members.items()
    }


def _without_nulls(value: JSON) -> JSON:
    """Return a message without the null members of it, its parts and its tool calls."""
    if isinstance(value, str):
        return value  # most values are texts
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: item if name in _OPAQUE else _without_nulls(item)
        for name, item in value.items()
        if item is not None
    }


def _normal_parts(parts: JSON) -> JSON:
    """Return the parts of a form in one order; a field that is a JSON number is compared as one."""
    if not isinstance(parts, list):
        return normal_value(parts)
    return sorted((normal_value(_with_number(part)) for part in parts), key=canonical)


def _with_number(part: JSON) -> JSON:
    if isinstance(part, dict) and isinstance(value := part.get("value"), str) and _NUMBER.fullmatch(value):
        number: JSON = json.loads(value)
        return part if number in (math.inf, -math.inf) else {**part, "value": number}
    return part


def normal_value(value: JSON) -> JSON:
    """Return a value whose numbers are equal exactly if they mean the same."""
    if isinstance(value, str):
        return value  # most values are texts
    if isinstance(value, dict):
        return {name: normal_value(item) for name, item in value.items()}
    if isinstance(value, list):
        return [normal_value(item) for item in value]
    return _normal_number(value) if isinstance(value, float) else value


def _normal_number(value: float) -> int | float:
    """Return an integer for a float without a fraction, else the shortest number that is the same 32-bit float."""
    if value.is_integer():
        return int(value)
    try:
        packed = _FLOAT_32.pack(value)
    except OverflowError:  # beyond every 32-bit float
        return value
    (rounded,) = _FLOAT_32.unpack(packed)
    texts = (f"{rounded:.{digits}g}" for digits in _SIGNIFICANT_DIGITS)
    return next(number for number in map(float, texts) if _FLOAT_32.pack(number) == packed)
