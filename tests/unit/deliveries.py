"""Answers and schedules for the tests of pacing and faults."""

from __future__ import annotations

from pathlib import Path

from openai_replay.replay.answer import Answer

JSON_HEADERS = (("content-type", "application/json"), ("openai-version", "2020-10-01"))
STREAM_HEADERS = (("content-type", "text/event-stream; charset=utf-8"),)


def a_stream(*pieces: bytes, is_broken: bool = False) -> Answer:
    return Answer(Path("x.json"), 200, STREAM_HEADERS, pieces, is_broken=is_broken, is_stream=True)


def a_body(body: bytes = b'{"id": "x"}') -> Answer:
    return Answer(Path("x.json"), 200, JSON_HEADERS, (body,))


def chunks(count: int) -> tuple[bytes, ...]:
    """Return so many events, each with its number."""
    return tuple(b'data: {"n":%d}\n\n' % number for number in range(1, count + 1))
