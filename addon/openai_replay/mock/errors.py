"""What the upstream raises: ScenarioError, when a scenario says what it cannot say."""

from __future__ import annotations


class ScenarioError(ValueError):
    """A scenario that cannot be read: where it stands, what it says there, and what was expected."""

    def __init__(self, where: str, found: str, expected: str) -> None:
        super().__init__(f"{where}: {found}: expected {expected}")
