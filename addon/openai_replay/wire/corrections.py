"""Notes about a response that the rules of `rebuild.py` cannot rebuild exactly, kept beside it in the recording.

A recording keeps it as `response.wire.corrections`, a list that other readers of the format ignore; there is none
where the rules say all. Chunks are numbered from 0, and a response in one piece is chunk 0.

    {"chunks": "1-40", "at": "$.choices[*].delta", "members": ["role", "content"]}
        these objects have these members in this order; one whose value is null is sent as null
    {"chunks": "0", "at": "$.data[*].embedding[0,7-9]", "number": "integer"}
        these whole numbers are written without a decimal point
    {"chunks": "3", "at": "$.choices[*].logprobs.content[*].logprob", "number": "decimal"}
        these small numbers are written as 0.0000095, with "python" as 9.5e-06, with "javascript" as 9.5e-6
    {"chunks": "0-9", "layout": "spaced, ascii"}
        these chunks of a stream are not compact JSON; the words are of `white_space`
    {"chunks": "7", "text": "{…}"}
        this is the chunk: no Python value holds its JSON exactly, or its class alters it

Rule: all but the last describe a shape and never a value, so that a person's edit in `__data__` is replayed.
A member that is not listed is sent if it has a value. A text is sent only as long as `__data__` still says the same.

Theory of operation, with one example. A server sends a chunk with other members than the API:

    {"id": "rec-1", "choices": [{"delta": {"content": "Hi", "role": null}, "index": 0}]}

1. The recording holds it as its class dumps it, with all members of the class, absent ones as null.
2. The rules rebuild that as the API would send it: `{"index": 0, "delta": {"content": "Hi"}, "logprobs": null, …}`.
3. The result differs from the wire, so both are walked side by side. Objects with other members, or another order of
   them, give a `_Members`; numbers that are written otherwise give an `_Integer` or a `_Spelling`; another value gives
   up (`_NoShape`), and the text is kept.
4. The corrections are applied to the rebuilt chunk. If that gives the bytes on the wire, they are noted, else the text:

    {"chunks": "0", "at": "$.choices[*]", "members": ["delta", "index"]}
    {"chunks": "0", "at": "$.choices[*].delta", "members": ["content", "role"]}

5. The next chunk tries the corrections of the previous chunk first. Equal corrections of many chunks become one entry.
6. Replay rebuilds by the rules and applies the entries of the chunk, in the order in which they stand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

import orjson

from ..format.json_text import compact, read, strictly_equal, with_members
from ..format.ranges import numbers_in, range_text
from ..format.recording import JSON
from ..sdk import classes
from . import sse
from .rebuild import asks_stream, asks_usage, is_whole, rebuild_of
from .white_space import COMPACT, WhiteSpace, from_note

_LEADING_ZEROS = re.compile(r"e([+-])0+")

# Members that a recording may have with another value than the wire, and the types of the values on the wire.
_STABLE: Mapping[str, tuple[type, ...]] = {"id": (str,), "created": (int, float)}

# The path to parts of a chunk: names of members and numbers of items; None is every item.
type _Step = str | tuple[int, ...] | None
type _Path = tuple[_Step, ...]


@dataclass(frozen=True, slots=True)
class _Members:
    """An object has these members in this order."""

    names: tuple[str, ...]

    def would_change(self, value: JSON) -> bool:
        return isinstance(value, dict) and tuple(value) != self.names

    def applied(self, value: JSON, data: JSON) -> JSON:
        if not isinstance(value, dict):
            return value
        # A null that the rules left out is in `data`; a member that a person took out of it is not.
        nulls = data if isinstance(data, dict) else self.names
        result = {name: value.get(name) for name in self.names if name in value or name in nulls}
        result.update((name, item) for name, item in value.items() if name not in result and item is not None)
        return result

    def to_json(self) -> dict[str, JSON]:
        return {"members": list(self.names)}


@dataclass(frozen=True, slots=True)
class _Integer:
    """A whole number has no decimal point."""

    def would_change(self, value: JSON) -> bool:
        return is_whole(value)

    def applied(self, value: JSON, _data: JSON) -> JSON:
        return int(value) if isinstance(value, float) and is_whole(value) else value

    def to_json(self) -> dict[str, JSON]:
        return {"number": "integer"}


class _Correction(NamedTuple):
    path: _Path
    shape: _Shape


def _as_python(number: float) -> str:
    """Write a number with at least two digits in its exponent: 9.5e-06."""
    return repr(number)


def _as_javascript(number: float) -> str:
    """Write a number without zeros in front of its exponent: 9.5e-6."""
    return _LEADING_ZEROS.sub(r"e\1", repr(number))


def _as_decimal(number: float) -> str:
    """Write a number without exponent: 0.0000095."""
    return format(Decimal(repr(number)), "f")


# `number`, by how a float is written that `json_text.compact` writes otherwise; versions of orjson differ.
_WRITERS: Mapping[str, Callable[[float], str]] = {
    "decimal": _as_decimal,
    "python": _as_python,
    "javascript": _as_javascript,
}


@dataclass(frozen=True, slots=True)
class _Spelling:
    """A float is written in another of the usual ways."""

    style: str

    def would_change(self, value: Any) -> bool:
        return _is_number(value) and self._written(value) != orjson.dumps(value).decode()

    def applied(self, value: Any, _data: JSON) -> Any:
        return orjson.Fragment(self._written(value)) if self.would_change(value) else value

    def _written(self, value: Any) -> str:
        return _WRITERS[self.style](value if isinstance(value, float) else float(orjson.dumps(value)))

    def to_json(self) -> dict[str, JSON]:
        return {"number": self.style}


def _is_number(value: Any) -> bool:
    """Tell whether a value is a float, plain or as it was written."""
    return isinstance(value, float | orjson.Fragment)


type _Shape = _Members | _Integer | _Spelling


# The notes for one chunk: corrections of its shape, or its JSON text.
type Found = tuple[_Correction, ...] | str


class _NoShape(Exception):
    """Two chunks differ in a value: no correction of a shape helps."""


# --- recording ----------------------------------------------------------------------------------------------------


class CorrectionNotes:
    """Finds the corrections that a response needs beside its chunks, one chunk at a time as they are recorded."""

    def __init__(self, request_body: JSON) -> None:
        self._is_streamed = asks_stream(request_body)
        self._usage_asked = asks_usage(request_body)
        self._count = 0
        self._runs: dict[_Correction, _Runs] = {}
        self._layouts: dict[str, _Runs] = {}
        self._texts: dict[int, str] = {}
        self._latest: tuple[_Correction, ...] = ()

    def add(self, class_name: str | None, data: JSON, wire: Any, text: str | None = None) -> None:
        """Take the next chunk; see `found`."""
        self.note(self.found(class_name, data, wire, text))

    def found(
        self,
        class_name: str | None,
        data: JSON,
        wire: Any,
        text: str | None = None,
        *,
        is_exact: bool = False,
    ) -> Found:
        """Return the corrections of the next chunk, or its text. They are not yet noted.

        Args:
            class_name, data: class and data of it in the recording.
            wire: the object that the API sent, with the `id` and `created` of the recording, and its numbers as
                `json_text.read` spells them.
            text: the JSON text that the API sent, None where there is none of the chunk alone. It is kept with the
                `id` and `created` of the recording.
            is_exact: whether `wire` says all of it. Then the text is kept only where no correction helps.

        Raises:
            ValueError: `wire` is nested too deeply to be written, or `data` does not say what `text` does.
        """
        if text is not None and not is_exact:
            kept = _kept_text(text, class_name, data)
            if kept is None:
                raise ValueError("expected a JSON text that says what the recording holds of it")
            return kept
        rebuild = rebuild_of(class_name, is_streamed=self._is_streamed)
        rebuilt = data if rebuild is None else rebuild(data, self._usage_asked)
        if _same(rebuilt, wire):
            return ()
        corrections = self._corrections_for(rebuilt, data, wire)
        if corrections is not None:
            return corrections
        kept = None if text is None else _kept_text(text, class_name, data)
        return compact(_sent(class_name, wire)) if kept is None else kept

    def note(self, found: Found, layout: str = "") -> None:
        """Note the result of `found` for the next chunk, and its white space: "" where it is compact."""
        number = self._count
        self._count += 1
        if layout:
            self._layouts.setdefault(layout, _Runs()).add(number)
        if isinstance(found, str):
            self._texts[number] = found
        elif found:
            self._latest = found
            for correction in found:
                self._runs.setdefault(correction, _Runs()).add(number)

    def _corrections_for(self, rebuilt: JSON, data: JSON, wire: JSON) -> tuple[_Correction, ...] | None:
        """Return the corrections that turn `rebuilt` into `wire`, None if only the text can."""
        # The chunks of a stream are alike, and often need the corrections of the previous chunk.
        if self._latest and _same(_corrected(rebuilt, data, self._latest), wire):
            return self._latest
        try:
            corrections = tuple(_corrections(rebuilt, wire))
        except (_NoShape, RecursionError):
            return None
        return corrections if _same(_corrected(rebuilt, data, corrections), wire) else None

    def result(self) -> list[JSON] | None:
        """Return the corrections of all chunks so far, in the order of the chunks; None if none are needed."""
        entries: list[tuple[int, dict[str, JSON]]] = [
            (runs.first(), {"chunks": runs.text(), "at": _path_text(path), **shape.to_json()})
            for (path, shape), runs in self._runs.items()
        ]
        entries += [
            (runs.first(), {"chunks": runs.text(), "layout": layout})
            for layout, runs in self._layouts.items()
        ]
        entries += [(number, {"chunks": str(number), "text": text}) for number, text in self._texts.items()]
        entries.sort(key=lambda entry: entry[0])
        return [entry for _, entry in entries] or None


class _Runs:
    """Ascending numbers, of which only the runs take memory."""

    def __init__(self) -> None:
        self._runs: list[tuple[int, int]] = []

    def add(self, number: int) -> None:
        if self._runs and self._runs[-1][1] == number - 1:
            self._runs[-1] = (self._runs[-1][0], number)
        else:
            self._runs.append((number, number))

    def first(self) -> int:
        return self._runs[0][0]

    def text(self) -> str:
        return range_text(number for first, last in self._runs for number in range(first, last + 1))


def _same(one: JSON, other: JSON) -> bool:
    try:
        return orjson.dumps(one) == orjson.dumps(other)
    except orjson.JSONEncodeError:
        return strictly_equal(one, other)


def _kept_text(text: str, class_name: str | None, data: JSON) -> str | None:
    """Return a text as the recording has it, None where `data` says something else: it would never be sent again."""
    if _says(text, class_name, data):
        return text
    value = read(sse.readable(text)).value
    if isinstance(data, dict) and isinstance(value, dict):
        names = [name for name, types in _STABLE.items() if type(value.get(name)) in types and name in data]
        text = with_members(text, {name: data[name] for name in names})
    return text if _says(text, class_name, data) else None


def _sent(class_name: str | None, wire: JSON) -> JSON:
    """Return the part of a chunk that its JSON text holds: the name of an assistants' event stands outside."""
    if class_name is not None and classes.is_named_by_event(class_name) and isinstance(wire, dict):
        return wire.get("data")
    return wire


