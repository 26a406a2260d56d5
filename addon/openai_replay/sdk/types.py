"""The types of the `openai` package's models, and the values that the package constructs from JSON of each.

The package builds an object in two ways and writes it down in a third, and so does every `Type` here:

- `construct` is `construct_type` of `openai/_models.py`: it takes any value, and a value of another type stays as
  it is. In a union, and so for every member that may be null, it first lets pydantic `validate`.
- `validate` is pydantic's validation in lax mode, which turns `"1"` into `1` where an integer belongs and picks the
  variant of a union by its smart mode. The source is `validators/*.rs` of pydantic-core.
- `serialize` is pydantic's `model_dump(mode="json")`, which looks at the type too: `true` where an integer belongs
  becomes `1`. The source is `serializers/type_serializers/*.rs` of pydantic-core.

`dump` is `construct` and `serialize` in one go, for all that is not in a union of several: there the value that was
constructed must be kept, because serialization tries it on each variant.

Theory of operation, with one example. `CompletionUsage` is to dump this object of another server:

    {"prompt_tokens": "3", "total_tokens": true, "prompt_tokens_details": {"cached_tokens": "1"}, "cost": 0.5}

1. `construct` of the model goes through its fields in the order of the class. `prompt_tokens` is an integer: nothing is
   validated, and `"3"` stays. `completion_tokens` is not there, and becomes null.
2. `prompt_tokens_details` may be null, so it is a union, and `validate` has its turn: pydantic turns `"1"` into 1.
3. `cost` is no field; it is kept behind the fields.
4. `serialize` looks at the types once more: `true` where an integer belongs becomes 1, and `"3"` is only warned about.

    {"completion_tokens": null, "prompt_tokens": "3", "total_tokens": 1, "completion_tokens_details": null,
     "prompt_tokens_details": {"audio_tokens": null, "cached_tokens": 1}, "cost": 0.5}

Rule: where the package would fail or lose something, nothing is raised and nothing lost here. NaN, infinities, and
texts that spell them, stay unchanged; a member called `_fields_set` is kept like every other unknown member; an
integer too large for a float stays an integer, and lone surrogates in the names of members stay too.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum
from functools import cached_property
from typing import Any

from .lax_values import (
    Invalid,
    boolean_from_number,
    boolean_from_text,
    float_from_text,
    integer_from_float,
    integer_from_text,
)

# JSON with constructed models in it.
type Value = Any


class Exactness(IntEnum):
    """How well a validated value fitted its type, the better the higher."""

    LAX = 0
    STRICT = 1
    EXACT = 2


class Check(Enum):
    """How much serialization insists on the type; a union tries its variants with a check, all else goes without."""

    NONE = 0
    LAX = 1
    STRICT = 2


class Unexpected(Exception):
    """A value is not of the type that serialization checks it against."""


@dataclass(slots=True)
class Match:
    """How well a value fits a variant of a union, as pydantic's smart mode compares it."""

    exactness: Exactness = Exactness.EXACT
    members_set: int | None = None

    def floor(self, exactness: Exactness) -> None:
        """Lower the exactness to that of a part, where it is lower."""
        if exactness < self.exactness:
            self.exactness = exactness

    def add_members(self, count: int) -> None:
        """Count members of a model that the value sets."""
        self.members_set = (self.members_set or 0) + count

    def include(self, part: Match) -> None:
        """Take over how well a part of the value fitted."""
        self.floor(part.exactness)
        if part.members_set is not None:
            self.add_members(part.members_set)

    def is_better_than(self, earlier: Match) -> bool:
        """Return whether smart mode prefers this match to an earlier one."""
        ours, theirs = self.members_set, earlier.members_set
        if ours is not None and theirs is not None and ours != theirs:
            return ours > theirs
        return self.exactness > earlier.exactness


@dataclass(slots=True)
class Instance:
    """An object of one of the package's classes: a value for each of its members, and the unknown ones."""

    model: Model
    values: list[Value]
    extra: dict[str, Value]


class Type(ABC):
    """A type of the package; the module's docstring explains the methods."""

    # Whether a union gives serialization a second try, with `Check.LAX`, on account of this type.
    has_lax_check = False

    def dump(self, value: Value) -> Value:
        """Return the JSON of the object that the package constructs from a JSON value."""
        return value

    def construct(self, value: Value) -> Value:
        """Return the object that the package constructs from a JSON value; a value of another type stays as it is."""
        return value

    @abstractmethod
    def validate(self, value: Value, match: Match) -> Value:
        """Return the value as the type has it, and lower `match` by each conversion. Raises Invalid."""

    @abstractmethod
    def serialize(self, value: Value, check: Check) -> Value:
        """Return the JSON of a value. Raises Unexpected, but never with `Check.NONE` or for null."""


