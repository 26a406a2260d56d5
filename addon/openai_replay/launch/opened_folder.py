"""Opens the folder of the recordings for a command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from ..options import Settings
from ..request.rules import Rules
from ..store.claim import Claim
from ..store.index import Index
from ..store.store import Store


@dataclass(frozen=True, slots=True)
class OpenedFolder:
    """The recordings of a folder, and the rules of its options."""

    store: Store
    rules: Rules


@contextmanager
def opened_folder(settings: Settings) -> Iterator[OpenedFolder]:
    """Open the folder until the block ends; its index is kept in memory, and the first recording claims the folder."""
    rules = Rules(settings.ignore, settings.redactor)
    with closing(Index(settings.directory, rules, None)) as index:
        claim = Claim(settings.directory)
        try:
            yield OpenedFolder(Store(settings.directory, rules, index, claim=claim), rules)
        finally:
            claim.end()
