"""Test ids that stand for other test ids, for clients that were made before their test was known.

A test runner makes a process's clients use an alias once, and says before each test which test the alias stands for.
"""

from __future__ import annotations

from dataclasses import dataclass, field

# Aliases begin so, which keeps one that stands for no test now from being taken for a test id.
PREFIX = "openai-replay-process-"


@dataclass(slots=True)
class Aliases:
    """The aliases of a run, each with the test that it stands for now."""

    _tests: dict[str, str] = field(default_factory=dict)

    def set(self, alias: str, test_id: str | None) -> None:
        """Let an alias stand for a test; with None, for no test."""
        if test_id is None:
            self._tests.pop(alias, None)
        else:
            self._tests[alias] = test_id

    def resolve(self, test_id: str | None) -> str | None:
        """Return the test id of a request: of an alias the test that it stands for, any other unchanged."""
        if test_id is None or not test_id.startswith(PREFIX):
            return test_id
        return self._tests.get(test_id)
