"""`completeness`: has a stream said all before the client left?"""

from __future__ import annotations

import pytest

from openai_replay.format.recording import JSON
from openai_replay.record.completeness import has_said_all, milestones_of


def end(index: int = 0, **more: JSON) -> JSON:
    return {"choices": [{"index": index, "finish_reason": "stop"}], **more}


USAGE: JSON = {"choices": [], "usage": {"total_tokens": 1}}
WITH_USAGE: JSON = {"stream": True, "stream_options": {"include_usage": True}}
IMAGE: JSON = {"type": "image_generation.completed"}

CASES: dict[str, tuple[JSON, list[JSON], bool]] = {
    "nothing": ({}, [], False),
    "a delta": ({}, [{"choices": [{"index": 0, "delta": {"content": "a"}}]}], False),
    "a finish reason": ({}, [end()], True),
    "one of two choices": ({"n": 2}, [end()], False),
    "two of two choices": ({"n": 2}, [end(), end(1)], True),
    "two prompts": ({"prompt": ["a", "b"]}, [end()], False),
    "tokens are one prompt": ({"prompt": [1, 2]}, [end()], True),
    "usage is awaited": (WITH_USAGE, [end()], False),
    "usage has come": (WITH_USAGE, [end(), USAGE], True),
    "usage of a delta is not the last": (
        WITH_USAGE,
        [{"choices": [{"index": 0}], "usage": {"a": 1}}, end()],
        False,
    ),
    "usage comes with the end": (WITH_USAGE, [end(usage={"total_tokens": 1})], True),
    "a completed response": ({}, [{"type": "response.completed"}], True),
    "one image": ({}, [IMAGE], True),
    "one of two images": ({"n": 2}, [IMAGE], False),
    "one image of a form": ({"__multipart__": [{"name": "prompt", "value": "x"}]}, [IMAGE], True),
    "one of two images of a form": ({"__multipart__": [{"name": "n", "value": "2"}]}, [IMAGE], False),
    "speech": ({}, [{"type": "speech.audio.done"}], True),
    "an assistant's run": ({}, [{"object": "thread.run", "status": "completed"}], True),
    "a run that goes on": ({}, [{"object": "thread.run", "status": "in_progress"}], False),
    "a run without a status": ({}, [{"object": "thread.run", "status": []}], False),
    "no object": ({}, [[], "x", None, {"type": 1}], False),
}


@pytest.mark.parametrize(("body", "chunks", "expected"), CASES.values(), ids=CASES)
def test_a_stream_is_complete_when_it_has_said_all(body: JSON, chunks: list[JSON], expected: bool) -> None:
    milestones = frozenset().union(*map(milestones_of, chunks))
    assert has_said_all(milestones, body) is expected