def infer(value: Value, check: Check) -> Value:
    """Return the JSON of a value of any type."""
    if isinstance(value, Instance):
        return value.model.serialize(value, check)
    if isinstance(value, list):
        return [infer(item, check) for item in value]
    if isinstance(value, dict):
        return {name: infer(item, check) for name, item in value.items()}
    return value


def fall_back(value: Value, check: Check) -> Value:
    """Return the JSON of a value that is not of its type. Raises Unexpected where that is checked, but not for null."""
    if check is not Check.NONE and value is not None:
        raise Unexpected
    return infer(value, check)


# --- types without parts ------------------------------------------------------------------------------------------


class Text(Type):
    """`str`."""

    def validate(self, value: Value, match: Match) -> Value:
        if type(value) is str:
            return value
        raise Invalid

    def serialize(self, value: Value, check: Check) -> Value:
        return value if type(value) is str else fall_back(value, check)


class Integer(Type):
    """`int`."""

    has_lax_check = True

    def dump(self, value: Value) -> Value:
        return int(value) if type(value) is bool else value

    def validate(self, value: Value, match: Match) -> Value:
        if type(value) is int:
            return value
        match.floor(Exactness.LAX)
        if type(value) is bool:
            return int(value)
        if type(value) is float:
            return integer_from_float(value)
        if type(value) is str:
            return integer_from_text(value)
        raise Invalid

    def serialize(self, value: Value, check: Check) -> Value:
        if type(value) is int:
            return value
        if type(value) is bool and check is not Check.STRICT:
            return int(value)
        return fall_back(value, check)


class Float(Type):
    """`float`."""

    def dump(self, value: Value) -> Value:
        return value if type(value) is float else self.serialize(value, Check.NONE)

    def construct(self, value: Value) -> Value:
        if isinstance(value, int) and (number := _as_float(value)) == value:
            return number
        return value

    def validate(self, value: Value, match: Match) -> Value:
        if type(value) is float:
            return value
        match.floor(Exactness.STRICT if type(value) is int else Exactness.LAX)
        if isinstance(value, int) and (number := _as_float(value)) is not None:
            return number
        if type(value) is str:
            number = float_from_text(value)
            # JSON has no infinity and no NaN: such a number stays text, as it came.
            return number if math.isfinite(number) else value
        raise Invalid

    def serialize(self, value: Value, check: Check) -> Value:
        if type(value) is float:
            return value
        if isinstance(value, int) and check is not Check.STRICT and (number := _as_float(value)) is not None:
            return number
        return fall_back(value, check)


def _as_float(number: int) -> float | None:
    """Return the float nearest to an integer, None if the integer is too large for one."""
    try:
        return float(number)
    except OverflowError:
        return None


class Boolean(Type):
    """`bool`."""

    def validate(self, value: Value, match: Match) -> Value:
        if type(value) is bool:
            return value
        match.floor(Exactness.LAX)
        if type(value) is str:
            return boolean_from_text(value)
        if type(value) is int or type(value) is float:
            return boolean_from_number(value)
        raise Invalid

    def serialize(self, value: Value, check: Check) -> Value:
        return value if type(value) is bool else fall_back(value, check)


class Literal(Type):
    """One of some texts and integers."""

    def __init__(self, expected: list[str | int]) -> None:
        self.texts = frozenset(item for item in expected if type(item) is str)
        # By value, because the `24000.0` that is taken for `24000` also becomes it.
        self._integers: dict[float, int] = {item: item for item in expected if type(item) is int}

    def validate(self, value: Value, match: Match) -> Value:
        if type(value) is str and value in self.texts:
            return value
        if isinstance(value, int | float) and value in self._integers:
            return self._integers[value]
        raise Invalid

    def serialize(self, value: Value, check: Check) -> Value:
        expected = (
            value in self.texts if type(value) is str else type(value) is int and value in self._integers
        )
        return value if expected else fall_back(value, check)


class Anything(Type):
    """`object`."""

    def validate(self, value: Value, match: Match) -> Value:
        match.floor(Exactness.STRICT)
        return value

    def serialize(self, value: Value, check: Check) -> Value:
        return infer(value, check)


# --- types with parts ---------------------------------------------------------------------------------------------


class ListOf(Type):
    """`List` of one type."""

    def __init__(self, item: Type) -> None:
        self._item = item

    @cached_property
    def has_lax_check(self) -> bool:  # type: ignore[override]  # a union among the items cannot tell at once
        return self._item.has_lax_check

    def dump(self, value: Value) -> Value:
        return [self._item.dump(item) for item in value] if type(value) is list else value

    def construct(self, value: Value) -> Value:
        return [self._item.construct(item) for item in value] if type(value) is list else value

    def validate(self, value: Value, match: Match) -> Value:
        if type(value) is not list:
            raise Invalid
        return [self._item.validate(item, match) for item in value]

    def serialize(self, value: Value, check: Check) -> Value:
        if type(value) is not list:
            return fall_back(value, check)
        return [self._item.serialize(item, check) for item in value]


