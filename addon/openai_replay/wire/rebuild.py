"""Rebuild the JSON object that the API sent from the null-filled `__data__` of its envelope.

Rule 1: members have the order of the API, and a null is sent only where the API sends it (`layouts.py`).
Rule 2: a member that the class does not know is kept as it is, null or not: null-filling did not put it there.
Rule 3: the class dumps the rebuilt object as the same `__data__`, for the objects of every server.

Rule 3 needs values of their class. The package passes on other values unchanged; here these may get another order.
No function here changes its arguments, and a result may share parts with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from math import copysign
from typing import Any, Final, NamedTuple

import orjson

from ..format.recording import JSON
from ..sdk.classes import classes
from .layouts import LAYOUTS, OTHERS_BY_NAME, STREAMED_LAYOUTS, Layout

# Rebuilds a value of one type; the flag says whether the request asked for the usage in its stream.
type Rebuild = Callable[[Any, bool], Any]

# Told an object and that flag: is this null member of it sent?
type _NullRule = Callable[[Mapping[str, Any], bool], bool]

# A type in the table of classes: the name of a class or of a leaf, or {"list": type} and the like.
type _Type = str | dict[str, Any]

_PACKAGE: Final = "openai."
_CLASSES_WITH_USAGE_CHUNKS: Final = frozenset(
    {"openai.types.chat.chat_completion_chunk.ChatCompletionChunk", "openai.types.completion.Completion"}
)


def rebuild(class_name: str | None, data: JSON, request_body: JSON) -> JSON:
    """Return the object that the API sent, by the rules alone.

    `class_name` and `data` are an envelope's `__type__` and `__data__`; with no class, or one that the table does
    not know, `data` is the object on the wire. `request_body` decides about members that only some requests get
    (`usage: null` in the chunks of a stream).
    """
    rebuild_object = rebuild_of(class_name, is_streamed=asks_stream(request_body))
    return data if rebuild_object is None else rebuild_object(data, asks_usage(request_body))


def asks_stream(request_body: JSON) -> bool:
    """Tell whether a request asks for a stream."""
    return isinstance(request_body, dict) and request_body.get("stream") is True


def asks_usage(request_body: JSON) -> bool:
    """Tell whether a request asks for a stream with the usage at its end (`stream_options.include_usage`)."""
    options = request_body.get("stream_options") if isinstance(request_body, dict) else None
    return asks_stream(request_body) and isinstance(options, dict) and options.get("include_usage") is True


def is_usage_chunk(class_name: str | None, data: JSON) -> bool:
    """Tell whether a chunk is the extra one of `include_usage`: no choices, but the usage."""
    if class_name not in _CLASSES_WITH_USAGE_CHUNKS or not isinstance(data, dict):
        return False
    return data.get("choices") == [] and data.get("usage") is not None


def without_null_usage(class_name: str | None, data: JSON) -> JSON:
    """Return a chunk without the `usage: null` that only streams with `include_usage` have."""
    if (
        class_name not in _CLASSES_WITH_USAGE_CHUNKS
        or not isinstance(data, dict)
        or data.get("usage") is not None
    ):
        return data
    return {name: item for name, item in data.items() if name != "usage"}


@cache
def rebuild_of(class_name: str | None, *, is_streamed: bool) -> Rebuild | None:
    """Return a function that rebuilds objects of a class; None where nothing has to be done."""
    if class_name is None or class_name.removeprefix(_PACKAGE) not in classes():
        return None
    return _ObjectOf(class_name.removeprefix(_PACKAGE), is_streamed=is_streamed)


# --- objects ------------------------------------------------------------------------------------------------------


class _Member(NamedTuple):
    """How a member of `__data__` is sent."""

    name: str
    name_on_wire: str
    null: _NullRule | None  # None: a null is left out
    value: Rebuild | None  # None: any other value is on the wire as it is here


class _ObjectOf:
    """Rebuilds the objects of one class."""

    def __init__(self, class_name: str, *, is_streamed: bool = False) -> None:
        entry = classes()[class_name]
        self.fields: Mapping[str, _Type] = entry["fields"]
        self._aliases: Mapping[str, str] = entry.get("aliases", {})
        self._layout = _layout_of(class_name.removeprefix("types."), is_streamed=is_streamed)
        # By their names, because most objects have the same ones as the object before.
        self._members = lru_cache(maxsize=64)(self._members_named)

    def __call__(self, data: Any, usage_asked: bool) -> Any:
        if type(data) is not dict:
            # The package takes a list of objects where it expects one.
            return [self(item, usage_asked) for item in data] if type(data) is list else data
        rebuilt = {}
        for name, name_on_wire, null, value in self._members(tuple(data)):
            item = data[name]
            if item is None:
                if null is None or not null(data, usage_asked):
                    continue
            elif value is not None:
                item = value(item, usage_asked)
            rebuilt[name_on_wire] = item
        return rebuilt

    def _members_named(self, names: tuple[str, ...]) -> list[_Member]:
        """Return how an object's members of these names are sent, in the order of the wire."""
        # A member that has another name on the wire may be there by both, as sent and as the class understood it.
        members = {self._aliases.get(name, name): name for name in names}
        members.update((name, name) for name in names if name not in self._aliases)
        known = [*_named(self._layout), *(self._aliases.get(name, name) for name in self.fields)]
        arranged = [name for name in _arranged([*known, *members], self._layout) if name in members]
        # Members that the class does not know stand in `__data__` in the order of the wire. A layout says only where.
        unknown = iter([name for name in names if name not in self.fields])
        arranged = [name if members[name] in self.fields else next(unknown) for name in arranged]
        return [self._member(members[name], name) for name in arranged]

    def _member(self, name: str, name_on_wire: str) -> _Member:
        if name not in self.fields:
            return _Member(name, name_on_wire, _always, None)
        is_integer = name in self._layout.integers.split()
        value = _as_integer if is_integer else _rebuild_of_type(self.fields[name])
        if name in self._layout.python_floats.split():
            value = _as_python_floats
        return _Member(name, name_on_wire, _null_rule(self._layout, name_on_wire), value)


