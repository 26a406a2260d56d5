"""Each request to a recorded host ends in exactly one outcome, in each mode, however its answer ends."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.requests import streamed_chat_body

from .conftest import Loaded, loaded, request_flow

MODES = ("replay", "record", "record-if-missing", "live")
EVENT = b'data: {"choices": [{"index": 0, "delta": {"content": "a"}}]}\n\n'
# How the API answers: headers, pieces of the body, and how mitmproxy says that it broke off ("" for a whole answer).
ENDINGS: dict[str, tuple[dict[str, str], tuple[bytes, ...], str]] = {
    "a stream": ({"content_type": "text/event-stream"}, (EVENT, b"data: [DONE]\n\n"), ""),
    "a broken stream": ({"content_type": "text/event-stream"}, (EVENT,), "peer closed connection"),
    "a stream that is left": ({"content_type": "text/event-stream"}, (EVENT,), "Client disconnected."),
    "an object": ({"content_type": "application/json"}, (b'{"id": "x"}',), ""),
    "half an object": ({"content_type": "application/json"}, (b'{"id"',), "peer closed connection"),
    "bytes": ({"content_type": "audio/mpeg"}, (b"\xff\xfb\x00",), ""),
    "a bad coding": ({"content_type": "application/json", "content_encoding": "gzip"}, (b"no gzip",), ""),
    "no answer": ({}, (), "[Errno 111] Connection refused"),
}
PATHS = st.sampled_from(("/v1/chat/completions", "/v1/chat/completions", "/v1/%zz?a=%&b", "//v1/../x", "*"))
REQUESTS = st.tuples(st.sampled_from(("one", "two")), PATHS, st.sampled_from(sorted(ENDINGS)))
type Request = tuple[str, str, str]


async def answered(addon: Loaded, word: str, path: str, ending: str) -> None:
    """Send a request, and let the API answer it if it is recorded."""
    body = streamed_chat_body(word)
    flow = request_flow(body, authorization="Bearer sk-test")
    flow.request.path = path
    await addon.ask(flow)
    is_answered = flow.response is not None or flow.request.host == "127.0.0.1"  # the own origin's
    if is_answered or addon.option("recording_mode") == "live":
        return
    headers, pieces, message = ENDINGS[ending]
    if not message:
        await addon.answer(flow, *pieces, **headers)
        return
    if headers:
        await addon.begin_answer(flow, *pieces, **headers)
    await addon.break_off(flow, message)


async def outcomes(
    mode: str, folder: Path, requests: list[Request], caplog: pytest.LogCaptureFixture
) -> list[str]:
    """Return the lines that the requests got in the log."""
    caplog.clear()
    async with loaded(folder, recording_mode=mode) as addon:
        for word, path, ending in requests:
            await answered(addon, word, path, ending)
    return [record.getMessage() for record in caplog.records if record.name == "openai_replay.requests"]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(MODES), st.lists(REQUESTS, max_size=3), st.lists(REQUESTS, min_size=1, max_size=4))
def test_each_request_has_exactly_one_outcome(
    caplog: pytest.LogCaptureFixture,
    mode: str,
    before: list[Request],
    requests: list[Request],
) -> None:
    caplog.set_level(logging.INFO, "openai_replay.requests")
    with tempfile.TemporaryDirectory() as name:
        asyncio.run(outcomes("record", Path(name), before, caplog))
        lines = asyncio.run(outcomes(mode, Path(name), requests, caplog))
    assert len(lines) == len(requests), lines
