"""The numbers and truth values that pydantic reads out of other JSON values when it is not strict.

Rule: a value that pydantic's lax mode takes is taken, with the same result, and everything else is `Invalid`. The
source is `input/shared.rs` and `input/input_python.rs` of pydantic-core.
"""

from __future__ import annotations

import math
import re

# Unicode's White_Space, which Rust's `trim` takes off; Python's `strip` takes off four more characters.
_WHITE_SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[+-]?(?:inf|infinity|nan)", re.IGNORECASE)
# A text whose digits go on behind zeros: the zeros, and how the rest may begin.
_LEADING_ZEROS = re.compile(r"0[0_]*(?=[1-9-]|\.|\Z)")
_ZERO_DECIMALS = re.compile(r"\.0+\Z")

# An integer of more digits is refused, as CPython does.
_MAX_DIGITS = 4300

_TRUE = frozenset({"1", "t", "y", "on", "yes", "true"})
_FALSE = frozenset({"0", "f", "n", "off", "no", "false"})

# All texts that are read as a truth value, in lower case.
SPELLINGS_OF_TRUTH = _TRUE | _FALSE


class Invalid(Exception):
    """A value is not of its type, and cannot be converted."""


def integer_from_text(text: str) -> int:
    """Return the integer that a text spells. Raises Invalid."""
    for spelling in (text, _cleaned_integer(text)):
        if len(spelling) <= _MAX_DIGITS and _INTEGER.fullmatch(spelling):
            return int(spelling)
    raise Invalid


def _cleaned_integer(text: str) -> str:
    """Return the text without the parts that `integer_from_text` skips: blanks, a plus, zeros around, underscores."""
    digits = text.strip(_WHITE_SPACE)
    if digits.startswith("+-"):
        raise Invalid
    digits = digits.removeprefix("+")
    sign = "-" if digits.startswith("-") else ""
    digits = _without_leading_zeros(digits.removeprefix("-"))
    digits = _ZERO_DECIMALS.sub("", digits)
    return sign + _without_underscores(digits)


def _without_leading_zeros(digits: str) -> str:
    zeros = _LEADING_ZEROS.match(digits)
    if zeros is None:
        return digits
    rest = digits[zeros.end() :]
    # "00" and "00.0" keep the last of their zeros.
    return rest if rest and rest[0] != "." else zeros[0][-1] + rest


def _without_underscores(digits: str) -> str:
    misplaced = digits.startswith("_") or digits.endswith("_") or "__" in digits
    return digits if misplaced else digits.replace("_", "")


def float_from_text(text: str) -> float:
    """Return the number that a text spells. Raises Invalid."""
    for spelling in (text.strip(_WHITE_SPACE), _without_underscores(text)):
        if _FLOAT.fullmatch(spelling) or _NOT_FINITE.fullmatch(spelling):
            return float(spelling)
    raise Invalid


def integer_from_float(number: float) -> int:
    """Return the integer that a float is, if it is one of 64 bits. Raises Invalid."""
    if math.isfinite(number) and number.is_integer() and -(2.0**63) < number < 2.0**63:
        return int(number)
    raise Invalid


def boolean_from_text(text: str) -> bool:
    """Return the truth value of a word for yes or no. Raises Invalid."""
    word = text.lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise Invalid


def boolean_from_number(number: int | float) -> bool:
    """Return whether a number is 1 rather than 0. Raises Invalid for every other."""
    if number in (0, 1):
        return bool(number)
    raise Invalid
