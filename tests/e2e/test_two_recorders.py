"""Two proxies of two users record the same requests into one folder at the same time."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from openai_replay.mock import Upstream
from support.base_url import REVERSE, BaseURL, answer_in_turn, said
from support.proxy import Proxy, proxy
from support.requests import chat_body

_REPEATS = 12


def record(running: Proxy) -> list[str]:
    """Record one request several times, and return its answers."""
    with BaseURL(running) as client:
        answers = [said(client.send(chat_body("Hi"))) for _ in range(_REPEATS)]
        # It is answered when all recordings before it are written.
        assert client.send(None, "/@/report").status == 200
    return answers


def test_no_answer_of_either_is_lost_and_the_second_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    with Upstream() as upstream, ExitStack() as stack:
        answer_in_turn(upstream, *(f"answer {number}" for number in range(2 * _REPEATS)))
        options = ("recording_mode=record", f"recording_dir={folder}")
        both = [
            stack.enter_context(proxy(tmp_path / home, *options, upstream=upstream, mode=REVERSE))
            for home in ("first", "second")
        ]
        with ThreadPoolExecutor() as pool:
            answers = [answer for answers in pool.map(record, both) for answer in answers]
        logs = [running.log() for running in both]

    recorded = {path.name: path.read_text() for path in folder.glob("*.json")}
    assert sorted(re.findall(r'"said": "(.+)"', "".join(recorded.values()))) == sorted(answers)
    assert len(recorded) == len(answers)
    assert len(set(answers)) == 2 * _REPEATS
    assert sum("Another process records" in log for log in logs) == 1
    assert sorted(path.name for path in folder.iterdir() if path.name not in recorded) == [".gitignore"]
