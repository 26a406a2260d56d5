"""`title_counter`: the number of recordings so far, in the title of a terminal."""

from __future__ import annotations

import io
import threading

from openai_replay.launch.title_counter import TitleCounter


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_each_count_once_and_its_title_is_cleared() -> None:
    counts = iter([{"recorded": 1}, {"recorded": 1}, None, {"recorded": 7}])
    done = threading.Event()

    def totals() -> dict[str, int] | None:
        found = next(counts, {"recorded": 8})
        if found == {"recorded": 8}:
            done.set()
        return found

    stream = Terminal()
    with TitleCounter(totals, stream, seconds=0.001):
        assert done.wait(60)
    text = stream.getvalue()
    assert text.startswith("\x1b]2;openai-replay: 1 recorded\x07\x1b]2;openai-replay: 7 recorded\x07")
    assert text.endswith("\x1b]2;\x07")
    assert text.count("1 recorded") == 1


def test_anything_else_stays_as_it_is() -> None:
    stream = io.StringIO()
    with TitleCounter(lambda: {"recorded": 1}, stream, seconds=0.001):
        pass
    with TitleCounter(lambda: {"recorded": 1}, None):
        pass
    assert stream.getvalue() == ""
