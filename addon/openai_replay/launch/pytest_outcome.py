"""The end of a pytest run: the lines of its summary, and the reasons why it fails although its tests did not."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..modes import Mode
from ..report_files.by_test import changed_answers, in_one_line
from ..report_files.summary import summary
from .outcome import Conditions, failures, other_apis, recorded_failures, saw_request
from .proxy_program import ProxyDescription

# How many misses, and how many kinds of exchanges that were not recorded, are named at the end.
_MOST_NAMED = 20

# How many tests that went past the proxy are named in their line.
_MOST_PAST = 3

# Lines of the proxy's log that the summary has from the report.
_IN_REPORT = (": No recording for ", ": Not recorded: ", ": Refused: ")

_NO_TEST = (
    "No test used the fixture openai_replay, so any request went past the proxy: set openai_replay = true in the ini "
    "file for all tests, or name the fixture in a test."
)

_NO_REQUEST = (
    "The proxy saw no request of the tests to a recorded host: they call no API, or a client goes past the proxy: "
    "try --recording-base-url."
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a run: lines for the summary, and why the run fails although its tests did not."""

    lines: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TestsRun:
    """The tests of a run.

    Attributes:
        using_fixture: the ids of those that used the fixture.
        are_all: no test was left out.
        past_proxy: the recorded host that a test without the fixture looked up, by the id of the test.
        have_run: False where no test ran, such as after an error of an import.
    """

    __test__ = False  # not a test class for pytest

    using_fixture: AbstractSet[str]
    are_all: bool
    past_proxy: Mapping[str, str] = field(default_factory=dict)
    have_run: bool = True


def outcome(described: ProxyDescription, log: Sequence[str], tests: TestsRun, fail_on: Conditions) -> Outcome:
    """Return the outcome of a run with its own proxy.

    Raises:
        ProxyFailed: the proxy does not answer.
    """
    reported = described.running.report()
    return replace(
        problems(described, tests, fail_on, reported),
        lines=(
            *_first(_misses(reported["missed"]), "misses"),
            *_first(_not_recorded(reported["not_recorded"]), "not recorded"),
            *recorded_failures(reported),
            *other_apis(reported),
            *changed_answers(reported),
            summary(reported["totals"]),
        ),
        warnings=tuple(
            filter(
                None, (*_warnings(log), described.without_key, _unseen(reported, tests), _past_proxy(tests))
            )
        ),
    )


def outcome_without_proxy(mode: str, tests: TestsRun, fail_on: Conditions) -> Outcome:
    """Return the outcome of a run that has started no proxy, for no test used it.

    Args:
        mode: the `recording_mode` that the user has chosen, "" for none.
    """
    is_recording = mode in (Mode.RECORD.value, Mode.RECORD_IF_MISSING.value)
    is_cause = tests.have_run and (is_recording or fail_on.no_request)
    failed = "failed because of --fail-on-no-request: no test used the fixture openai_replay"
    return Outcome(
        warnings=(_NO_TEST,) if is_cause else (),
        problems=(failed,) if fail_on.no_request else (),
    )


def problems(
    described: ProxyDescription, tests: TestsRun, fail_on: Conditions, reported: Mapping[str, Any]
) -> Outcome:
    """Return the reasons alone: the proxy's own command sums up its run."""
    directory = Path(described.directory)
    unused = reported["unused"]
    if fail_on.unused and not tests.are_all:
        unused = [name for name in unused if _test_id(directory / name) in tests.using_fixture]
    found = failures(
        fail_on, {**reported, "unused": unused}, described=lambda name: _described(directory, name)
    )
    return Outcome(problems=tuple(found))


def _unseen(reported: Mapping[str, Any], tests: TestsRun) -> str:
    if not tests.have_run:
        return ""
    if not tests.using_fixture:
        return _NO_TEST
    return "" if saw_request(reported["totals"]) else _NO_REQUEST


def _past_proxy(tests: TestsRun) -> str:
    """Return a line that names tests without the fixture whose clients went past the proxy, "" for none."""
    names = list(tests.past_proxy)
    if not names:
        return ""
    hosts = ", ".join(dict.fromkeys(tests.past_proxy.values()))
    more = f" and {len(names) - _MOST_PAST} more" if len(names) > _MOST_PAST else ""
    return (
        f"Past the proxy to {hosts}, without the fixture openai_replay: {', '.join(names[:_MOST_PAST])}{more}. "
        "Name the fixture in the test, or set openai_replay = true in the ini file."
    )


def _warnings(log: Iterable[str]) -> Iterator[str]:
    """Yield the warnings of the log, without the lines that the summary has from the report."""
    for line in log:
        if line.startswith("openai-replay: ") and not any(part in line for part in _IN_REPORT):
            yield line


def _misses(missed: Iterable[Mapping[str, Any]]) -> list[str]:
    return [in_one_line(miss) for miss in missed]


def _not_recorded(entries: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return a line for each request and reason: a client that tries again gets the same reason again."""
    times = Counter(f"not recorded: {entry['request']}: {entry['reason']}" for entry in entries)
    return [line if count == 1 else f"{line} ({count} times)" for line, count in times.items()]


def _first(lines: Sequence[str], kind: str) -> list[str]:
    more = [f"{kind}: {len(lines) - _MOST_NAMED} more"] if len(lines) > _MOST_NAMED else []
    return [*lines[:_MOST_NAMED], *more]


def _test_id(path: Path) -> str | None:
    """Return the test of a recording, None for one without a test or a file that cannot be read."""
    try:
        recording = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    test_id = recording.get("test_id") if isinstance(recording, dict) else None
    return test_id if isinstance(test_id, str) else None


def _described(directory: Path, name: str) -> str:
    """Return an unused recording with its test and prompt; with its test alone where orjson is not installed."""
    try:
        from .unused import described
    except ImportError:
        return "  ".join(filter(None, (name, _test_id(directory / name))))
    return described(directory, name)
