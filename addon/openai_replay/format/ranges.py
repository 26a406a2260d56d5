"""Sets of chunk numbers as people write them: "0", "3-5", "0-2,7"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from .recording import JSON

# No stream has a million chunks, and a slip of the pen must not fill the memory with numbers.
_RANGE = re.compile(r"(?P<first>[0-9]{1,6})(?:-(?P<last>[0-9]{1,6}))?")


def ranges_of[Value](items: Iterable[tuple[int, Value]]) -> Iterator[tuple[str, Value]]:
    """Group (number, value) pairs by value, in order of appearance, as (range text, value)."""
    numbers: dict[Value, list[int]] = {}
    for number, value in items:
        numbers.setdefault(value, []).append(number)
    return ((range_text(group), value) for value, group in numbers.items())


def range_text(numbers: Iterable[int]) -> str:
    """Write ascending numbers, neighbours joined: [0, 1, 2, 7] is "0-2,7"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def numbers_in(text: JSON) -> Iterator[int]:
    """Yield the numbers that a text such as "0-2,7" names; nothing for any other text or value."""
    for part in text.split(",") if isinstance(text, str) else ():
        match = _RANGE.fullmatch(part.strip())
        if match:
            first = int(match["first"])
            yield from range(first, int(match["last"] or first) + 1)
