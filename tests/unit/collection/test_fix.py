"""`fix`: findings are mended in an order in which their paths still hold. The rest is in `test_check`."""

from __future__ import annotations

from pathlib import Path

from openai_replay.collection.check import Finding, Kind
from openai_replay.collection.fix import fix
from openai_replay.request.redaction import redactor
from openai_replay.request.rules import Rules
from openai_replay.store.names import file_name, numbered_stem

STEM = "c" * 64


def test_a_series_closes_its_gaps_from_the_lowest_number_on(tmp_path: Path) -> None:
    numbers = (3, 5, 12)
    for number in numbers:
        (tmp_path / file_name(numbered_stem(STEM, number))).write_text(str(number))
    findings = [
        Finding(file_name(numbered_stem(STEM, number)), Kind.GAP, "", file_name(numbered_stem(STEM, place)))
        for place, number in enumerate(numbers, 1)
    ]
    assert len([*fix(tmp_path, reversed(findings), Rules((), redactor(())))]) == 3
    left = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert left == {f"{STEM}.json": "3", f"{STEM}-2.json": "5", f"{STEM}-3.json": "12"}
