"""A report sorted by test: each test's replayed and recorded files, misses and exchanges that were not recorded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

NO_TEST = "(no test id)"


@dataclass(slots=True)
class TestPart:
    """The entries of a report that belong to one test, as the report has them."""

    __test__ = False  # not a test class for pytest

    replayed: list[dict[str, Any]] = field(default_factory=list)
    recorded: list[dict[str, Any]] = field(default_factory=list)
    missed: list[dict[str, Any]] = field(default_factory=list)
    not_recorded: list[dict[str, Any]] = field(default_factory=list)

    def is_good(self) -> bool:
        """Tell whether every request of the test was answered or recorded."""
        return not self.missed and not self.not_recorded


def by_test(reported: Mapping[str, Any]) -> dict[str, TestPart]:
    """Return the parts of a report by test id, in the order of their names; requests without one are `NO_TEST`."""
    parts: dict[str, TestPart] = {}
    for name in ("replayed", "recorded", "missed", "not_recorded"):
        for entry in reported.get(name, ()):
            part = parts.setdefault(entry.get("test_id") or NO_TEST, TestPart())
            getattr(part, name).append(entry)
    return dict(sorted(parts.items()))


def notes(reported: Mapping[str, Any]) -> list[str]:
    """Return a line for each fact about the whole run: model APIs that were not recorded, faults, paced answers."""
    lines = [
        f"{times} connections went to {host}, a model API that is not recorded"
        for host, times in reported.get("other_apis", {}).items()
    ]
    lines += [
        f"{times} clients did not trust the proxy's certificate for {host}"
        for host, times in reported.get("distrusted", {}).items()
    ]
    faults = Counter[str]()
    for entry in reported.get("faulted", ()):
        faults[entry["fault"]] += entry["times"]
    lines += [f"{times} answers with the injected fault {fault}" for fault, times in sorted(faults.items())]
    if paced := sum(entry["times"] for entry in reported.get("paced", ())):
        lines.append(f"{paced} paced answers")
    return lines


def explained(miss: Mapping[str, Any]) -> list[str]:
    """Return a miss as lines: the request, the nearest recording, and each place that differs."""
    request = (
        f"{miss.get('method', '')} {miss.get('endpoint', '')} (request {str(miss.get('request', ''))[:12]})"
    )
    if unreadable := miss.get("unreadable"):
        return [f"A recording cannot be read for {request.strip()}:", f"    {unreadable}"]
    lines = [f"No recording for {request.strip()}."]
    if nearest := miss.get("nearest"):
        lines.append(f"The nearest is {nearest}:")
    for one in miss.get("differences", ()):
        recorded, sent = one.get("recorded") or "nothing", one.get("asked") or "nothing"
        lines.append(f"    {one.get('path', '')}: recorded {recorded}, asked {sent}")
    return lines