def _corrections(rebuilt: JSON, wire: Any) -> Iterator[_Correction]:
    """Yield the corrections of a value, outer objects first, one correction for like items.

    Raises:
        _NoShape: the values differ in more than their shape.
    """
    if isinstance(rebuilt, dict) and isinstance(wire, dict):
        yield from _corrections_of_object(rebuilt, wire)
    elif isinstance(rebuilt, list) and isinstance(wire, list) and len(rebuilt) == len(wire):
        yield from _corrections_of_items(rebuilt, wire)
    elif isinstance(rebuilt, float) and is_whole(rebuilt) and type(wire) is int and rebuilt == wire:
        yield _Correction((), _Integer())
    elif _is_number(rebuilt) and _is_number(wire) and orjson.dumps(rebuilt) != orjson.dumps(wire):
        yield _Correction((), _spelling(wire, of=rebuilt))
    elif not strictly_equal(rebuilt, wire):
        raise _NoShape


def _spelling(wire: Any, *, of: Any) -> _Spelling:
    """Return how a number is written on the wire.

    Raises:
        _NoShape: in no usual way, or it is another number.
    """
    text, number = orjson.dumps(wire).decode(), float(orjson.dumps(of))
    style = next((style for style, write in _WRITERS.items() if write(number) == text), None)
    if style is None:
        raise _NoShape
    return _Spelling(style)


