"""`recorded_series`: memory is bounded, and a forgotten series is read again."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest

from openai_replay.format.recording import JSON
from openai_replay.replay import recorded_series
from unit.conftest import StartReplay
from unit.exchanges import Replay, chat, write_recording


@pytest.fixture
def replay(start_replay: StartReplay) -> Replay:
    return start_replay()


@pytest.mark.parametrize("is_request_large", [False, True])
def test_memory_is_bounded_and_what_was_let_go_is_read_again(
    folder: Path, replay: Replay, is_request_large: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    most_bytes = 4 * 1024 * 1024
    monkeypatch.setattr(recorded_series, "_MOST_KEPT_BYTES", most_bytes)
    large = "x" * (most_bytes * 3 // 32)
    requests = [chat(f"{number}", user=large if is_request_large else "me") for number in range(16)]
    for number, request in enumerate(requests):
        answer: JSON = {"n": number, "large": "" if is_request_large else large}
        write_recording(folder, f"{number}.json", request, answer)

    for _ in range(2):
        assert [replay.body(request)["n"] for request in requests] == list(range(16))
    kept = replay.kept_series()
    sizes = [series.kept_size for series in kept]
    assert 1 <= len(sizes) <= 10
    assert kept.size_bytes() == sum(sizes) <= most_bytes


def test_files_in_a_watched_folder_are_looked_at_once_until_something_changes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Replay(folder.resolve(), is_watched=True)) as replay:
        request = chat("Hi")
        write_recording(replay.store.directory, f"{request.name()}.json", request, {"n": 1})
        replay.body(request)
        replay.body(request)  # looks at the file, and need not do so again
        with monkeypatch.context() as patched:
            patched.setattr(os, "stat", lambda *_: pytest.fail("a file was looked at"))
            assert replay.body(request) == {"n": 1}
        write_recording(replay.store.directory, f"{request.name()}.json", request, {"n": 2})
        assert replay.body(request) == {"n": 2}
