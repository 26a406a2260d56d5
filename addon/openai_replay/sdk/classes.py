"""Find the class of the `openai` package for a JSON object, and dump the object as that class does.

Rule: all knowledge of the API is in the generated `classes.json`, and all knowledge of how the package builds
its objects in `types.py`; nothing here names a class or a path. `scripts/generate_envelopes` makes the table from
openai 2.8.1, the reference version of the recording format.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import orjson

from ..format.recording import JSON
from .types import Instance, Model, Type, Types, Union

_TABLE = Path(__file__).with_name("classes.json")

# The table's class names are without it.
_PACKAGE = "openai."

# The member by which the package tells the events of an assistant's stream apart. It is not in their data: it is the
# name of the server-sent event, and the package makes an object of the two.
_EVENT = "event"

_ANY = "{}"
_VERSION = re.compile(r"v[0-9]+[a-z0-9]*")
_API_NAMES = frozenset({"openai", "openapi"})


def class_for(
    method: str, endpoint: str, wire: JSON, *, streamed: bool, event: str | None = None
) -> str | None:
    """Return the dotted name of the class that models an object of an answer, or None where the package has none.

    `endpoint` is the path of the request, with any prefix of the host before the API's path; `wire` is the JSON
    object, or with `streamed` the data of one event of the stream, and `event` the name of that event, which is only
    looked at for the streams of assistants.

    Among the classes of an operation the one is chosen that the package chooses: by the tag, such as an event's
    `type`, where there is one, and else by the best fit (three classes model a transcription). None is the answer
    for values that are no objects, for lists and pages (see `item_class_for`), for an unknown tag, and
    for an event with an `error`, of which the package makes no object but raises it.
    """
    operation = _operation(method, endpoint)
    if operation is None or not isinstance(wire, dict):
        return None
    if not streamed:
        return _class_name(operation.object, wire)
    if _is_named_by_event(operation.events):
        return _class_name(operation.events, {_EVENT: event})
    return None if wire.get("error") else _class_name(operation.events, wire)


def item_class_for(endpoint: str) -> str | None:
    """Return the dotted name of the class of the items that `GET endpoint` lists, or None if there is not one."""
    operation = _operation("GET", endpoint)
    return (
        _class_name(operation.items, {})
        if operation is not None and isinstance(operation.items, Model)
        else None
    )


def is_named_by_event(class_name: str) -> bool:
    """Return whether objects of a class are a whole server-sent event: its name as `event` and its data as `data`."""
    return class_name in _classes_named_by_event()


def dump(class_name: str, wire: JSON, *, event: str | None = None) -> JSON:
    """Return a JSON object as its class dumps it, and another value as it is.

    It equals `construct_type(value=wire, type_=Class).model_dump(mode="json")` of openai 2.8.1: the members
    in the order of the class, null where the wire has none, then the members that the class does not know, in the
    order of the wire. For the classes that `is_named_by_event`, `wire` is the event's data and `event` its name.
    `types.py` says where the two differ, because the package would fail or lose something.

    Raises KeyError for a class that is not in the table, and nothing else.
    """
    model = _types().model(class_name.removeprefix(_PACKAGE))
    value: JSON = (
        {"data": wire, _EVENT: event} if event is not None and is_named_by_event(class_name) else wire
    )
    if not isinstance(value, dict):
        return wire
    try:
        dumped: JSON = model.dump(value)
    except RecursionError:
        # Nested deeper than the interpreter goes, and so deeper than the package goes: better as it came than not.
        return value
    return dumped


# --- the operations -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Operation:
    """A call of the API: its path, `{}` for each parameter, and the types that its answers have."""

    method: str
    path: tuple[str, ...]
    object: Type | None
    events: Type | None
    items: Type | None

    def matches(self, method: str, segments: list[str]) -> bool:
        """Tell whether a request is this operation, by its method and the segments of its path."""
        if method != self.method or len(segments) != len(self.path):
            return False
        parts = zip(self.path, segments, strict=True)
        return all(segment == part or (part == _ANY and segment) for part, segment in parts)

    def may_follow(self, prefix: list[str]) -> bool:
        """Tell whether the host's prefix of the path makes it likely that the path is this one.

        Two fixed segments, `chat/completions`, are enough of a sign. A single one, `embeddings`, is also at the end
        of paths that mean something else, and must come behind a version, the API's name or a deployment's.
        """
        if not prefix or _VERSION.fullmatch(prefix[-1]) or prefix[-1] in _API_NAMES:
            return True
        return prefix[-2:-1] == ["deployments"] or (len(self.path) > 1 and _ANY not in self.path[:2])


@lru_cache(maxsize=256)
def _operation(method: str, endpoint: str) -> Operation | None:
    """Return the operation whose path the endpoint ends in; the longest path wins."""
    segments = endpoint.partition("?")[0].strip("/").split("/")
    for start in range(len(segments)):
        for operation in _operations():
            if operation.matches(method, segments[start:]) and operation.may_follow(segments[:start]):
                return operation
    return None


@cache
def _operations() -> list[Operation]:
    """Return the table's operations, fewer parameters first: `threads/runs` before `threads/{}`."""
    operations = [_read_operation(name, types) for name, types in _table()["operations"].items()]
    return sorted(operations, key=lambda operation: operation.path.count(_ANY))


def _read_operation(name: str, types: Mapping[str, Any]) -> Operation:
    method, path = name.split()
    parts = (types.get(part) for part in ("object", "events", "items"))
    return Operation(
        method, tuple(path.strip("/").split("/")), *(part and _types().type(part) for part in parts)
    )


def _class_name(type_: Type | None, value: dict[str, Any]) -> str | None:
    """Return the name of the class that a value of a type is of."""
    model = type_
    if isinstance(type_, Union):
        model = type_.tagged(value) if type_.tag else _best_fitting(type_, value)
    return _PACKAGE + model.name if isinstance(model, Model) else None


def _best_fitting(union: Union, value: dict[str, Any]) -> Model | None:
    instance = union.construct(value)
    return instance.model if isinstance(instance, Instance) else None


def _is_named_by_event(type_: Type | None) -> bool:
    return isinstance(type_, Union) and type_.tag == _EVENT


@cache
def _classes_named_by_event() -> frozenset[str]:
    unions = [operation.events for operation in _operations() if isinstance(operation.events, Union)]
    models = [model for union in unions if union.tag == _EVENT for model in union.models_by_tag.values()]
    return frozenset(_PACKAGE + model.name for model in models)


# --- the table ----------------------------------------------------------------------------------------------------


@cache
def _table() -> dict[str, Any]:
    # Read on first use: a run that neither records nor replays need not wait for it.
    table: dict[str, Any] = orjson.loads(_TABLE.read_bytes())
    return table


def classes() -> Mapping[str, Any]:
    """Return the table's entry of each class: {name without `openai.`: {"fields": {member: type}, …}}."""
    described: Mapping[str, Any] = _table()["classes"]
    return described


@cache
def literals() -> frozenset[str]:
    """Return the literals of the table, such as the values of `type`, as text: they may tell classes apart."""
    return frozenset(_literals(_table()))


def _literals(entry: Any) -> Iterator[str]:
    if isinstance(entry, list):
        for item in entry:
            yield from _literals(item)
    elif isinstance(entry, dict):
        for name, item in entry.items():
            yield from map(str, item) if name == "literal" else _literals(item)


@cache
def _types() -> Types:
    return Types(classes())