# --- layouts ------------------------------------------------------------------------------------------------------


def _layout_of(class_name: str, *, is_streamed: bool) -> Layout:
    if is_streamed and class_name in STREAMED_LAYOUTS:
        return STREAMED_LAYOUTS[class_name]
    if class_name in LAYOUTS:
        return LAYOUTS[class_name]
    return next(layout for pattern, layout in LAYOUTS.items() if fnmatchcase(class_name, pattern))


def _named(layout: Layout) -> list[str]:
    return [name for name in layout.order.split() if name != OTHERS_BY_NAME]


def _arranged(names: Iterable[str], layout: Layout) -> list[str]:
    """Return the names, each once, in the order of a layout; names that it does not place keep their order."""
    names = dict.fromkeys(names)
    before, by_name, after = layout.order.partition(OTHERS_BY_NAME)
    first = [name for name in before.split() if name in names]
    last = [name for name in after.split() if name in names]
    others = [name for name in names if name not in first and name not in last]
    return [*first, *(sorted(others) if by_name else others), *last]


def _null_rule(layout: Layout, name: str) -> _NullRule | None:
    if name in layout.nulls.split():
        return _always
    if name in layout.nulls_if_usage_asked.split():
        return _if_usage_asked
    if name in layout.nulls_beside:
        return _beside(layout.nulls_beside[name])
    return None


def _always(_data: Mapping[str, Any], _usage_asked: bool) -> bool:
    return True


def _if_usage_asked(_data: Mapping[str, Any], usage_asked: bool) -> bool:
    return usage_asked


def _beside(other: str) -> _NullRule:
    return lambda data, _usage_asked: data.get(other) is not None


def _as_integer(data: Any, usage_asked: bool) -> Any:
    if type(data) is list:
        return [_as_integer(item, usage_asked) for item in data]
    return int(data) if is_whole(data) else data


