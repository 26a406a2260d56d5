"""Removes unused recordings of tests that ran.

A run of a part of the tests uses none of the other tests' recordings, and must not delete them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import BadRecording
from ..format.recording import decode
from ..format.short_text import number_of
from ..request.rules import Rules
from ..store.files import read_file
from ..store.index import Index
from ..store.store import Store
from .reports import Reported

_IF_GONE = (
    "\n  Next: if these tests are gone, run all tests with `openai-replay run --report run.json`, "
    "then `openai-replay prune --all-tests run.json`"
)


@dataclass(slots=True)
class Plan:
    """The recordings to remove, and the unused recordings to keep, by reason and test."""

    remove: list[str] = field(default_factory=list)
    kept_unseen: dict[str | None, list[str]] = field(default_factory=dict)
    kept_missed: dict[str | None, list[str]] = field(default_factory=dict)


def plan(reported: Reported, test_ids: Mapping[str, str | None], *, all_tests: bool = False) -> Plan:
    """Decide for each unused recording whether it goes or stays, and why.

    Args:
        test_ids: the test of each recording that exists, by its path in the folder.
        all_tests: the reports are of all tests; recordings of tests that they did not see are outdated.
    """
    result = Plan()
    for path in sorted(reported.unused & test_ids.keys()):
        test_id = test_ids[path]
        if test_id in reported.missed_tests:
            result.kept_missed.setdefault(test_id, []).append(path)
        elif all_tests or test_id in reported.tests:
            result.remove.append(path)
        else:
            result.kept_unseen.setdefault(test_id, []).append(path)
    return result


def test_ids_of(directory: Path, paths: Iterable[str]) -> dict[str, str | None]:
    """Return the test of each recording; files that cannot be read, or are gone, are left out."""
    found: dict[str, str | None] = {}
    for path in paths:
        with suppress(BadRecording, OSError):
            found[path] = decode(read_file(directory / path)[1], directory / path).test_id
    return found


def remove(directory: Path, paths: Iterable[str], rules: Rules) -> Iterator[str]:
    """Remove recordings with the files of their bodies, and yield the path of each when it is gone.

    Raises:
        OSError: a file cannot be removed.
    """
    with closing(Index(directory, rules, None)) as index:
        store = Store(directory, rules, index)
        for path in paths:
            store.remove(directory / path)
            yield path


def kept_lines(planned: Plan) -> Iterator[str]:
    """Yield a line for each reason to keep unused recordings, with the next step below it where there is one."""
    for kept, reason, advice in (
        (planned.kept_unseen, "that made no request", _IF_GONE),
        (planned.kept_missed, "with a request that got no recorded answer", ""),
    ):
        if kept:
            count = sum(map(len, kept.values()))
            yield f"kept {number_of(count, 'unused recording')} of tests {reason}: {named(kept)}{advice}"


def named(tests: Iterable[str | None], most: int = 5) -> str:
    """Return tests in a line, the first few of many."""
    names = sorted("requests without a test id" if test is None else test for test in tests)
    more = f", and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"