class DictOf(Type):
    """`Dict` from `str` to one type."""

    def __init__(self, item: Type) -> None:
        self._item = item

    def dump(self, value: Value) -> Value:
        if type(value) is not dict:
            return value
        return {name: self._item.dump(item) for name, item in value.items()}

    def construct(self, value: Value) -> Value:
        if type(value) is not dict:
            return value
        return {name: self._item.construct(item) for name, item in value.items()}

    def validate(self, value: Value, match: Match) -> Value:
        if type(value) is not dict:
            raise Invalid
        return {name: self._item.validate(item, match) for name, item in value.items()}

    def serialize(self, value: Value, check: Check) -> Value:
        if type(value) is not dict:
            return fall_back(value, check)
        return {name: self._item.serialize(item, check) for name, item in value.items()}


class Nullable(Type):
    """`Optional` of one type, which may be a union."""

    def __init__(self, inner: Type) -> None:
        self._inner = inner

    @cached_property
    def has_lax_check(self) -> bool:  # type: ignore[override]  # see ListOf
        return self._inner.has_lax_check

    def dump(self, value: Value) -> Value:
        if value is None:
            return None
        try:
            return self._inner.serialize(self._inner.validate(value, _UNCOMPARED), Check.NONE)
        except Invalid:
            return self._inner.dump(value)

    def construct(self, value: Value) -> Value:
        try:
            return self.validate(value, Match())
        except Invalid:
            return self._inner.construct(value)

    def validate(self, value: Value, match: Match) -> Value:
        return None if value is None else self._inner.validate(value, match)

    def serialize(self, value: Value, check: Check) -> Value:
        return self._inner.serialize(value, check)


# For a value outside of unions: nothing compares how well it fits.
_UNCOMPARED = Match()


class Union(Type):
    """One of several types; `tag` is the member whose literal tells the models among them apart."""

    def __init__(self, choices: list[Type], tag: str | None) -> None:
        self._choices = choices
        self.tag = tag

    @cached_property
    def has_lax_check(self) -> bool:  # type: ignore[override]  # see ListOf
        return any(choice.has_lax_check for choice in self._choices)

    @cached_property
    def models_by_tag(self) -> dict[str, Model]:
        """The choice for each value of the tag; empty where there is no tag."""
        models = [choice for choice in self._choices if isinstance(choice, Model)]
        return {text: model for model in models if self.tag for text in model.required_texts(self.tag)}

    def tagged(self, value: Mapping[str, Value]) -> Model | None:
        """Return the model that the value's tag names, if it names one."""
        text = value.get(self.tag) if self.tag else None
        return self.models_by_tag.get(text) if isinstance(text, str) else None

    def dump(self, value: Value) -> Value:
        return self.serialize(self.construct(value), Check.NONE)

    def construct(self, value: Value) -> Value:
        try:
            return self.validate(value, Match())
        except Invalid:
            # The package then goes by the tag, and without one takes the first choice in any case.
            model = self.tagged(value) if type(value) is dict else None
            return (model or self._choices[0]).construct(value)

    def validate(self, value: Value, match: Match) -> Value:
        """Return the value of the best-fitting choice, of equally good ones the first."""
        best: tuple[Value, Match] | None = None
        for choice in self._choices:
            choice_match = Match()
            try:
                validated = choice.validate(value, choice_match)
            except Invalid:
                continue
            if best is None or choice_match.is_better_than(best[1]):
                best = validated, choice_match
        if best is None:
            raise Invalid
        match.include(best[1])
        return best[0]

    def serialize(self, value: Value, check: Check) -> Value:
        if check is not Check.NONE:
            return self._serialize_checked(value, check)
        for tried in (Check.STRICT, Check.LAX) if self.has_lax_check else (Check.STRICT,):
            try:
                return self._serialize_checked(value, tried)
            except Unexpected:
                pass
        return infer(value, check)

    def _serialize_checked(self, value: Value, check: Check) -> Value:
        """Return the value of the first choice that accepts it."""
        for choice in self._choices:
            try:
                return choice.serialize(value, check)
            except Unexpected:
                pass
        raise Unexpected


@dataclass(frozen=True, slots=True)
class Member:
    """A field of a class: its name there, its name on the wire, its type, and whether the wire must have it."""

    name: str
    key: str
    type: Type
    required: bool

    def validate(self, value: dict[str, Value], match: Match) -> Value:
        if self.key in value:
            return self.type.validate(value[self.key], match)
        if self.required:
            raise Invalid
        return None