def _corrections_of_object(rebuilt: dict[str, JSON], wire: dict[str, JSON]) -> Iterator[_Correction]:
    if any(wire.get(name) is not None for name in wire if name not in rebuilt):
        raise _NoShape
    if tuple(rebuilt) != tuple(wire):
        yield _Correction((), _Members(tuple(wire)))
    for name in wire:
        if name in rebuilt:
            for path, shape in _corrections(rebuilt[name], wire[name]):
                yield _Correction((name, *path), shape)


def _corrections_of_items(rebuilt: list[JSON], wire: list[JSON]) -> Iterator[_Correction]:
    numbers: dict[_Correction, list[int]] = {}
    for number, (rebuilt_item, item) in enumerate(zip(rebuilt, wire, strict=True)):
        for correction in _corrections(rebuilt_item, item):
            numbers.setdefault(correction, []).append(number)
    for (path, shape), corrected in numbers.items():
        others = set(range(len(wire))).difference(corrected)
        harms_others = any(
            shape.would_change(part) for number in others for part in _parts(wire[number], path)
        )
        yield _Correction((tuple(corrected) if harms_others else None, *path), shape)


def _parts(value: JSON, path: _Path) -> Iterator[JSON]:
    """Yield the parts of a value that a path leads to."""
    if not path:
        yield value
    elif isinstance(step := path[0], str):
        if isinstance(value, dict) and step in value:
            yield from _parts(value[step], path[1:])
    elif isinstance(value, list):
        for number, item in enumerate(value):
            if step is None or number in step:
                yield from _parts(item, path[1:])


