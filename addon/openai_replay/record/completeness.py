"""Tell whether a stream that the client left early was complete: if its last event had come, it is recorded as whole.

A chat completion is complete when each of its choices has a finish reason, and the usage has come if the request
set `stream_options.include_usage`. The streams of the other operations end with an event of a certain type; images
send one for each image, so that a stream of several images is complete only with its formal end.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Final

from ..format.recording import JSON
from ..request.multipart import MULTIPART
from ..wire.rebuild import asks_usage

# ("finished", number of the choice), ("usage",), ("image",) or ("last",).
type Milestone = tuple[str | int, ...]

_USAGE: Final[Milestone] = ("usage",)
_LAST: Final[Milestone] = ("last",)
_IMAGE: Final[Milestone] = ("image",)

_IMAGE_EVENTS = frozenset({"image_generation.completed", "image_edit.completed"})

_LAST_EVENTS = frozenset(
    {
        "response.completed",
        "response.failed",
        "response.incomplete",
        "error",
        "speech.audio.done",
        "transcript.text.done",
    }
)

# States in which a run of an assistant stays; its stream has only a formal end after them.
_ENDED_RUNS = frozenset({"completed", "failed", "cancelled", "expired", "incomplete", "requires_action"})

_NONE: Final[frozenset[Milestone]] = frozenset()


def milestones_of(chunk: JSON) -> frozenset[Milestone]:
    """Return the milestones of a complete stream that a chunk brings, such as a choice's end or the usage."""
    if not isinstance(chunk, dict):
        return _NONE
    choices = chunk.get("choices")
    if isinstance(choices, list):
        return _of_completion(choices, has_usage=bool(chunk.get("usage")))
    kind, status = chunk.get("type"), chunk.get("status")
    if chunk.get("object") == "thread.run" and isinstance(status, str) and status in _ENDED_RUNS:
        return frozenset({_LAST})
    if not isinstance(kind, str):
        return _NONE
    return frozenset({_LAST} if kind in _LAST_EVENTS else {_IMAGE} if kind in _IMAGE_EVENTS else ())


def _of_completion(choices: list[JSON], *, has_usage: bool) -> frozenset[Milestone]:
    ends = [choice for choice in choices if isinstance(choice, dict) and choice.get("finish_reason")]
    indices = [choice.get("index", 0) for choice in ends]
    finished = {("finished", index) for index in indices if isinstance(index, int)}
    # Some servers send the usage with every chunk; only the last usage is complete.
    return frozenset(finished | ({_USAGE} if has_usage and (ends or not choices) else set()))


def has_said_all(milestones: AbstractSet[Milestone], request_body: JSON) -> bool:
    """Tell whether a stream with these milestones lacks nothing but its formal end."""
    if _LAST in milestones:
        return True
    if _IMAGE in milestones:
        return _requested_choices(request_body) == 1
    finished = {milestone for milestone in milestones if milestone[0] == "finished"}
    return len(finished) >= _requested_choices(request_body) and (
        _USAGE in milestones or not asks_usage(request_body)
    )


def _requested_choices(request_body: JSON) -> int:
    """Return how many choices a completion has: `n` for each prompt."""
    body = _fields(request_body)
    count, prompt = body.get("n"), body.get("prompt")
    prompts = (
        len(prompt) if isinstance(prompt, list) and any(isinstance(one, str | list) for one in prompt) else 1
    )
    return max(1, count if isinstance(count, int) else 1) * max(1, prompts)


def _fields(request_body: JSON) -> dict[str, JSON]:
    """Return the members of a body, or the fields of a form, with numbers for digits."""
    if not isinstance(request_body, dict):
        return {}
    parts = request_body.get(MULTIPART)
    if not isinstance(parts, list):
        return request_body
    fields = {part.get("name"): part.get("value") for part in parts if isinstance(part, dict)}
    texts = {name: text for name, text in fields.items() if isinstance(name, str) and isinstance(text, str)}
    return {name: int(text) if text.isdecimal() and len(text) < 9 else text for name, text in texts.items()}
