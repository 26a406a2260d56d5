"""Read JSON without loss, and change single members of a JSON text while the rest keeps its spelling.

A Python value cannot hold every JSON text: a name may stand twice in one object, a number may be beyond every float, an
integer may have thousands of digits, and some servers send `NaN`, which is no JSON. Rule: `read` reports such a loss.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from json.decoder import WHITESPACE, scanstring  # type: ignore[attr-defined]  # typeshed does not have them
from typing import Any, NamedTuple

import orjson

from .recording import JSON

# Finds only the end of a value. An integer stays text, because it may have more digits than `int` reads.
_DECODER = json.JSONDecoder(parse_int=str)


class Reading(NamedTuple):
    """The value of a JSON text, whether it says all that the text says, and the value with its numbers as written.

    `spelt` is `value` itself, unless a float is written in another way than `compact` writes it: then it is a copy
    with an `orjson.Fragment` for each such float.
    """

    value: JSON
    is_exact: bool
    spelt: Any


def read(text: str | bytes) -> Reading:
    """Read a JSON text.

    Where the value is not exact, it is the nearest one that JSON can hold: the last of members that share a name, and
    null for a number that is not finite. Floats are exact if they are the same double, as every client reads them.

    Raises:
        ValueError: it is no JSON.
    """
    raw = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    try:
        value: JSON = orjson.loads(raw)
        # Bytes that orjson writes back unchanged have lost nothing. The API's streams are compact, and pass here.
        if orjson.dumps(value) == raw:
            return Reading(value, True, value)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        pass  # lone surrogates, NaN, or no JSON at all: the careful reader knows
    return _CarefulReader().read(raw.decode("utf-8-sig", "surrogatepass"))


class _CarefulReader:
    """Reads with the standard library, which tells of everything that it would lose."""

    def __init__(self) -> None:
        self._is_exact = True
        self._has_unusual_floats = False

    def read(self, text: str) -> Reading:
        try:
            value: JSON = self._loaded(text, self._float)
            spelt = self._loaded(text, _spelt) if self._has_unusual_floats else value
        except RecursionError as exc:
            raise ValueError("expected JSON, it is nested too deeply") from exc
        return Reading(value, self._is_exact, spelt)

    def _loaded(self, text: str, parse_float: Callable[[str], Any]) -> Any:
        return json.loads(
            text,
            object_pairs_hook=self._object,
            parse_int=self._integer,
            parse_float=parse_float,
            parse_constant=self._no_number,
        )

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        self._is_exact &= len(members) == len(pairs)
        return members

    def _integer(self, digits: str) -> int | None:
        self._is_exact &= digits != "-0"
        try:
            return int(digits)
        except ValueError:  # more digits than sys.get_int_max_str_digits() allows
            self._is_exact = False
            return None

    def _float(self, digits: str) -> float | None:
        number = float(digits)
        if math.isfinite(number):
            self._has_unusual_floats |= orjson.dumps(number) != digits.encode()
            return number
        self._is_exact = False
        return None

    def _no_number(self, _name: str) -> None:
        self._is_exact = False


# A string in a JSON text. Its parts are taken whole and never given back (possessive): an expression that could give
# back each character, `"(?:[^"\\]|\\.)*"`, takes more than 100 bytes of memory for each of them.
STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'

# A number as written, while the standard library writes the text around it.
_FRAGMENT = "\0number:"
_QUOTED_FRAGMENT = re.compile(r'"\\u0000number:([-+.0-9eE]+)"')


def _quoted_fragment(item: object) -> str:
    if not isinstance(item, orjson.Fragment):
        raise TypeError(f"expected JSON, got {type(item).__name__}")
    return f"{_FRAGMENT}{orjson.dumps(item).decode()}"


def _spelt(digits: str) -> Any:
    number = float(digits)
    if not math.isfinite(number):
        return None
    return number if orjson.dumps(number) == digits.encode() else orjson.Fragment(digits)


def compact(value: Any) -> str:
    """Return the JSON text of a value without white space, an `orjson.Fragment` in it as it is.

    Raises:
        ValueError: it is nested too deeply to be written.
    """
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        pass  # integers beyond 64 bits and lone surrogates are the standard library's to write
    try:
        text = json.dumps(value, separators=(",", ":"), default=_quoted_fragment)
    except RecursionError as exc:
        raise ValueError("expected JSON, it is nested too deeply") from exc
    return _QUOTED_FRAGMENT.sub(r"\1", text)


def showable(text: str) -> str:
    """Return a text that UTF-8 can hold, for logs and terminals: lone surrogates are escaped, other letters are not."""
    return text.encode("utf-8", "backslashreplace").decode()


def with_members(text: str, values: Mapping[str, JSON]) -> str:
    """Return the text of an object with the members that `values` names replaced.

    All else stays as it is written. A text that is no object is returned as it is.

    Raises:
        ValueError: it is no JSON.
    """
    pieces, kept_to = [], 0
    for name, start, end in _members(text):
        if name in values:
            pieces += [text[kept_to:start], compact(values[name])]
            kept_to = end
    return "".join([*pieces, text[kept_to:]])


def _members(text: str) -> list[tuple[str, int, int]]:
    """Return (name, start of the value, end of the value) for the members of an object."""
    members = []
    at = _skip_space(text, 1 if text.startswith("\ufeff") else 0)
    at = _skip_space(text, at + 1) if text.startswith("{", at) else len(text)
    while text.startswith('"', at):
        name, at = scanstring(text, at + 1, True)
        start = _skip_space(text, _skip_space(text, at) + 1)
        _, end = _DECODER.raw_decode(text, start)
        members.append((name, start, end))
        at = _skip_space(text, end)
        at = _skip_space(text, at + 1) if text.startswith(",", at) else len(text)
    return members


def _skip_space(text: str, at: int) -> int:
    match = WHITESPACE.match(text, at)
    return match.end() if match else at


def strictly_equal(one: Any, other: Any) -> bool:
    """Tell whether two values are the same JSON: the same members in the same order, `1` not `1.0` and not `true`."""
    pairs: list[tuple[Any, Any]] = [(one, other)]
    while pairs:
        left, right = pairs.pop()
        if type(left) is not type(right):
            return False
        if isinstance(left, dict) and isinstance(right, dict):
            if list(left) != list(right):
                return False
            pairs += zip(left.values(), right.values(), strict=True)
        elif isinstance(left, list) and isinstance(right, list):
            if len(left) != len(right):
                return False
            pairs += zip(left, right, strict=True)
        elif isinstance(left, orjson.Fragment):
            if orjson.dumps(left) != orjson.dumps(right):
                return False
        elif left != right or (isinstance(left, float) and repr(left) != repr(right)):  # 0.0 is not -0.0
            return False
    return True
