"""Name the first recordings or exchanges that share a reason, and how many more there are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..record.raw_exchange import NotTaken
from .run import say

# How many of one reason are named.
MOST_NAMED = 5


def by_reason(notes: Iterable[NotTaken]) -> list[list[NotTaken]]:
    """Return the notes of each reason together, in the order of the reasons' first notes."""
    groups: dict[str, list[NotTaken]] = {}
    for note in notes:
        groups.setdefault(note.reason, []).append(note)
    return [*groups.values()]


def say_first(kind: str, notes: Sequence[NotTaken], most: int | None, hint: str = "") -> None:
    """Name the notes of one reason.

    Args:
        kind: begins each line.
        most: how many are named, None for all.
        hint: says how to see the others.
    """
    for note in notes[:most]:
        say(f"{kind}: {note}")
    if most is not None and len(notes) > most:
        say(f"{kind}: {len(notes) - most} more for the same reason{hint}")
