"""`types` against the `openai` package, on small classes that combine features of many classes of the package."""

# ruff: noqa: UP007, UP045  # the package's own types are written so, and it cannot deal with `X | Y` everywhere

from __future__ import annotations

import copy
import json
import os
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Annotated, Any, Literal, Optional, Union

import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai._models import BaseModel, construct_type
from openai._utils import PropertyInfo
from pydantic import Field

from openai_replay.sdk.types import Model, Types

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "generate_envelopes"
DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"

# The package warns of every value that is not of its type.
pytestmark = pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning")


class Narrow(BaseModel):
    a: int
    b: Optional[str] = None


class Wide(BaseModel):
    a: Union[float, int]
    b: Optional[bool] = None
    c: Optional[Narrow] = None


class Nested(BaseModel):
    inner: Narrow
    c: Union[Narrow, Wide, str, None]
    d: Optional[list[Union[int, str]]] = None


class Listing(BaseModel):
    a: list[object]


class Counting(BaseModel):
    a: list[int]


class Renamed(BaseModel):
    a_: int = Field(alias="a")
    b_: Optional[str] = Field(alias="b", default=None)


class Measured(BaseModel):
    a: float


class Shallow(BaseModel):
    c: object


class Deep(BaseModel):
    c: Union[Narrow, str]


class Checked(BaseModel):
    """One that serialization looks through with growing patience, which its `numbers` show."""

    kind: Literal["checked"]
    integer: int
    number: float
    numbers: Union[float, int]
    missing: str


class Red(BaseModel):
    type: Literal["red"]
    a: int


class Blue(BaseModel):
    type: Literal["blue", "navy"]
    a: Optional[float] = None
    c: Optional[Union[Narrow, Wide, bool]] = None


class Recursive(BaseModel):
    inner: Optional[Recursive] = None
    c: list[Union[Recursive, object]]


TagUnion = Annotated[Union[Red, Blue], PropertyInfo(discriminator="type")]


class Root(BaseModel):
    """Each member is one question about how a union chooses, or how the choice is serialized.

    No two unions differ in their order alone: the package takes such for the same, and the one it meets first decides.
    """

    narrow_or_wide: Union[Narrow, Wide]
    wide_or_narrow: Union[Wide, Narrow, None]
    nested: Union[Narrow, Nested, Wide]
    one_of_all: Union[str, Nested, list[Wide], Narrow]
    lists: Union[Listing, Counting]
    counts: Union[Counting, Listing, None]
    list_or_one: Union[list[Narrow], Narrow]
    anything: Union[Narrow, object]
    anything_first: Union[object, Narrow, None]
    anything_measured: Union[Measured, object]
    shallow_or_deep: Union[Shallow, Deep]
    checked: Union[Checked, str]
    renamed: Union[Renamed, Narrow]
    tagged: TagUnion
    maybe_tagged: Optional[TagUnion] = None
    tags: list[TagUnion]
    recursive: Recursive
    maybe_recursive: Optional[Recursive] = None
    numbers: Union[float, int]
    integers: Union[int, float, None]
    texts: Union[int, bool, str]
    truth: Union[bool, int, None]
    fixed: Union[Literal[24000], str]
    only: Optional[Literal[24000, "a"]] = None
    many: Union[list[int], list[str]]
    ints: Union[str, list[int]]
    named: dict[str, Union[Narrow, int]]
    either: Union[dict[str, object], dict[str, int], None]
    counted: Union[dict[str, int], str]
    plain: Narrow
    maybe: Optional[Narrow] = None
    integer: int
    number: float
    maybe_integer: Optional[int] = None
    maybe_number: Optional[float] = None


def types_of(model: type[BaseModel]) -> Model:
    """Return the class as the table describes it."""
    loader = SourceFileLoader("generate_envelopes", str(SCRIPT))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    generator = module_from_spec(spec)
    loader.exec_module(generator)
    classes = generator.Classes()
    name = classes.name_of(model)
    return Types(classes.write_down()).model(name)


ROOT = types_of(Root)

SMALL = [None, True, False, 0, 1, 1.0, 0.5, 24000.0, 2**53 + 1, "", "a", "1"]
SMALL_VALUES = [
    *SMALL,
    *([one, other] for one in SMALL for other in SMALL),
    *({"a": one, "b": other} for one in SMALL for other in SMALL),
]

