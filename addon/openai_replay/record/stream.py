"""Record an event stream: its events as chunks, or as raw lines where they are no chunks of the API."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from ..format import json_text
from ..format.recording import JSON, Failure, Response, encode_chunk, envelope
from ..sdk import classes
from ..wire import framing, sse
from ..wire.corrections import CorrectionNotes, Found
from ..wire.white_space import COMPACT
from .chunk_templates import ChunkTemplates, RecordedChunk
from .completeness import Milestone, has_said_all, milestones_of
from .exchange import End, Exchange, Recorded, RecordedChunks, recorded_as
from .json_value import Normaliser, correction_member, exact_json, found_corrections, is_of_this_format
from .split_secrets import Edits, SplitSecrets, edited, spells_secrets


def recorded_stream(exchange: Exchange) -> Recorded:
    """Return the recording of a stream; see `record`."""
    recorded = _recorded(exchange, {})
    redactor, credentials = exchange.api_request.rules.redactor, exchange.api_request.credentials
    if recorded.chunks is None or not spells_secrets(recorded.chunks, redactor, credentials):
        return recorded
    return _recorded(exchange, _edits(exchange))


def _edits(exchange: Exchange) -> Edits:
    """Return the changes that take keys over several chunks out of them."""
    secrets = SplitSecrets(exchange.api_request.rules.redactor, exchange.api_request.credentials)
    for number, event in enumerate(_events(exchange, sse.Parser())):
        secrets.take(number, event.data or "")
    return secrets.edits()


def _recorded(exchange: Exchange, edits: Edits) -> Recorded:
    """Record a stream with changes to the data of its events."""
    stream, parser = _Stream(exchange), sse.Parser()
    for number, event in enumerate(_events(exchange, parser)):
        stream.take(_edited(event, edits[number]) if number in edits else event)
        if stream.is_raw:
            return _raw(exchange)
    recorded = stream.recorded(framing.notes_of_bytes(parser))
    return replace(recorded, redacted_needed_later=frozenset(stream.redacted_needed_later))


def _raw(exchange: Exchange) -> Recorded:
    """Record a stream whose events are not chunks of the API by its lines."""
    parser = sse.Parser()
    events = list(_events(exchange, parser))
    data = [event.data for event in events if event.data is not None]
    chunks = [text for text in data if text != sse.DONE]
    is_broken = _is_broken(exchange, is_done=len(chunks) < len(data))
    failure = _broken(exchange, len(chunks)) if is_broken else None
    headers = exchange.kept_headers("text/event-stream")
    lines: list[JSON] = [exchange.without_secrets(line) for event in events for line in _lines_of(event)]
    notes = framing.unterminated(events[-1].ending) if events and not is_broken else {}
    notes |= framing.notes_of_bytes(parser)
    return recorded_as(exchange.api_request, Response(lines, True, exchange.status, failure, headers, notes))


def _events(exchange: Exchange, parser: sse.Parser) -> Iterator[sse.Event]:
    """Yield the events that a parser reads; of a stream that broke off, only the complete ones."""
    for piece in exchange.body:
        yield from _redacted(parser.feed(piece), exchange)
    if exchange.end is End.COMPLETE:
        yield from _redacted(parser.close(), exchange)


def _redacted(events: Iterable[sse.Event], exchange: Exchange) -> Iterator[sse.Event]:
    """Yield the events with the secrets in their lines replaced; their data is redacted as JSON, later."""
    for event in events:
        lines = tuple(map(exchange.without_secrets, event.lines))
        yield event if lines == event.lines else replace(event, lines=lines)


def _edited(event: sse.Event, pieces: Mapping[int, str]) -> sse.Event:
    return replace(event, data=edited(event.data or "", pieces))


class _ChunkNotes(NamedTuple):
    """The notes of a chunk beside its text."""

    implied_lines: tuple[str, ...]
    corrections: Found
    layout: str
    ids: tuple[JSON, dict[str, JSON]]
    milestones: frozenset[Milestone]


class _Stream:
    """Collects the chunks of a stream, with notes about its framing and about corrections of its chunks.

    `is_raw` when its events turn out not to be chunks of the API.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._normaliser = Normaliser(exchange)
        self._corrections = CorrectionNotes(exchange.api_request.body)
        self._frames = framing.FrameNotes()
        self._templates = ChunkTemplates(self._made, classes.literals(), self._may_hold_secret)
        self._chunks = RecordedChunks()
        self._milestones: set[Milestone] = set()
        self._is_done = False
        self.is_raw = False
        self.redacted_needed_later: set[str] = set()

    def take(self, event: sse.Event) -> None:
        """Take the next event."""
        if self._is_done:
            if event.data:
                self.is_raw = True  # data follows [DONE]
            else:
                self._frames.after_done(event)
        elif not event.data:
            self._frames.block(len(self._chunks.texts), event)
        elif event.data == sse.DONE:
            self._is_done = True
            self._frames.done(event)
        else:
            self._take_chunk(event, event.data)

    def _take_chunk(self, event: sse.Event, text: str) -> None:
        made = self._templates.made(text, event.lines)
        if made is None:
            self.is_raw = True
            return
        notes = made.notes
        assert isinstance(notes, _ChunkNotes)
        self._frames.chunk(len(self._chunks.texts), event, notes.implied_lines)
        self._corrections.note(notes.corrections, notes.layout)
        self._normaliser.keep(*notes.ids)
        self._milestones |= notes.milestones
        self._chunks.add(made.text, made.significant)

    def _may_hold_secret(self, text: str) -> bool:
        api_request = self._exchange.api_request
        return api_request.rules.redactor.may_match(text, api_request.credentials)

    def _made(self, text: str, lines: tuple[str, ...]) -> RecordedChunk | None:
        """Record a chunk at length, None if the text is no chunk; its notes are not kept yet."""
        parsed = exact_json(text, self._exchange)
        if parsed is None or not isinstance(parsed.value, dict) or is_of_this_format(parsed.value):
            return None
        self.redacted_needed_later |= parsed.redacted_needed_later
        api_request, event_name = self._exchange.api_request, sse.event_name(lines)
        class_name = classes.class_for(
            api_request.method, api_request.endpoint(), parsed.value, streamed=True, event=event_name
        )
        stable = self._normaliser.stable_members(class_name, parsed.value)
        value, on_wire = ({**item, **stable} for item in (parsed.value, parsed.spelt))
        if framing.is_assistant_event(class_name):
            value, on_wire = ({"data": item, "event": event_name} for item in (value, on_wire))
        data = value if class_name is None else classes.dump(class_name, value)
        notes = _ChunkNotes(
            framing.implied_lines(class_name, data),
            found_corrections(
                self._corrections, class_name, data, on_wire, parsed.text, is_exact=parsed.is_exact
            ),
            "" if parsed.white_space in (None, COMPACT) else parsed.white_space.note(),
            (parsed.value.get("id"), stable),
            milestones_of(parsed.value),
        )
        recorded = encode_chunk(data if class_name is None else envelope(class_name, data))
        return RecordedChunk(recorded, _PADDING.sub("", recorded), notes)

    def recorded(self, notes_of_bytes: Mapping[str, JSON]) -> Recorded:
        """Return the recording of the stream, which has ended; for the notes see `framing.notes_of_bytes`."""
        exchange = self._exchange
        is_said = self._is_done or has_said_all(self._milestones, exchange.api_request.body)
        is_broken = _is_broken(exchange, is_done=is_said)
        failure = _broken(exchange, len(self._chunks.texts)) if is_broken else None
        headers = exchange.kept_headers("text/event-stream")
        may_lack_end = exchange.end in (End.LEFT_BY_CLIENT, End.CONNECTION_ENDED)
        is_end_unknown = is_broken or (may_lack_end and not self._is_done)
        frames = self._frames.result(exchange.api_request.endpoint(), is_end_unknown=is_end_unknown)
        corrections = correction_member(self._corrections)
        notes = {**frames, **notes_of_bytes, **corrections, **self._notes_of_socket()}
        response = Response([], True, exchange.status, failure, headers, notes)
        return recorded_as(
            exchange.api_request, response, chunks=self._chunks, mapping=self._normaliser.mapping()
        )

    def _notes_of_socket(self) -> dict[str, JSON]:
        api_request = self._exchange.api_request
        notes = self._exchange.socket.to_wire()
        return {
            name: api_request.rules.redactor.json(note, api_request.credentials)
            for name, note in notes.items()
        }


