"""Test ids that stand for other test ids, for clients that were made before their test was known.

A test runner makes a process's clients use an alias once, and says before each test which test the alias stands for.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeGuard

log = logging.getLogger(__name__)

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
        return self._test_of(test_id) if is_alias(test_id) else test_id

    def _test_of(self, alias: str) -> str | None:
        return self._tests.get(alias)


def is_alias(test_id: str | None) -> TypeGuard[str]:
    """Tell whether a test id is an alias, which may stand for another test with each request."""
    return test_id is not None and test_id.startswith(PREFIX)


class SharedAliases(Aliases):
    """The aliases of all processes of a run: each one is a file of their common folder.

    A file is whole or absent, and is read for each request, so an alias that one process sets counts for the next
    request to any other. What cannot be written counts in this process alone.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def set(self, alias: str, test_id: str | None) -> None:
        """Let an alias stand for a test in each process; with None, for no test."""
        try:
            _share(self._path(alias), test_id)
            super().set(alias, None)
        except OSError as exc:
            log.error(
                "The workers' common folder cannot be used: %s. An alias counts in one worker alone.", exc
            )
            super().set(alias, test_id)

    def _test_of(self, alias: str) -> str | None:
        try:
            test_id: str = json.loads(self._path(alias).read_bytes())
        except FileNotFoundError:
            return super()._test_of(alias)
        return test_id

    def _path(self, alias: str) -> Path:
        digest = hashlib.sha256(alias.encode("utf-8", "surrogatepass")).hexdigest()
        return self._folder / f"{digest}.alias"


def _share(path: Path, test_id: str | None) -> None:
    if test_id is None:
        path.unlink(missing_ok=True)
    else:
        beside = path.with_suffix(f".{os.getpid()}")
        beside.write_text(json.dumps(test_id), encoding="ascii")  # also a lone surrogate
        beside.replace(path)
