"""`progress`: a counter on a terminal, and nothing anywhere else."""

from __future__ import annotations

import io

from openai_replay.launch import progress
from openai_replay.launch.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_pipe_gets_nothing() -> None:
    stream = io.StringIO()
    counter = Progress("files", 3, stream)
    counter.next_at = 0.0
    counter.step()
    counter.clear()
    assert stream.getvalue() == ""


def test_a_terminal_gets_one_line_that_is_cleared() -> None:
    stream = Terminal()
    counter = Progress("files", 1_200, stream)
    counter.next_at = 0.0
    counter.step()
    assert stream.getvalue() == "\r\x1b[K1 of 1,200 files"
    counter.clear()
    assert stream.getvalue().endswith("\r\x1b[K")


def test_counting_passes_the_things_on() -> None:
    assert [*progress.counted(range(3), "things")] == [0, 1, 2]