# In text that is indented; inside a string the quotes would be escaped. This is a member, and hardly ever the first.
_PADDING = re.compile(rf',\s*"obfuscation": {json_text.STRING}')


def _is_broken(exchange: Exchange, *, is_done: bool) -> bool:
    """Tell whether something is missing: a client that left when the API had said all missed nothing."""
    if exchange.end in (End.LEFT_BY_CLIENT, End.PROXY_ENDED, End.CONNECTION_ENDED):
        return not is_done
    return exchange.end is End.CUT_BY_UPSTREAM


def _lines_of(event: sse.Event) -> list[str]:
    """Return the lines of an event, the blank one that ends it among them."""
    return [*sse.lines_of(event), *([""] if event.ending == sse.BLANK_LINE else [])]


_REASONS = {
    End.LEFT_BY_CLIENT: "the client left",
    End.CUT_BY_UPSTREAM: "the connection to the API broke",
    End.CONNECTION_ENDED: "the connection to the API ended before the last event",
    End.PROXY_ENDED: "the proxy ended",
}


def _broken(exchange: Exchange, chunks: int) -> Failure:
    message = f"The stream broke off after {chunks} chunks: {_REASONS[exchange.end]}."
    return Failure(
        {
            "category": "stream",
            "provider": "openai",
            "type": "IncompleteStream",
            "message": message,
            "ended_by": exchange.end.value,
        },
        message,
    )