def _corrected(value: JSON, data: JSON, corrections: Iterable[_Correction]) -> JSON:
    for path, shape in corrections:
        value = _applied(shape, path, value, data)
    return value


def _applied(shape: _Shape, path: _Path, value: JSON, data: JSON) -> JSON:
    """Return a value with a shape given to the parts that a path leads to; `value` itself stays as it is."""
    if not path:
        return shape.applied(value, data)
    step, rest = path[0], path[1:]
    if isinstance(step, str):
        if not isinstance(value, dict) or step not in value:
            return value
        data_of_member = data.get(step) if isinstance(data, dict) else None
        return {**value, step: _applied(shape, rest, value[step], data_of_member)}
    if not isinstance(value, list):
        return value
    data_of_items = data if isinstance(data, list) and len(data) == len(value) else [None] * len(value)
    return [
        _applied(shape, rest, item, data_of_item) if step is None or number in step else item
        for number, (item, data_of_item) in enumerate(zip(value, data_of_items, strict=True))
    ]


# --- replaying ----------------------------------------------------------------------------------------------------


class CorrectionReader:
    """Applies the corrections of a recording to its rebuilt chunks."""

    def __init__(self, corrections: JSON) -> None:
        """Read `response.wire.corrections`; None where there are none.

        Raises:
            ValueError: they are not of their form; the message says where.
        """
        self._shapes: dict[int, list[_Correction]] = {}
        self._layouts: dict[int, WhiteSpace] = {}
        self._texts: dict[int, str] = {}
        for position, entry in enumerate(_expected_list(corrections)):
            self._take(entry, f"$.response.wire.corrections[{position}]")

    def _take(self, entry: JSON, place: str) -> None:
        if not isinstance(entry, dict):
            raise ValueError(f"expected an object, got {entry!r} @ {place}")
        numbers = list(numbers_in(entry.get("chunks")))
        if not numbers:
            raise ValueError(f'expected chunks such as "0-2,7", got {entry.get("chunks")!r} @ {place}.chunks')
        if isinstance(text := entry.get("text"), str):
            self._texts.update(dict.fromkeys(numbers, text))
            return
        if "layout" in entry:
            self._layouts.update(dict.fromkeys(numbers, from_note(entry["layout"], f"{place}.layout")))
            return
        correction = _Correction(_path(entry.get("at"), place), _shape(entry, place))
        for number in numbers:
            self._shapes.setdefault(number, []).append(correction)

    def text(self, number: int, class_name: str | None, data: JSON) -> str | None:
        """Return the JSON text of a chunk that is kept as text, None for all others.

        None also if `data`, its `__data__`, was edited: then the text no longer says what the recording does.
        """
        text = self._texts.get(number)
        if text is None or not _says(text, class_name, data):
            return None
        return text

    def value(self, number: int, rebuilt: JSON, data: JSON) -> JSON:
        """Return a chunk as the API sent it; `rebuilt` is `data`, its `__data__`, rebuilt by the rules."""
        return _corrected(rebuilt, data, self._shapes.get(number, ()))

    def written(self, number: int, value: JSON) -> str:
        """Return the JSON text of a chunk of a stream, laid out as the API did.

        Raises:
            ValueError: it is nested too deeply to be written.
        """
        return self._layouts.get(number, COMPACT).written(value)


