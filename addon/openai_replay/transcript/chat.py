"""Chat completions and legacy completions, whole or streamed, as turns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ..format.recording import JSON
from .turns import Kind, Transcript, Turn, content_turns, items, members, text_of, token_counts

# Members of a message or delta that hold reasoning: DeepSeek's and vLLM's, and OpenRouter's.
_REASONING = ("reasoning_content", "reasoning")


def message_turns(messages: JSON) -> Iterator[Turn]:
    """Yield the turns of `messages` of a request."""
    for message in map(members, items(messages)):
        role = text_of(message.get("role")) or "user"
        if role == "tool":
            yield Turn(role, text_of(message.get("content")), Kind.TOOL_RESULT, text_of(message.get("name")))
        else:
            yield from _turns_of_message(role, message)


def _turns_of_message(role: str, message: dict[str, JSON]) -> Iterator[Turn]:
    for name in _REASONING:
        if isinstance(reasoning := message.get(name), str) and reasoning:
            yield Turn(role, reasoning, Kind.REASONING)
    yield from content_turns(role, message.get("content"))
    if isinstance(refusal := message.get("refusal"), str) and refusal:
        yield Turn(role, refusal, Kind.REFUSAL)
    calls = [*items(message.get("tool_calls")), *([call] if (call := message.get("function_call")) else [])]
    for call in map(members, calls):
        function = members(call.get("function")) or members(call.get("custom")) or call
        arguments = text_of(function.get("arguments") or function.get("input"))
        yield Turn(role, arguments, Kind.TOOL_CALL, text_of(function.get("name")))


def completion(sent: tuple[Turn, ...], body: dict[str, JSON]) -> Transcript:
    """Return the transcript of one completion object."""
    received: list[Turn] = []
    endings = []
    for choice in map(members, items(body.get("choices"))):
        message = members(choice.get("message")) or {"content": choice.get("text")}
        received += _turns_of_message(text_of(message.get("role")) or "assistant", message)
        endings.append(text_of(choice.get("finish_reason")))
    return Transcript(
        sent, tuple(received), token_counts(body.get("usage")), ", ".join(filter(None, endings))
    )


@dataclass(slots=True)
class _Choice:
    """A streamed choice, assembled: `tool_calls` by their index, each as name and pieces of arguments."""

    message: dict[str, str] = field(default_factory=dict)
    tool_calls: dict[int, list[str]] = field(default_factory=dict)
    finish_reason: str = ""

    def add(self, choice: dict[str, JSON]) -> None:
        delta = members(choice.get("delta")) or {"content": choice.get("text")}
        for name in ("role", "content", "refusal", *_REASONING):
            if isinstance(text := delta.get(name), str):
                self.message[name] = text if name == "role" else self.message.get(name, "") + text
        for position, call in enumerate(map(members, items(delta.get("tool_calls")))):
            self._add_call(call, position)
        self.finish_reason = text_of(choice.get("finish_reason")) or self.finish_reason

    def _add_call(self, call: dict[str, JSON], position: int) -> None:
        index = call.get("index")
        pieces = self.tool_calls.setdefault(index if isinstance(index, int) else position, ["", ""])
        function = members(call.get("function"))
        pieces[0] += text_of(function.get("name"))
        pieces[1] += text_of(function.get("arguments"))

    def turns(self) -> Iterator[Turn]:
        calls: list[JSON] = [
            {"function": {"name": name, "arguments": arguments}}
            for _, (name, arguments) in sorted(self.tool_calls.items())
        ]
        role = self.message.get("role", "assistant")
        yield from _turns_of_message(role, {**self.message, "tool_calls": calls})


def streamed_completion(sent: tuple[Turn, ...], chunks: Iterable[dict[str, JSON]]) -> Transcript:
    """Return the transcript of the chunks of a stream."""
    choices: dict[int, _Choice] = {}
    usage: dict[str, int] = {}
    for chunk in chunks:
        usage = token_counts(chunk.get("usage")) or usage
        for choice in map(members, items(chunk.get("choices"))):
            index = choice.get("index")
            choices.setdefault(index if isinstance(index, int) else 0, _Choice()).add(choice)
    received = tuple(turn for _, choice in sorted(choices.items()) for turn in choice.turns())
    endings = ", ".join(choice.finish_reason for _, choice in sorted(choices.items()) if choice.finish_reason)
    return Transcript(sent, received, usage, endings)