# Smaller numbers than this are written with an exponent by Python.
_WITHOUT_EXPONENT = 1e-4


def _as_python_floats(data: Any, _usage_asked: bool) -> Any:
    if type(data) is not list:
        return data
    return [
        orjson.Fragment(repr(item)) if type(item) is float and 0 < abs(item) < _WITHOUT_EXPONENT else item
        for item in data
    ]


def is_whole(number: Any) -> bool:
    """Tell whether a float says nothing that an integer does not; minus zero does."""
    return type(number) is float and number.is_integer() and (number != 0 or copysign(1, number) > 0)


# --- types --------------------------------------------------------------------------------------------------------


def _rebuild_of_type(type_: _Type) -> Rebuild | None:
    """Return a function that rebuilds values of a type, None if the wire has them as `__data__` has."""
    variants = list(_variants(type_))
    of_object = _rebuild_of_classes([variant for variant in variants if isinstance(variant, str)])
    of_item = _rebuild_of_parts(variants, "list")
    of_member = _rebuild_of_parts(variants, "dict")
    if of_item is None and of_member is None:
        return of_object

    def rebuild_value(data: Any, usage_asked: bool) -> Any:
        if type(data) is list and of_item is not None:
            return [of_item(item, usage_asked) for item in data]
        if of_object is not None:
            return of_object(data, usage_asked)
        if type(data) is dict and of_member is not None:
            return {name: of_member(item, usage_asked) for name, item in data.items()}
        return data

    return rebuild_value


def _variants(type_: _Type) -> Iterator[_Type]:
    """Yield the variants of a type that have parts: classes, lists and dicts."""
    if isinstance(type_, str):
        if type_ in classes():
            yield type_
    elif "nullable" in type_:
        yield from _variants(type_["nullable"])
    elif "union" in type_:
        for variant in type_["union"]:
            yield from _variants(variant)
    elif "literal" not in type_:
        yield type_


def _rebuild_of_parts(variants: Iterable[_Type], kind: str) -> Rebuild | None:
    parts = [variant[kind] for variant in variants if isinstance(variant, dict) and kind in variant]
    return _rebuild_of_type({"union": parts}) if parts else None


def _rebuild_of_classes(names: list[str]) -> Rebuild | None:
    if len(names) < 2:
        return _object_of(names[0]) if names else None
    return _OneOf(names)


@cache
def _object_of(class_name: str) -> _ObjectOf:
    return _ObjectOf(class_name)


class _OneOf:
    """Rebuilds an object of one of several classes."""

    def __init__(self, names: list[str]) -> None:
        self._names = names
        self._leading = lru_cache(maxsize=64)(self._classes_with)

    def __call__(self, data: Any, usage_asked: bool) -> Any:
        if type(data) is list:
            return [self(item, usage_asked) for item in data]
        if type(data) is not dict:
            return data
        name = self._class_of(data)
        return data if name is None else _object_of(name)(data, usage_asked)

    def _class_of(self, data: Mapping[str, Any]) -> str | None:
        """Return the class of `data`, whose members come first in it."""
        candidates = [*self._leading(tuple(data)), *filter(_literals, self._names)]
        return next((name for name in candidates if _has_literals(data, name)), None)

    def _classes_with(self, members: tuple[str, ...]) -> list[str]:
        """Return the classes whose members come first in `members`, most members first."""
        fields = {name: tuple(_object_of(name).fields) for name in self._names}
        leading = [name for name in self._names if members[: len(fields[name])] == fields[name]]
        return sorted(leading, key=lambda name: len(fields[name]), reverse=True)


@cache
def _literals(class_name: str) -> Mapping[str, list[Any]]:
    """Return the members of a class that tell it from others, such as its `type`, with their allowed values."""
    types = _object_of(class_name).fields.items()
    return {name: type_["literal"] for name, type_ in types if isinstance(type_, dict) and "literal" in type_}


def _has_literals(data: Mapping[str, Any], class_name: str) -> bool:
    return all(data.get(name) in texts for name, texts in _literals(class_name).items())
