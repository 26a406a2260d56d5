"""A content view of mitmweb and mitmproxy that shows requests and answers of the API as a conversation."""

from __future__ import annotations

from collections.abc import Iterator

from mitmproxy import contentviews, ctx, http
from mitmproxy.contentviews import Contentview, Metadata

from ..transcript.turns import Kind, Transcript, Turn
from ..transcript.wire_transcript import received_transcript, sent_turns

# Above mitmproxy's own views of JSON (1) and of text, so that "auto" chooses this one.
_PRIORITY = 2.0

_MEMBERS_OF_REQUESTS = (b'"messages"', b'"input"', b'"prompt"')
_MEMBERS_OF_ANSWERS = (b'"choices"', b'"output"')


class ConversationView(Contentview):
    """The conversation in a request or an answer: texts, reasoning, tool calls, usage and how it ended."""

    @property
    def name(self) -> str:
        """The name under which a person chooses this view."""
        return "OpenAI conversation"

    def prettify(self, data: bytes, metadata: Metadata) -> str:
        """Return the conversation as text.

        Raises:
            ValueError: the body is not one of the API.
        """
        if isinstance(metadata.http_message, http.Request):
            return "\n".join(_turn_lines(sent_turns(data)))
        return "\n".join(_lines(received_transcript(data, _media_type(metadata))))

    def render_priority(self, data: bytes, metadata: Metadata) -> float:
        """Return a priority above JSON's for bodies that look like a conversation, and -1 for others."""
        members: tuple[bytes, ...] = _MEMBERS_OF_REQUESTS
        if isinstance(metadata.http_message, http.Response):
            members = _MEMBERS_OF_ANSWERS
            if _media_type(metadata) == "text/event-stream" and b"data:" in data:
                return _PRIORITY
        is_json = _media_type(metadata) == "application/json" or data[:1] == b"{"
        return _PRIORITY if is_json and any(name in data for name in members) else -1


def _media_type(metadata: Metadata) -> str:
    return (metadata.content_type or "").partition(";")[0].strip().lower()


def _lines(read: Transcript) -> Iterator[str]:
    yield from _turn_lines(read.received)
    counts = ", ".join(f"{count} {name}" for name, count in read.usage.items())
    if read.ending or counts:
        yield f"[{'; '.join(filter(None, (read.ending, f'tokens: {counts}' if counts else '')))}]"


def _turn_lines(turns: tuple[Turn, ...]) -> Iterator[str]:
    for turn in turns:
        kind = "" if turn.kind is Kind.TEXT else f" ({turn.kind.value})"
        yield f"{turn.role}{kind}{f' {turn.name}' if turn.name else ''}:"
        yield from (f"    {line}" for line in turn.text.splitlines() or [""])


def show_conversations() -> None:
    """Add the view, and keep streamed bodies to be seen where flows can be looked at (mitmweb, mitmproxy)."""
    contentviews.add(ConversationView())
    if ctx.master.addons.get("view") is not None:
        ctx.options.update(store_streamed_bodies=True)
