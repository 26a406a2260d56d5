"""Normal form of a request body: two bodies that mean the same have the same one."""

from __future__ import annotations

import json
import math
import re

from ..format.recording import JSON
from .multipart import MULTIPART
from .reference_hash import reference_text
from .upgrade import WEBSOCKET, is_upgrade


def canonical(value: object) -> str:
    """Return the JSON text of a value, its members sorted, without white space."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def normal_body(body: JSON) -> JSON:
    """Return the form of a body in which two requests that mean the same are equal."""
    if not isinstance(body, dict):
        return normal_value(body)
    if body.keys() == {MULTIPART}:
        return {MULTIPART: _normal_parts(body[MULTIPART])}
    if is_upgrade(body):
        return {WEBSOCKET: True}
    members: dict[str, JSON] = {
        name: value for name, value in body.items() if value is not None and name != "stream_options"
    }
    if members.get("stream") is False:
        del members["stream"]
    for name in ("messages", "input"):
        if isinstance(messages := members.get(name), list):
            members[name] = [_without_nulls(message) for message in messages]
    return normal_value(members)


def _without_nulls(message: JSON) -> JSON:
    if not isinstance(message, dict):
        return message
    return {name: value for name, value in message.items() if value is not None}


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


_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,300})(?:\.[0-9]+)?(?:[eE][-+]?[0-9]{1,2})?")


def normal_value(value: JSON) -> JSON:
    """Round as the hash does, and read a float without a fraction as an integer."""
    if isinstance(value, dict):
        return {name: normal_value(item) for name, item in value.items()}
    if isinstance(value, list):
        return [normal_value(item) for item in value]
    if isinstance(value, float):
        rounded = round(value, 5)
        return int(rounded) if rounded.is_integer() else rounded
    return reference_text(value) if isinstance(value, str) else value
