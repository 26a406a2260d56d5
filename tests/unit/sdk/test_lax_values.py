"""`lax_values` against pydantic: both read the same numbers and truth values."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from openai_replay.sdk.lax_values import (
    Invalid,
    boolean_from_number,
    boolean_from_text,
    float_from_text,
    integer_from_float,
    integer_from_text,
)

DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"
EXAMPLES = settings(max_examples=20_000 if DEEP else 100, derandomize=not DEEP, database=None, deadline=None)

INTEGER, FLOAT, BOOLEAN = TypeAdapter(int), TypeAdapter(float), TypeAdapter(bool)

NUMERALS = st.text("0123456789+-._eE \u2003\x1cnaif", max_size=8) | st.from_regex(
    r"\s?[+-]?[0_]{0,3}[1-9-]?[0-9_]{0,3}(\.[0_]{0,3})?([eE][+-]?[0-9])?\s?", fullmatch=True
)
WORDS = st.sampled_from(["f", "n", "no", "OFF", "False", "t", "Y", "on", "yes", "TRUE", "0", "1"]) | st.text(
    max_size=3
)
# Beyond 64 bits pydantic refuses some.
INTEGERS = st.integers(-(2**63), 2**63 - 1)


def outcome(read: Callable[[], Any]) -> str:
    """Return the result of a reading, as JSON so that 1, 1.0 and True differ."""
    try:
        return json.dumps(read())
    except (Invalid, ValidationError):
        return "refused"


@EXAMPLES
@given(NUMERALS)
def test_integers_are_read_out_of_texts_as_pydantic_reads_them(text: str) -> None:
    assert outcome(lambda: integer_from_text(text)) == outcome(lambda: INTEGER.validate_python(text))


@pytest.mark.parametrize(
    "text", ["9" * 4300, "9" * 4301, "-0", "007", "1_000", "0-5", "+-1", "1__0", "5.00", "5.0_0", ""]
)
def test_the_odder_integers_are_read_out_of_texts_as_pydantic_reads_them(text: str) -> None:
    assert outcome(lambda: integer_from_text(text)) == outcome(lambda: INTEGER.validate_python(text))


@EXAMPLES
@given(NUMERALS)
def test_floats_are_read_out_of_texts_as_pydantic_reads_them(text: str) -> None:
    assert outcome(lambda: float_from_text(text)) == outcome(lambda: FLOAT.validate_python(text))


@pytest.mark.parametrize(
    "text", ["inf", "-Infinity", "+NaN", "1e999", ".5", "5.", ".", "1e", "1_0.5", " 1_0", "0x1"]
)
def test_the_odder_floats_are_read_out_of_texts_as_pydantic_reads_them(text: str) -> None:
    assert outcome(lambda: float_from_text(text)) == outcome(lambda: FLOAT.validate_python(text))


@EXAMPLES
@given(st.floats() | INTEGERS.map(float))
def test_integers_are_read_out_of_floats_as_pydantic_reads_them(number: float) -> None:
    assert outcome(lambda: integer_from_float(number)) == outcome(lambda: INTEGER.validate_python(number))


@pytest.mark.parametrize(
    "number", [2.0**63, math.nextafter(2.0**63, 0), -(2.0**63), math.inf, math.nan, -0.0]
)
def test_the_odder_integers_are_read_out_of_floats_as_pydantic_reads_them(number: float) -> None:
    assert outcome(lambda: integer_from_float(number)) == outcome(lambda: INTEGER.validate_python(number))


@EXAMPLES
@given(WORDS)
def test_truth_is_read_out_of_texts_as_pydantic_reads_it(text: str) -> None:
    assert outcome(lambda: boolean_from_text(text)) == outcome(lambda: BOOLEAN.validate_python(text))


@EXAMPLES
@given(st.sampled_from([0, 1, 2, -1, 0.0, 1.0, -0.0, 0.5, 2**64, math.nan, math.inf]) | INTEGERS)
def test_truth_is_read_out_of_numbers_as_pydantic_reads_it(number: int | float) -> None:
    assert outcome(lambda: boolean_from_number(number)) == outcome(lambda: BOOLEAN.validate_python(number))
