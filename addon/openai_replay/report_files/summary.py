"""The counts of a run in one line: `1 replayed, 0 recorded, 0 missed, 0 unused`. Needs the standard library alone."""

from __future__ import annotations

from collections.abc import Mapping

# Counts that are shown where there are any, with their words. Equal answers and retried failures
# leave no file.
_RARE = {
    "equal": "recorded as equal to the one before",
    "retried": "retried with success",
    "refused_upgrades": "refused as WebSocket",
    "paced": "paced",
    "faulted": "faulted",
}

# Counts of missed requests whose recording is not missing, with their words.
_REASONS = {"refused": "refused", "unreadable": "with an unreadable recording"}


def summary(totals: Mapping[str, int], pruned: int = 0) -> str:
    """Return the counts of a run in one line."""
    parts = [f"{totals[name]} {name}" for name in ("replayed", "recorded", "missed")]
    reasons = [f"{totals[name]} {words}" for name, words in _REASONS.items() if totals.get(name)]
    if reasons:
        parts[-1] += f" ({', '.join(reasons)})"
    if totals["not_recorded"]:
        parts.append(f"{totals['not_recorded']} not recorded")
    parts.append(f"{totals['unused'] - pruned} unused")
    parts += [f"{totals[name]} {words}" for name, words in _RARE.items() if totals.get(name)]
    if pruned:
        parts.append(f"{pruned} pruned")
    return ", ".join(parts)
