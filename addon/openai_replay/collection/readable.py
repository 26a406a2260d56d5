"""Print a recording as readable text for diffs: texts and settings of request and answer, without ids and padding.

The same lines are shown by `show`, compared by `diff`, and given to git as its textconv.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from ..format.recording import JSON, Chunks, Messages, RawLines, Recording
from ..format.short_text import number_of
from ..transcript.transcript import transcript
from ..transcript.turns import Kind, Turn, items, members

# Members of a request's body that the transcript shows as turns.
_AS_TURNS = frozenset(("messages", "input", "instructions", "prompt"))

_INDENT = "    "


def lines_of(recording: Recording) -> list[str]:
    """Return a recording as lines without their ends."""
    read = transcript(recording)
    return [
        *_request_lines(recording),
        *(line for turn in read.sent for line in _turn_lines(turn)),
        "",
        _status_line(recording),
        *(line for turn in read.received for line in _turn_lines(turn)),
        *([f"ended: {read.ending}"] if read.ending else []),
        *([f"tokens: {_tokens(read.usage)}"] if read.usage else []),
    ]


def _tokens(usage: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in usage.items())


# --- requests ---


def _request_lines(recording: Recording) -> Iterator[str]:
    request = recording.request
    yield f"{request.method} {request.url}"
    if recording.test_id is not None:
        yield f"test: {recording.test_id}"
    for name, value in sorted(members(request.body).items()):
        if name == "tools":
            yield from (f"tool: {_compact(tool)}" for tool in items(value))
        elif name not in _AS_TURNS:
            yield f"{name}: {_compact(value)}"


def _compact(value: JSON) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


# --- turns ---


def _turn_lines(turn: Turn) -> Iterator[str]:
    head = {
        Kind.TOOL_CALL: f"{turn.role} calls {turn.name}",
        Kind.TOOL_RESULT: f"{turn.role} {turn.name} returns".replace("  ", " "),
        Kind.REASONING: f"{turn.role} (reasoning)",
        Kind.REFUSAL: f"{turn.role} (refusal)",
    }.get(turn.kind, turn.role)
    text = _arguments(turn.text) if turn.kind is Kind.TOOL_CALL else turn.text
    first, *others = text.split("\n")
    yield f"{head}: {first}" if first or not others else f"{head}:"
    yield from (f"{_INDENT}{line}" if line else "" for line in others)


def _arguments(text: str) -> str:
    """Return the arguments of a call as JSON with sorted members; text that is no JSON as it is."""
    try:
        return _compact(json.loads(text))
    except ValueError:
        return text


# --- the answer ---


def _status_line(recording: Recording) -> str:
    response = recording.response
    match response.content():
        case Chunks(chunks):
            kind = f", {number_of(len(chunks), 'chunk')}"
        case Messages(messages):
            kind = f", {number_of(len(messages), 'message')}"
        case RawLines(lines):
            kind = f", a stream of {number_of(len(lines), 'line')}"
        case _:
            kind = ""
    model = _model_of_answer(recording)
    return f"{response.sent_status()}{kind}{f', {model}' if model else ''}"


def _model_of_answer(recording: Recording) -> str:
    """Return the model that answered, which names a date where the request names an alias."""
    body = recording.response.body
    chunk = members(next(iter(body), None) if isinstance(body, list) else body)
    data = members(chunk.get("__data__", chunk))
    model = data.get("model") or members(data.get("response")).get("model")
    return model if isinstance(model, str) else ""
