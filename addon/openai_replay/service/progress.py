"""Answers under way that take their time: how many there are, and how far they are behind their plan."""

from __future__ import annotations

from dataclasses import dataclass

# Which part of the greatest delay is left after each part that is in time.
_FORGETTING = 0.99


@dataclass(slots=True)
class Progress:
    """The answers of one process. `behind_s` is the greatest delay of a part, in seconds; it fades."""

    open_streams: int = 0
    behind_s: float = 0.0

    def late(self, seconds: float) -> None:
        """Take note of a part that was sent so many seconds after its time."""
        self.behind_s = max(self.behind_s * _FORGETTING, seconds)

    def in_time(self) -> None:
        """Take note of a part that has yet to wait for its time."""
        self.behind_s *= _FORGETTING
