"""A report sorted by test: each test's replayed and recorded files, misses, unrecorded exchanges, faults and pacing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..format.short_text import number_of

NO_TEST = "(no test id)"


@dataclass(slots=True)
class TestPart:
    """The entries of a report that belong to one test, as the report has them."""

    __test__ = False  # not a test class for pytest

    replayed: list[dict[str, Any]] = field(default_factory=list)
    recorded: list[dict[str, Any]] = field(default_factory=list)
    missed: list[dict[str, Any]] = field(default_factory=list)
    not_recorded: list[dict[str, Any]] = field(default_factory=list)
    paced: list[dict[str, Any]] = field(default_factory=list)
    faulted: list[dict[str, Any]] = field(default_factory=list)

    def is_good(self) -> bool:
        """Tell whether every request of the test was answered or recorded."""
        return not self.missed and not self.not_recorded

    def trouble(self) -> str:
        """Say which faults the test got, and how many of its answers were paced; "" without any."""
        return trouble(self.faulted, self.paced)


def by_test(reported: Mapping[str, Any]) -> dict[str, TestPart]:
    """Return the parts of a report by test id, in the order of their names; requests without one are `NO_TEST`."""
    parts: dict[str, TestPart] = {}
    for name in ("replayed", "recorded", "missed", "not_recorded", "paced", "faulted"):
        for entry in reported.get(name, ()):
            part = parts.setdefault(entry.get("test_id") or NO_TEST, TestPart())
            getattr(part, name).append(entry)
    return dict(sorted(parts.items()))


def notes(reported: Mapping[str, Any]) -> list[str]:
    """Return a line for each fact about the whole run: model APIs that were not recorded, faults, paced answers."""
    lines = [
        f"{number_of(times, 'connection')} went to {host}, a model API that is not recorded"
        for host, times in reported.get("other_apis", {}).items()
    ]
    lines += [
        f"{number_of(times, 'client')} did not trust the proxy's certificate for {host}"
        for host, times in reported.get("distrusted", {}).items()
    ]
    return [*lines, *changed_answers(reported)]


def changed_answers(reported: Mapping[str, Any]) -> list[str]:
    """Return a line that counts the faulty and the paced answers, so that no fault is taken for a finding."""
    counts = trouble(reported.get("faulted", ()), reported.get("paced", ()))
    return [f"answers were changed on purpose: {counts}"] if counts else []


def trouble(faulted: Iterable[Mapping[str, Any]], paced: Iterable[Mapping[str, Any]]) -> str:
    """Return `2 with rate_limit, 1 with slow, 4 paced` for entries of a report, "" for none."""
    faults = Counter[str]()
    for entry in faulted:
        faults[entry["fault"]] += entry["times"]
    parts = [f"{times} with {fault}" for fault, times in sorted(faults.items())]
    if times := sum(entry["times"] for entry in paced):
        parts.append(f"{times} paced")
    return ", ".join(parts)


def explained(miss: Mapping[str, Any]) -> list[str]:
    """Return a miss as lines: the request, the nearest recording, each place that differs, and the next steps."""
    request = _request(miss)
    if unreadable := miss.get("unreadable"):
        return [f"A recording cannot be read for {request}:", f"    {unreadable}", *_advice(miss)]
    if refused := miss.get("refused"):
        return [f"Refused: {request}:", f"    {refused}"]
    lines = [f"No recording for {request}."]
    if nearest := miss.get("nearest"):
        lines.append(f"The nearest is {nearest}:")
    elif "nearest" in miss:
        lines.append("There is none of this endpoint.")
    lines += [f"    {_difference(one)}" for one in miss.get("differences", ())]
    return [*lines, *_advice(miss)]


def _advice(miss: Mapping[str, Any]) -> list[str]:
    advice: str = miss.get("advice", "")
    return advice.splitlines()


def in_one_line(miss: Mapping[str, Any]) -> str:
    """Return a miss as one line: its kind, test and request, and the reason or the first place that differs."""
    reason = miss.get("refused") or miss.get("unreadable") or _first_difference(miss)
    return ": ".join(filter(None, (kind_of(miss), miss.get("test_id") or NO_TEST, _request(miss), reason)))


def _first_difference(miss: Mapping[str, Any]) -> str:
    differences = miss.get("differences")
    return _difference(differences[0]) if differences else ""


def _difference(one: Mapping[str, Any]) -> str:
    recorded, sent = one.get("recorded") or "nothing", one.get("asked") or "nothing"
    return f"{one.get('path', '')}: recorded {recorded}, asked {sent}"


def kind_of(miss: Mapping[str, Any]) -> str:
    """Return why a request got no recorded answer, in a word or two."""
    if "refused" in miss:
        return "refused"
    return "unreadable recording" if "unreadable" in miss else "miss"


def _request(miss: Mapping[str, Any]) -> str:
    """Return the request of a miss: beyond a number of misses the report has the hash alone, a message has none."""
    name = f"request {miss['request'][:12]}" if "request" in miss else ""
    operation = f"{miss['method']} {miss['endpoint']}" if "endpoint" in miss else ""
    operation = f"{operation} ({name})" if operation and name else operation or name
    return f"{operation}, {miss['times']} times" if miss.get("times", 1) > 1 else operation
