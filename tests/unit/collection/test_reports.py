"""`reports`: several reports together name the used recordings, the tests and the misses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from openai_replay.collection.reports import read_reports
from openai_replay.errors import BadOption


def report(path: Path, unused: list[str], **more: Any) -> Path:
    path.write_text(json.dumps({"totals": {}, "unused": unused, **more}))
    return path


def test_a_recording_is_unused_if_no_run_used_it(tmp_path: Path) -> None:
    reported = read_reports(
        [
            report(tmp_path / "1", ["a", "b"], replayed=[{"test_id": "one"}], recorded=[{"test_id": None}]),
            report(tmp_path / "2", ["b", "c"], missed=[{"test_id": "two", "request": "x"}]),
        ]
    )
    assert reported.unused == {"b"}
    assert reported.tests == {"one", None, "two"}
    assert reported.missed_tests == {"two"}
    assert reported.missed == [{"test_id": "two", "request": "x"}]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"totals": {}}', "{"])
def test_another_file_is_an_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "report.json"
    path.write_text(text)
    with pytest.raises(BadOption, match="expected the report of a run"):
        read_reports([path])


def test_a_report_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="No such file"):
        read_reports([tmp_path / "gone"])
