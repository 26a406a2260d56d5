"""The Responses API, whole or as events, as turns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..format.recording import JSON
from .turns import Kind, Transcript, Turn, content_turns, items, members, text_of, token_counts

# Events that carry the whole response at its end.
_LAST = ("response.completed", "response.incomplete", "response.failed", "response.cancelled")
_TEXT_DELTAS = {
    "response.output_text.delta": Kind.TEXT,
    "response.refusal.delta": Kind.REFUSAL,
    "response.reasoning_text.delta": Kind.REASONING,
    "response.reasoning_summary_text.delta": Kind.REASONING,
    "response.function_call_arguments.delta": Kind.TOOL_CALL,
}


def input_turns(body: dict[str, JSON]) -> Iterator[Turn]:
    """Yield the turns of a request: its instructions and its input."""
    if instructions := body.get("instructions"):
        yield from content_turns("system", instructions)
    given = body.get("input")
    if isinstance(given, list):
        for item in given:
            yield from [Turn("user", item)] if isinstance(item, str) else _item_turns(members(item), "user")
    else:
        yield from content_turns("user", given)


def _item_turns(item: dict[str, JSON], role: str) -> Iterator[Turn]:
    kind = text_of(item.get("type")) or "message"
    if kind == "message":
        yield from content_turns(text_of(item.get("role")) or role, item.get("content"))
    elif kind == "reasoning":
        for part in map(members, [*items(item.get("summary")), *items(item.get("content"))]):
            yield Turn("assistant", text_of(part.get("text")), Kind.REASONING)
    elif kind.endswith("_call_output"):
        yield Turn("tool", text_of(item.get("output")), Kind.TOOL_RESULT, text_of(item.get("call_id")))
    elif kind.endswith("_call"):
        arguments = item.get("arguments") or item.get("input") or item.get("action") or item.get("queries")
        yield Turn("assistant", text_of(arguments), Kind.TOOL_CALL, text_of(item.get("name")) or kind)
    else:
        yield Turn(role, f"[{kind}]", Kind.DATA)


def response(sent: tuple[Turn, ...], body: dict[str, JSON]) -> Transcript:
    """Return the transcript of one response object."""
    received = [
        turn for item in items(body.get("output")) for turn in _item_turns(members(item), "assistant")
    ]
    return Transcript(sent, tuple(received), token_counts(body.get("usage")), _ending(body))


def _ending(body: dict[str, JSON]) -> str:
    status = text_of(body.get("status"))
    detail = members(body.get("incomplete_details")).get("reason") or members(body.get("error")).get(
        "message"
    )
    return f"{status}: {text_of(detail)}" if detail else status


def streamed_response(sent: tuple[Turn, ...], events: Iterable[dict[str, JSON]]) -> Transcript:
    """Return the transcript of a stream of events: of its last event, or of its deltas where it broke off before."""
    seen = list(events)
    for event in reversed(seen):
        if event.get("type") in _LAST:
            return response(sent, members(event.get("response")))
    return Transcript(sent, tuple(_turns_of_deltas(seen)))


def _turns_of_deltas(events: Iterable[dict[str, JSON]]) -> Iterator[Turn]:
    texts: dict[tuple[str, str], tuple[Kind, str]] = {}
    names: dict[str, str] = {}
    for event in events:
        item = members(event.get("item"))
        if item:
            names[text_of(item.get("id"))] = text_of(item.get("name"))
        kind = _TEXT_DELTAS.get(text_of(event.get("type")))
        if kind is not None:
            key = (text_of(event.get("item_id")), kind.value)
            texts[key] = (kind, texts.get(key, (kind, ""))[1] + text_of(event.get("delta")))
    for (item_id, _), (kind, text) in texts.items():
        yield Turn("assistant", text, kind, names.get(item_id, "") if kind is Kind.TOOL_CALL else "")
