"""`progress`: a delay fades with each part that is in time."""

from __future__ import annotations

from openai_replay.service.progress import Progress


def test_a_delay_fades() -> None:
    progress = Progress()
    progress.late(1.0)
    progress.late(0.1)
    progress.in_time()
    assert 0.9 < progress.behind_s < 1.0