class Model(Type):
    """A class of the package: its members in order, and behind them the unknown ones in the order they came in."""

    has_lax_check = True

    def __init__(self, name: str, read_members: Callable[[], list[Member]]) -> None:
        self.name = name
        self._read_members = read_members

    @cached_property
    def members(self) -> list[Member]:
        # Read on first use, because models refer to each other, and to themselves.
        return self._read_members()

    @cached_property
    def _names(self) -> list[str]:
        return [member.name for member in self.members]

    @cached_property
    def _keys(self) -> frozenset[str]:
        return frozenset(member.key for member in self.members)

    @cached_property
    def _dumpers(self) -> list[tuple[str, str, Callable[[Value], Value]]]:
        return [(member.name, member.key, member.type.dump) for member in self.members]

    @cached_property
    def _constructors(self) -> list[tuple[str, Callable[[Value], Value]]]:
        return [(member.key, member.type.construct) for member in self.members]

    @cached_property
    def _serializers(self) -> list[Callable[[Value, Check], Value]]:
        return [member.type.serialize for member in self.members]

    def required_texts(self, member_name: str) -> frozenset[str]:
        """Return the texts of the literal that the required member of this name must be."""
        for member in self.members:
            if member.name == member_name and member.required and isinstance(member.type, Literal):
                return member.type.texts
        return frozenset()

    def dump(self, value: Value) -> Value:
        if type(value) is dict:
            return self._dump_object(value)
        if type(value) is list:
            return [self._dump_object(item) if type(item) is dict else item for item in value]
        return value

    def _dump_object(self, value: dict[str, Value]) -> Value:
        dumped = {
            # Null, which is every member's default, is never constructed.
            name: None if (item := value.get(key)) is None else dump(item)
            for name, key, dump in self._dumpers
        }
        if not value.keys() <= dumped.keys():
            dumped.update(_without(self._names, value))
        return dumped

    def construct(self, value: Value) -> Value:
        if type(value) is dict:
            return self._instance(value)
        if type(value) is list:
            return [self._instance(item) if type(item) is dict else item for item in value]
        return value

    def _instance(self, value: dict[str, Value]) -> Instance:
        values = [
            None if (item := value.get(key)) is None else construct(item)
            for key, construct in self._constructors
        ]
        # By the name in the class even where the wire has another one: so the package keeps both.
        return Instance(self, values, _without(self._names, value))

    def validate(self, value: Value, match: Match) -> Value:
        if type(value) is not dict:
            raise Invalid
        match.floor(Exactness.STRICT)
        values = [member.validate(value, match) for member in self.members]
        match.add_members(len(self._keys & value.keys()))
        return Instance(self, values, _without(self._keys, value))

    def serialize(self, value: Value, check: Check) -> Value:
        if type(value) is not Instance or value.model is not self:
            return fall_back(value, check)
        dumped = {
            name: serialize(item, check)
            for name, serialize, item in zip(self._names, self._serializers, value.values, strict=True)
        }
        dumped.update(value.extra)
        return dumped


def _without(known: list[str] | frozenset[str], value: dict[str, Value]) -> dict[str, Value]:
    return {name: item for name, item in value.items() if name not in known}


# --- the table ----------------------------------------------------------------------------------------------------


class Types:
    """The types of a table; each class is made once, on first use."""

    def __init__(self, classes: Mapping[str, Any]) -> None:
        """Take the table's `classes`; scripts/generate_envelopes explains their members."""
        self._classes = classes
        self._models: dict[str, Model] = {}

    def model(self, name: str) -> Model:
        """Return the class of a name. Raises KeyError for a name that is not in the table."""
        if name not in self._models:
            entry = self._classes[name]
            self._models[name] = Model(name, lambda: self._members(entry))
        return self._models[name]

    def _members(self, entry: Mapping[str, Any]) -> list[Member]:
        aliases, optional = entry.get("aliases", {}), entry.get("optional", ())
        return [
            Member(name, aliases.get(name, name), self.type(type_), name not in optional)
            for name, type_ in entry["fields"].items()
        ]

    def type(self, entry: Any) -> Type:
        """Return the type that an entry of the table describes."""
        if isinstance(entry, str):
            return _LEAVES[entry]() if entry in _LEAVES else self.model(entry)
        if "literal" in entry:
            return Literal(entry["literal"])
        if "list" in entry:
            return ListOf(self.type(entry["list"]))
        if "dict" in entry:
            return DictOf(self.type(entry["dict"]))
        if "nullable" in entry:
            return Nullable(self.type(entry["nullable"]))
        return Union([self.type(choice) for choice in entry["union"]], entry.get("tag"))


_LEAVES: dict[str, type[Type]] = {
    "str": Text,
    "int": Integer,
    "float": Float,
    "bool": Boolean,
    "object": Anything,
}
