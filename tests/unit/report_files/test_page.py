"""`page`: one file that needs no network, with every part of the report."""

from __future__ import annotations

import re
from pathlib import Path

from openai_replay.report_files.page import page

from .reports import EMPTY, report


def test_the_page_loads_nothing(tmp_path: Path) -> None:
    text = page(report(), tmp_path)
    assert re.findall(r"(?:src|href)=|url\(|@import|https?://", text) == []
    assert "default-src 'none'" in text


def test_each_entry_carries_its_test_and_outcome(tmp_path: Path) -> None:
    entries = re.findall(r'data-test="([^"]*)" data-outcome="([^"]*)"', page(report(), tmp_path))
    assert entries == [
        ("t", "not_recorded"),
        ("tests/test_a.py::test_b", "missed"),
        ("(no test id)", "replayed"),
    ]


def test_differences_are_escaped(tmp_path: Path) -> None:
    assert "recorded &quot;&lt;b&gt;Hi&quot;, asked &quot;Ho&quot;" in page(report(), tmp_path)


def test_a_run_without_requests_has_counts_alone(tmp_path: Path) -> None:
    text = page(EMPTY, tmp_path)
    assert "<h2>" not in text
    assert text.count("<b>0</b>") == 5


def test_faults_and_pacing_are_counted_per_test(tmp_path: Path) -> None:
    text = page(report(faulted=[{"fault": "slow", "test_id": "<t>", "times": 2}]), tmp_path)
    assert "<tr><td>&lt;t&gt;</td><td>2 with slow</td></tr>" in text
    assert "changed on purpose" not in page(report(), tmp_path)


def test_notes_about_the_run_are_a_list(tmp_path: Path) -> None:
    text = page(report(other_apis={"api.anthropic.com": 2}), tmp_path)
    assert "<li>2 connections went to api.anthropic.com, a model API that is not recorded</li>" in text
