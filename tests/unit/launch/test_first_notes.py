"""`first_notes`: the first notes of a reason are named, and the others counted."""

from __future__ import annotations

import pytest

from openai_replay.launch.first_notes import by_reason, say_first
from openai_replay.record.raw_exchange import NotTaken

NOTES = [NotTaken("a", "one"), NotTaken("b", "two"), NotTaken("c", "one"), NotTaken("d", "one")]


def test_notes_of_one_reason_are_together_in_order() -> None:
    assert by_reason(NOTES) == [[NOTES[0], NOTES[2], NOTES[3]], [NOTES[1]]]


@pytest.mark.parametrize(
    ("most", "lines"),
    [
        (None, ["note: a: one", "note: c: one", "note: d: one"]),
        (3, ["note: a: one", "note: c: one", "note: d: one"]),
        (1, ["note: a: one", "note: 2 more for the same reason (ask)"]),
    ],
)
def test_the_others_are_counted(
    capsys: pytest.CaptureFixture[str], most: int | None, lines: list[str]
) -> None:
    say_first("note", by_reason(NOTES)[0], most, " (ask)")
    assert capsys.readouterr().err.splitlines() == [f"openai-replay: {line}" for line in lines]
