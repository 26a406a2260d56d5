"""Read members of another tool's file with their expected type, or raise an error that names the place."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping

from ..record.raw_exchange import HeaderList

# A status alone, or with its phrase: "200 OK".
_STATUS = re.compile(r"[0-9]{3}(?![0-9A-Za-z])")


class Unexpected(ValueError):
    """A value is not of the type that the format says."""


def mapping(value: object, name: str) -> Mapping[str, object]:
    """Return a mapping; `name` is for messages.

    Raises:
        Unexpected: it is none.
    """
    if not isinstance(value, Mapping):
        raise Unexpected(f"expected a mapping {name}, got {kind(value)}")
    return value


def items(value: object, name: str) -> list[object]:
    """Return a list.

    Raises:
        Unexpected: it is none.
    """
    if not isinstance(value, list):
        raise Unexpected(f"expected a list {name}, got {kind(value)}")
    return value


def text(value: object, name: str) -> str:
    """Return a text that is not empty.

    Raises:
        Unexpected: it is none.
    """
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str) or not value:
        raise Unexpected(f"expected a text {name}, got {kind(value)}")
    return value


def status(value: object, name: str) -> int:
    """Return an HTTP status that a recording can hold.

    Raises:
        Unexpected: it is none.
    """
    if isinstance(value, str) and (match := _STATUS.match(value)):
        value = int(match[0])
    if isinstance(value, bool) or not isinstance(value, int) or not 200 <= value <= 599:
        raise Unexpected(f"expected an HTTP status {name} from 200 to 599, got {value!r}")
    return value


def kind(value: object) -> str:
    """Return the type of a value in a person's words."""
    if value is None:
        return "nothing"
    names = {str: "a text", bytes: "bytes", bool: "a truth value", list: "a list", dict: "a mapping"}
    return "an empty text" if value == "" else names.get(type(value), "a number")


def encoded_json(value: object) -> bytes:
    """Return a JSON value, or the text of one, as bytes."""
    return encoded(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def encoded(value: str, encoding: str = "utf-8") -> bytes:
    """Return a text as bytes; a lone surrogate stands for a byte that was no UTF-8."""
    try:
        return value.encode(encoding)
    except (LookupError, UnicodeEncodeError):
        return _utf8(value)


def _utf8(value: str) -> bytes:
    try:
        return value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogatepass")


def from_base64(value: object, name: str) -> bytes:
    """Return the bytes of a base64 text.

    Raises:
        Unexpected: it is none.
    """
    try:
        return base64.b64decode("".join(text(value, name).split()), validate=True) if value else b""
    except (binascii.Error, ValueError) as exc:
        raise Unexpected(f"expected base64 {name}, {exc}") from exc


def json_bytes(value: object) -> bytes:
    """Return a JSON text as the API writes it, indented by two spaces."""
    return encoded(json.dumps(value, ensure_ascii=False, indent=2))


def header_list(value: object, name: str) -> HeaderList:
    """Return headers from a mapping of names to a value or a list of values, or from a list of pairs.

    A pair is `{name, value}`, or a list of a name and a value or several.

    Raises:
        Unexpected: it is neither.
    """
    if value is None or isinstance(value, str):  # replaced by a text such as **REDACTED**
        return ()
    pairs = (_pair(item, name) for item in value) if isinstance(value, list) else mapping(value, name).items()
    return tuple(
        (_plain(key), _plain(one))
        for key, values in pairs
        for one in (values if isinstance(values, list) else [values])
    )


def _pair(item: object, name: str) -> tuple[object, object]:
    if isinstance(item, list) and len(item) == 2:
        return item[0], item[1]
    pair = mapping(item, name)
    return pair.get("name", ""), pair.get("value", "")


def _plain(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
