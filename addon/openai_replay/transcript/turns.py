"""The parts of a conversation: turns, token counts and the ending. Readers of JSON that take any shape."""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..format.recording import JSON


class Kind(enum.Enum):
    """The kind of a turn's text."""

    TEXT = "text"
    REASONING = "reasoning"
    REFUSAL = "refusal"
    TOOL_CALL = "tool call"
    TOOL_RESULT = "tool result"
    DATA = "data"


@dataclass(frozen=True, slots=True)
class Turn:
    """One piece of a conversation. `name` is the tool's, for calls and results; `text` its arguments or its output."""

    role: str
    text: str
    kind: Kind = Kind.TEXT
    name: str = ""


@dataclass(frozen=True, slots=True)
class Transcript:
    """A request and its answer as a person reads them.

    `ending` is the API's word (`stop`, `length`, `completed`, …), or the error, or the break of a stream.
    """

    sent: tuple[Turn, ...]
    received: tuple[Turn, ...]
    usage: Mapping[str, int] = field(default_factory=dict)
    ending: str = ""

    def prompt(self) -> str:
        """Return the last text that the model was given, of a session the user's first one; "" where there is none."""
        texts = [turn.text for turn in self.sent if turn.kind is not Kind.DATA and turn.text]
        said = (turn.text for turn in self.received if turn.role == "user" and turn.text)
        return texts[-1] if texts else next(said, "")


def members(value: JSON) -> dict[str, JSON]:
    """Return an object's members, none for another value."""
    return value if isinstance(value, dict) else {}


def items(value: JSON) -> list[JSON]:
    """Return an array's items, none for another value."""
    return value if isinstance(value, list) else []


def text_of(value: JSON) -> str:
    """Return a text as it is, nothing for null, and another value as JSON text."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def content_turns(role: str, content: JSON) -> Iterator[Turn]:
    """Yield the turns of a message's content: a text, or parts of text, images, audio and files."""
    if isinstance(content, list):
        for part in content:
            yield from _part_turns(role, part)
    elif content not in (None, ""):
        yield Turn(role, text_of(content))


def _part_turns(role: str, part: JSON) -> Iterator[Turn]:
    kind = members(part).get("type")
    if isinstance(text := members(part).get("text"), str):
        yield Turn(role, text)
    elif isinstance(refusal := members(part).get("refusal"), str):
        yield Turn(role, refusal, Kind.REFUSAL)
    elif isinstance(kind, str):
        yield Turn(role, _named(kind, members(part)), Kind.DATA)
    else:
        yield Turn(role, text_of(part))


def _named(kind: str, part: dict[str, JSON]) -> str:
    """Return an image, a sound or a file as its kind with its address, or with type, length and digest of its data."""
    inner = part.get(kind)
    given = {**part, **(inner if isinstance(inner, dict) else {"url": inner})}
    names = (text_of(given.get(name)) for name in ("filename", "file_id", "format"))
    address = next((text_of(given[name]) for name in _ADDRESSES if given.get(name)), "")
    return f"[{' '.join(word for word in (kind, *names, _short(address)) if word)}]"


def _short(address: str) -> str:
    """Return a URL as it is; of data, its type, its length in base64, and a digest that tells it from other data."""
    head, _, data = address.rpartition(",")
    if len(address) <= _LONGEST_ADDRESS and not head.startswith("data:"):
        return address
    digest = hashlib.sha256(data.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    kind = head.removeprefix("data:").removesuffix(";base64")
    return f"{kind} {len(data):,} characters, {digest}".strip()


# Members of a part, or of its member of the part's own type, that hold its data or its address.
_ADDRESSES = ("url", "image_url", "file_url", "file_data", "data")
_LONGEST_ADDRESS = 200
_DIGITS = 8

_TOKENS = {
    "prompt_tokens": "input",
    "input_tokens": "input",
    "completion_tokens": "output",
    "output_tokens": "output",
    "total_tokens": "total",
}


def token_counts(usage: JSON) -> dict[str, int]:
    """Return the tokens of a `usage` object as input, output and total."""
    counts = members(usage)
    return {
        name: value
        for member, name in _TOKENS.items()
        if isinstance(value := counts.get(member), int) and not isinstance(value, bool)
    }
