"""Reports of runs, as `recording_report` writes them: which recordings were used, and which tests were seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import BadOption, BadRecording
from ..format.recording import JSON, load_json


@dataclass(frozen=True, slots=True)
class Reported:
    """Several reports joined.

    Attributes:
        unused: recordings that none of the runs used, as paths in the folder.
        tests: ids of the tests that made requests; None among them stands for requests without a test id.
        missed_tests: ids of tests with a missed request: such a test may not have reached its later requests.
        missed: the requests without a recording.
    """

    unused: frozenset[str]
    tests: frozenset[str | None]
    missed_tests: frozenset[str | None]
    missed: Sequence[dict[str, JSON]]


def read_reports(paths: Iterable[Path]) -> Reported:
    """Read reports and join them.

    Raises:
        BadOption: a file is no report.
    """
    return joined([_read(path) for path in paths])


def joined(reports: Sequence[Mapping[str, JSON]]) -> Reported:
    """Join reports."""
    unused = [frozenset(str(path) for path in _list(report, "unused")) for report in reports]
    missed = [one for report in reports for one in _objects(report, "missed")]
    seen = [one for report in reports for name in ("replayed", "recorded") for one in _objects(report, name)]
    return Reported(
        frozenset.intersection(*unused) if unused else frozenset(),
        frozenset(map(_test_of, [*seen, *missed])),
        frozenset(map(_test_of, missed)),
        missed,
    )


def _read(path: Path) -> dict[str, JSON]:
    try:
        value = load_json(path.read_bytes(), path)
    except (OSError, BadRecording) as exc:
        raise BadOption(f"{path}: expected the report of a run, {exc}") from exc
    if not isinstance(value, dict) or "totals" not in value or "unused" not in value:
        raise BadOption(
            f"{path}: expected the report of a run (recording_report), it has no totals and no unused"
        )
    return value


def _list(report: Mapping[str, JSON], name: str) -> list[JSON]:
    value = report.get(name)
    return value if isinstance(value, list) else []


def _objects(report: Mapping[str, JSON], name: str) -> list[dict[str, JSON]]:
    return [one for one in _list(report, name) if isinstance(one, dict)]


def _test_of(entry: dict[str, JSON]) -> str | None:
    test_id = entry.get("test_id")
    return test_id if isinstance(test_id, str) else None
