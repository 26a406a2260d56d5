"""The error of the mock API: ScenarioError, for a scenario with an unknown or impossible member."""

from __future__ import annotations


class ScenarioError(ValueError):
    """A scenario that cannot be read: its place, the value there, and the expected one."""

    def __init__(self, where: str, found: str, expected: str) -> None:
        super().__init__(f"{where}: {found}: expected {expected}")