def _says(text: str, class_name: str | None, data: JSON) -> bool:
    """Tell whether `data` was recorded from a text."""
    try:
        value = read(sse.readable(text)).value
    except ValueError:
        return False
    if class_name is None or rebuild_of(class_name, is_streamed=False) is None:
        return _same(value, data)
    if classes.is_named_by_event(class_name):
        value = {"data": value, "event": data.get("event") if isinstance(data, dict) else None}
    return _same(classes.dump(class_name, value), data)


def _expected_list(corrections: JSON) -> list[JSON]:
    if corrections is None:
        return []
    if not isinstance(corrections, list):
        raise ValueError(f"expected a list, got {corrections!r} @ $.response.wire.corrections")
    return corrections


def _shape(entry: dict[str, JSON], place: str) -> _Shape:
    names = entry.get("members")
    if isinstance(names, list):
        return _Members(tuple(name for name in names if isinstance(name, str)))
    number = entry.get("number")
    if number == "integer":
        return _Integer()
    if isinstance(number, str) and number in _WRITERS:
        return _Spelling(number)
    known = ", ".join(["integer", *_WRITERS])
    raise ValueError(
        f'expected "text", a list of "members", or a "number" ({known}), got {entry!r} @ {place}'
    )


# --- paths --------------------------------------------------------------------------------------------------------

# The names and indices of a JSONPath (RFC 9535), with the ranges that number chunks, too.
_STEP = re.compile(
    r"""
      \. (?P<name> [A-Za-z_][A-Za-z0-9_-]* )
    | \[ (?: (?P<every> \* ) | (?P<numbers> [0-9,-]+ ) | (?P<quoted> "(?:[^"\\]|\\.)*" ) ) \]
    """,
    re.VERBOSE,
)


def _path_text(path: _Path) -> str:
    return "$" + "".join(map(_step_text, path))


def _step_text(step: _Step) -> str:
    if step is None:
        return "[*]"
    if isinstance(step, tuple):
        return f"[{range_text(step)}]"
    return f".{step}" if _STEP.fullmatch(f".{step}") else f"[{json.dumps(step)}]"


def _path(text: JSON, place: str) -> _Path:
    if not isinstance(text, str) or not text.startswith("$"):
        raise ValueError(f"expected a path such as $.choices[*].delta, got {text!r} @ {place}.at")
    steps: list[_Step] = []
    at = 1
    while at < len(text):
        match = _STEP.match(text, at)
        if match is None:
            raise ValueError(f"expected a path such as $.choices[*].delta, got {text!r} @ {place}.at")
        steps.append(_step(match))
        at = match.end()
    return tuple(steps)


def _step(match: re.Match[str]) -> _Step:
    if match["every"]:
        return None
    if match["numbers"]:
        return tuple(numbers_in(match["numbers"]))
    return match["name"] if match["name"] is not None else str(json.loads(match["quoted"]))