TELLING_VALUES: list[Any] = [
    # More members count for more than an earlier place or a better fit, and so do members of members.
    {"a": 1, "c": {"a": 1}},
    {"a": 1, "b": "yes", "c": None},
    {"a": 1.5, "b": "yes", "c": {"a": "1", "b": "x"}},
    {"a": 1, "inner": {"a": 1}, "c": "a"},
    {"inner": {"a": "1"}, "c": {"a": 1}, "d": [1, "1", True]},
    {"c": {"a": 1}},
    {"c": {"a": 1, "b": None, "x": 1}},
    {"a": [1, 2]},
    {"a": ["1", True]},
    [{"a": 1}, {"a": "1"}, 1],
    # A tag counts only for values that nothing else validates, and the first choice is taken without one.
    {"type": "red", "a": "x"},
    {"type": "blue", "a": [], "c": {"a": "x"}},
    {"type": "green", "a": True},
    {"type": "navy", "a": 1, "c": True},
]

# The serialized `numbers` depend on how strictly serialization checks, and so on the neighbours.
CHECKED_VALUES: list[Any] = [
    {"kind": "checked", "integer": 1, "number": 1, "numbers": 1},
    {"kind": "checked", "integer": True, "number": 1, "numbers": 1},
    {"kind": "checked", "integer": 1, "number": 2**53 + 1, "numbers": 1},
    {"kind": "other", "integer": True, "number": 1, "numbers": 1},
    {"kind": "checked", "integer": True, "number": "x", "numbers": 1},
]

SCALARS = st.sampled_from(SMALL)
NAMES = st.sampled_from(["a", "b", "c", "inner", "d", "type", "x", "a_", "b_"])
INNERS = st.fixed_dictionaries({"a": SCALARS}, optional={"b": SCALARS, "c": SCALARS, "x": SCALARS})
# Objects that come near to being of one of the classes, more often than chance would have it.
OBJECTS = st.fixed_dictionaries(
    {"a": SCALARS | st.lists(SCALARS, max_size=3)},
    optional={
        "b": SCALARS,
        "c": INNERS | SCALARS,
        "inner": INNERS,
        "d": st.lists(SCALARS, max_size=2),
        "type": st.sampled_from(["red", "blue", "navy", "green"]),
    },
)
RECURSIVE = st.recursive(
    st.fixed_dictionaries({"c": st.lists(SCALARS, max_size=2)}),
    lambda inner: st.fixed_dictionaries(
        {"c": st.lists(inner, max_size=2)}, optional={"inner": inner | SCALARS}
    ),
    max_leaves=4,
)
MEMBERS = st.one_of(
    OBJECTS,
    OBJECTS,
    st.lists(OBJECTS | SCALARS, max_size=2),
    st.dictionaries(NAMES, OBJECTS | SCALARS, max_size=4),
    RECURSIVE,
)


def dumped_by_package(wire: Any) -> str:
    model = construct_type(value=copy.deepcopy(wire), type_=Root)
    assert isinstance(model, Root)
    return json.dumps(model.model_dump(mode="json"))


@pytest.mark.parametrize("member", Root.model_fields)
def test_a_small_member_is_dumped_as_the_package_dumps_it(member: str) -> None:
    for value in SMALL_VALUES + TELLING_VALUES:
        wire = {member: value}
        assert json.dumps(ROOT.dump(copy.deepcopy(wire))) == dumped_by_package(wire)


@pytest.mark.skipif(
    tuple(map(int, pydantic.VERSION.split(".")[:2])) < (2, 13),
    reason=f"pydantic {pydantic.VERSION} is stricter with unions in unions than from 2.13 on",
)
@pytest.mark.parametrize("value", CHECKED_VALUES, ids=json.dumps)
def test_a_union_in_a_union_is_checked_as_strictly_as_the_package_checks_it(value: Any) -> None:
    assert json.dumps(ROOT.dump({"checked": value})) == dumped_by_package({"checked": value})


@pytest.mark.parametrize("member", Root.model_fields)
def test_a_member_is_dumped_as_the_package_dumps_it(member: str) -> None:
    @settings(max_examples=4_000 if DEEP else 50, derandomize=not DEEP, database=None, deadline=None)
    @given(MEMBERS)
    def check(value: Any) -> None:
        wire = {member: value}
        assert json.dumps(ROOT.dump(copy.deepcopy(wire))) == dumped_by_package(wire)

    check()
