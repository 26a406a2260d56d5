"""Decides which unused recordings may go: those of tests that ran, so that a part of the tests deletes no others'."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .reports import Reported


@dataclass(slots=True)
class Plan:
    """The recordings to remove, and those to keep though unused, by the reason and their tests."""

    remove: list[str] = field(default_factory=list)
    kept_unseen: dict[str | None, list[str]] = field(default_factory=dict)
    kept_missed: dict[str | None, list[str]] = field(default_factory=dict)


def plan(reported: Reported, test_ids: Mapping[str, str | None], *, all_tests: bool = False) -> Plan:
    """Return what becomes of each unused recording.

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


def named(tests: Iterable[str | None], most: int = 5) -> str:
    """Return tests in a line, the first few of many."""
    names = sorted("requests without a test id" if test is None else test for test in tests)
    more = f", and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"
