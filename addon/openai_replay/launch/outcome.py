"""Lines at the end of a run, and the exit status by lost recordings and the options --fail-on-…

Pure: reports in, lines out. The pytest plugin shares it, so it needs the standard library alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..format.short_text import number_of

# How many unused recordings are named.
_MOST_NAMED = 20

_COUNTED = ("replayed", "recorded", "missed", "not_recorded")


def saw_request(totals: Mapping[str, int]) -> bool:
    """Tell whether a request to a recorded host reached the proxy."""
    return any(totals[name] for name in _COUNTED) or totals.get("refused_upgrades", 0) > 0


_FAILURE_HINTS = {
    401: "is the key right?",
    403: "may the key's project use this model?",
    404: "is the path, or the model, right?",
    429: "is the quota used up?",
}


def recorded_failures(reported: Mapping[str, Any]) -> list[str]:
    """Return a line for each status of failed calls that were recorded, with a question that may help."""
    statuses = Counter(entry["status"] for entry in reported["recorded"] if "status" in entry)
    lines = []
    for status, times in sorted(statuses.items()):
        failed = "1 recorded call failed" if times == 1 else f"{times} recorded calls failed"
        question = _FAILURE_HINTS.get(status, "")
        lines.append(f"{failed} with status {status}{f': {question}' if question else ''}")
    return lines


def other_apis(reported: Mapping[str, Any]) -> list[str]:
    """Return a line that names the model APIs that requests reached in replay, none if there are none."""
    hosts = reported.get("other_apis", {})
    return [f"requests went to real APIs that are not recorded: {', '.join(sorted(hosts))}"] if hosts else []


@dataclass(frozen=True, slots=True)
class Conditions:
    """The conditions under which a run fails although all else succeeded."""

    miss: bool
    unused: bool
    no_request: bool


def failures(
    fail_on: Conditions,
    reported: Mapping[str, Any],
    pruned: int = 0,
    described: Callable[[str], str] = str,
) -> list[str]:
    """Return why a run fails that would otherwise have succeeded, as lines with the reason last; none if it does not.

    Args:
        pruned: how many of the unused recordings are gone already.
        described: returns a line for the name of an unused recording.
    """
    totals = reported["totals"]
    if lost := sum("lost" in entry for entry in reported["not_recorded"]):
        return [f"failed because {number_of(lost, 'recording')} could not be written"]
    if fail_on.no_request and not saw_request(totals):
        return ["failed because of --fail-on-no-request: the proxy saw no request"]
    if fail_on.miss and (totals["missed"] or totals["not_recorded"]):
        return [f"failed because of --fail-on-miss: there were {' and '.join(_without_answer(totals))}"]
    if fail_on.unused and len(reported["unused"]) > pruned:
        return [
            "unused recordings:",
            *_named(reported["unused"], described),
            "failed because of --fail-on-unused: there are unused recordings",
        ]
    return []


def _without_answer(totals: Mapping[str, int]) -> list[str]:
    """Return the kinds of requests that got no recorded answer, or left no recording."""
    refused, unreadable = totals.get("refused", 0), totals.get("unreadable", 0)
    kinds = {
        "requests without a recording": totals["missed"] - refused - unreadable,
        "refused requests": refused,
        "requests with an unreadable recording": unreadable,
        "requests that were not recorded": totals["not_recorded"],
    }
    return [kind for kind, count in kinds.items() if count]


def _named(unused: Sequence[str], described: Callable[[str], str]) -> list[str]:
    lines = [f"    {described(name)}" for name in unused[:_MOST_NAMED]]
    if len(unused) > _MOST_NAMED:
        lines.append(f"    … and {len(unused) - _MOST_NAMED} more")
    return lines
