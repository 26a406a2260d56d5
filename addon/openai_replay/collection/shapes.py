"""Shapes of answers, for finding API drift: members, their types, events and classes of errors, without texts.

A shape is a set of places with types. Items of a list share one place; items with a `type` member share a place with
items of the same type: `output[message].content[output_text].text`. Events of a stream are items with a type, too.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..format.recording import JSON
from ..wire import sse

# Members that a model's choice brings or leaves out, in the place of each other.
_BY_CONTENT = frozenset(
    [
        "content",
        "tool_calls",
        "function_call",
        "refusal",
        "reasoning_content",
        "reasoning",
        "annotations",
        "audio",
        "logprobs",
        "role",
    ]
)

# Events that a model's choice brings or leaves out: `response.refusal.delta` in place of `response.output_text.delta`.
_CHOSEN_EVENT = re.compile(
    r"\[response\.(?:output_text|refusal|audio|reasoning|function_call|custom_tool_call|mcp|web_search|file_search"
    r"|code_interpreter|image_generation|content_part)[^.\]]*\..*\]"
)

# Events that keep a connection open.
_HEARTBEATS = frozenset(("keepalive", "ping"))

# Objects whose members have names of a user's, or are words of a model.
_MAPS = frozenset(("metadata", "attributes", "logit_bias", "variables", "top_logprobs"))

_NULL = "null"


@dataclass(frozen=True, slots=True)
class Shape:
    """A shape: the types of each place, and the status with the API's class of error."""

    status: str
    types: Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """One change between recorded and live answers: `kind` is new, gone, type or status."""

    kind: str
    place: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.place}{f' ({self.detail})' if self.detail else ''}"


def shape_of(status: int, content_type: str, body: bytes) -> Shape:
    """Return the shape of an answer; of a body that is neither JSON nor events, its status and its type alone."""
    types: dict[str, set[str]] = defaultdict(set)
    if "text/event-stream" in content_type:
        for event in _events(body):
            if _kind(event) not in _HEARTBEATS:
                _note(types, f"[{_kind(event)}]", event)
        return Shape(str(status), _frozen(types))
    try:
        value: JSON = json.loads(body)
    except ValueError:
        return Shape(str(status), {"$": frozenset((content_type.partition(";")[0],))})
    if status >= 400:
        return Shape(f"{status} {_error_class(value)}".strip(), {})
    _note(types, "", value)
    return Shape(str(status), _frozen(types))


def _frozen(types: Mapping[str, set[str]]) -> dict[str, frozenset[str]]:
    return {place: frozenset(kinds) for place, kinds in types.items()}


def _events(body: bytes) -> Iterator[JSON]:
    parser = sse.Parser()
    for event in (*parser.feed(body), *parser.close()):
        if event.data is not None and event.data != sse.DONE:
            try:
                yield json.loads(sse.readable(event.data))
            except ValueError:
                continue


def _error_class(value: JSON) -> str:
    error = value.get("error") if isinstance(value, dict) else None
    names = [error.get(name) for name in ("type", "code")] if isinstance(error, dict) else []
    return " ".join(name for name in names if isinstance(name, str))


def _kind(item: JSON) -> str:
    kind = item.get("type") if isinstance(item, dict) else None
    return kind if isinstance(kind, str) else ""


def _note(types: dict[str, set[str]], place: str, value: JSON, name: str = "") -> None:
    """Take note of the types of a value and of all in it; `name` is the member that it, or the list around it, is."""
    types[place or "$"].add(_type(value))
    if isinstance(value, dict):
        if _is_map(name, value):
            return
        for member, item in value.items():
            _note(types, f"{place}.{member}" if place else member, item, member)
    elif isinstance(value, list):
        for item in value:
            _note(types, f"{place}[{_kind(item)}]", item, name)


def _is_map(name: str, value: dict[str, JSON]) -> bool:
    """Tell whether the names of an object's members say nothing of its shape."""
    return name in _MAPS and all(isinstance(item, str | int | float | None) for item in value.values())


def _type(value: JSON) -> str:
    names: dict[type, str] = {
        dict: "object",
        list: "list",
        str: "text",
        bool: "truth value",
        type(None): _NULL,
    }
    return names.get(type(value), "number")


# --- comparison ---


def changes(recorded: Sequence[Shape], live: Sequence[Shape]) -> list[Change]:
    """Return the changes between recorded and live answers of one operation.

    A place is new if a live answer has it and no recorded answer, and gone if all recorded answers have it and no live
    answer. It counts only where its surroundings are on both sides, because models choose their words and tools.
    """
    found = [*_changes_of_status(recorded, live)]
    before = [shape for shape in recorded if shape.types]
    after = [shape for shape in live if shape.types]
    if before and after:
        found += _new(before, after)
        found += _gone(before, after)
        found += _retyped(before, after)
    return sorted(set(found))


def _changes_of_status(recorded: Iterable[Shape], live: Iterable[Shape]) -> Iterator[Change]:
    for one, other in zip(recorded, live, strict=True):
        if one.status != other.status:
            yield Change("status", other.status, f"was {one.status}")


def _places(shapes: Iterable[Shape]) -> set[str]:
    return {place for shape in shapes for place in shape.types}


def _new(before: Sequence[Shape], after: Sequence[Shape]) -> Iterator[Change]:
    known = _places(before)
    for place in _places(after) - known:
        if _counts(place, known):
            yield Change("new", place)


def _gone(before: Sequence[Shape], after: Sequence[Shape]) -> Iterator[Change]:
    left = _places(after)
    always = set.intersection(*({*shape.types} for shape in before))
    for place in always - left:
        if _counts(place, left):
            yield Change("gone", place)


def _counts(place: str, others: set[str]) -> bool:
    """Tell whether a place of one side alone is a change: its parent is on the other side, and no model chose it."""
    parent, name = _split(place)
    if name.endswith("]") and (parent or _is_chosen(name, others)):
        return False  # another kind of item in a list
    return name not in _BY_CONTENT and (not parent or parent in others)


def _is_chosen(event: str, others: set[str]) -> bool:
    """Tell whether a model's choice explains that an event is on one side alone: so are all events of its subject."""
    match = _CHOSEN_EVENT.fullmatch(event)
    if match is None:
        return False
    subject = event[: event.index(".", len("[response.")) + 1]
    return "annotation" in event or not any(other.startswith(subject) for other in others)


def _split(place: str) -> tuple[str, str]:
    """Split a place into its parent and its name: `a[b].c` into `a[b]` and `c`, `a[b]` into `a` and `[b]`."""
    start = place.rfind("[")
    if place.endswith("]") and start >= 0:
        return place[:start], place[start:]
    parent, _, name = place.rpartition(".")
    # A kind may have full stops, as in [response.created].
    if parent.count("[") > parent.count("]"):
        return "", place
    return parent, name


def _retyped(before: Sequence[Shape], after: Sequence[Shape]) -> Iterator[Change]:
    for place in _places(before) & _places(after):
        old, new = _types_at(place, before), _types_at(place, after)
        if old and new and old.isdisjoint(new):
            yield Change("type", place, f"{', '.join(sorted(new))}, was {', '.join(sorted(old))}")


def _types_at(place: str, shapes: Iterable[Shape]) -> set[str]:
    return {kind for shape in shapes for kind in shape.types.get(place, ()) if kind != _NULL}
