"""`files`: the ending of a report file chooses its form."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from openai_replay.report_files.files import report_file

from .reports import report


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("r.html", b"<!doctype html>"),
        ("r.HTM", b"<!doctype html>"),
        ("r.xml", b"<?xml "),
        ("r.json", b"{"),
        ("r", b"{"),
    ],
)
def test_the_ending_chooses_the_form(tmp_path: Path, name: str, begins: bytes) -> None:
    assert report_file(Path(name), report(), tmp_path).startswith(begins)


def test_json_is_the_report_itself(tmp_path: Path) -> None:
    assert json.loads(report_file(Path("r.json"), report(), tmp_path)) == report()
