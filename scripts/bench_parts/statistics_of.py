"""Measured values, told by their median and spread."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of a number of values, and between which bounds the middle eight tenths of them lie."""

    median: float
    low: float
    high: float
    count: int

    def to_json(self) -> dict[str, float]:
        """Return the numbers by name."""
        return {"median": self.median, "p10": self.low, "p90": self.high, "count": self.count}

    def shown(self, unit: str) -> str:
        """Return the median, and the bounds if there was more than one value."""
        median = f"{self.median:.{_places(self.median)}f} {unit}"
        if self.count == 1:
            return median
        places = _places(self.low)
        return f"{median} ({self.low:.{places}f}-{self.high:.{places}f})"


def spread_of(values: Sequence[float]) -> Spread:
    """Return median and spread of at least one value."""
    ordered = sorted(values)
    last = len(ordered) - 1
    low, high = ordered[round(last * 0.1)], ordered[round(last * 0.9)]
    return Spread(statistics.median(ordered), low, high, len(ordered))


def _places(value: float) -> int:
    return 0 if value >= 100 else 1 if value >= 10 else 2


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of texts as columns; the first row is the heading, the first column is flush left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [_line(row, widths) for row in rows]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = (
        text.ljust(width) if number == 0 else text.rjust(width)
        for number, (text, width) in enumerate(zip(row, widths, strict=True))
    )
    return "  ".join([first, *others])
