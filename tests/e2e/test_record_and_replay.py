"""A stream recorded through a real mitmdump and replayed by another one, that upstream never hears of."""

import json
from pathlib import Path

import pytest

from openai_replay.mock import Upstream
from support.proxy import curl, proxy, recordings
from support.requests import CHAT_URL, streamed_chat_body

STREAM = json.dumps(streamed_chat_body("Say hello in 12 words"))


def chunks(body: bytes) -> list[object]:
    events = [block.removeprefix(b"data: ") for block in body.split(b"\n\n") if block]
    assert events.pop() == b"[DONE]"
    return [
        {name: value for name, value in json.loads(event).items() if name not in ("id", "created")}
        for event in events
    ]


@pytest.mark.parametrize("protocol", ["--http1.1", "--http2"])
def test_a_recorded_stream_is_replayed_chunk_by_chunk_without_upstream(tmp_path: Path, protocol: str) -> None:
    folder = tmp_path / "recordings"
    with Upstream() as upstream:
        with proxy(
            tmp_path / "home", "recording_mode=record", f"recording_dir={folder}", upstream=upstream
        ) as recorder:
            recorded = curl(recorder, CHAT_URL, protocol, "-d", STREAM)
        assert recorded.returncode == 0, recorded.stderr
        connections = upstream.connections
        with proxy(tmp_path / "home", f"recording_dir={folder}", upstream=upstream) as replayer:
            replayed = curl(replayer, CHAT_URL, protocol, "-d", STREAM)
        assert upstream.connections == connections
    assert replayed.returncode == 0, replayed.stderr
    assert chunks(replayed.stdout) == chunks(recorded.stdout)
    assert len(recordings(folder)) == 1
