"""How an answer's body is cut into flushes, paced, altered and broken off. Sans-IO: bytes out, no waiting.

Rule 1: a chunk is one flush of the API: an event of a stream, or any other body whole.
Rule 2: everything that counts chunks counts these, before `split` and `content_encoding`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from enum import Enum
from typing import Any

from .compression import Compressor
from .errors import ScenarioError
from .events import ServerSentEvent, field_lines

LINE_ENDS = {"lf": "\n", "crlf": "\r\n", "cr": "\r"}
CHOICES: dict[str, tuple[str | None, ...]] = {
    "line_end": tuple(LINE_ENDS),
    "last_event_ends_with": ("blank line", "line end", "nothing"),
    "comments": (None, "inside", "between"),
    "content_encoding": (None, "gzip", "deflate", "br", "zstd", "accepted"),
    "cut_with": ("stream", "connection"),
}
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Delivery:
    """The ways in which an answer can travel. The defaults are the API on a good day.

    Attributes:
        start_delay_ms: wait before the status line.
        gap_ms: wait between two flushes.
        split: flush after every so many bytes, in the middle of a character if need be.
        line_end: `lf`, `crlf` or `cr`.
        byte_order_mark: put one before the first event.
        comments: `inside`: a comment line heads every event; `between`: a comment block follows each.
        data_lines: pretty-print JSON over several `data` lines.
        last_event_ends_with: `blank line`, `line end` or `nothing`.
        content_encoding: `gzip`, `deflate`, `br`, `zstd`, flushed per chunk, whether or not the client asked;
            `accepted`: the first of these that the request's accept-encoding names.
        content_length: say the length in advance, or not; None: for a whole body, not for a stream.
        cut_after_chunks, cut_after_bytes: break off after so much of the body (bytes: those on the wire).
        cut_with: `stream`: HTTP/1.1 closes the connection without the last chunk, HTTP/2 resets the stream;
            `connection`: HTTP/2 closes the connection, too.
        stall_after_chunks: send so many chunks, then wait until the client goes.
        no_answer: close the connection (or reset the stream) instead of answering.
    """

    start_delay_ms: float = 0
    gap_ms: float = 1
    split: int | None = None
    line_end: str = "lf"
    byte_order_mark: bool = False
    comments: str | None = None
    data_lines: bool = False
    last_event_ends_with: str = "blank line"
    content_encoding: str | None = None
    content_length: bool | None = None
    cut_after_chunks: int | None = None
    cut_after_bytes: int | None = None
    cut_with: str = "stream"
    stall_after_chunks: int | None = None
    no_answer: bool = False


class Ending(Enum):
    """The end of a body, after the last flush."""

    WHOLE = "whole"
    CUT = "cut"
    STALL = "stall"


def read_delivery(options: dict[str, Any], where: str, base: Delivery | None = None) -> Delivery:
    """Return `base` (a plain Delivery where None) with `options` applied.

    Raises:
        ScenarioError: an option that does not exist, or a value that it cannot have.
    """
    known = [field.name for field in fields(Delivery)]
    for name, value in options.items():
        if name not in known:
            raise ScenarioError(where, f"delivery.{name}", f"one of {', '.join(known)}")
        if name in CHOICES and value not in CHOICES[name]:
            raise ScenarioError(
                where, f"delivery.{name} = {value!r}", f"one of {', '.join(map(str, CHOICES[name]))}"
            )
    return replace(base or Delivery(), **options)


def accepted_encoding(delivery: Delivery, accept_encoding: str | None) -> Delivery:
    """Return `delivery` with `accepted` replaced by an encoding that the request names, or by none."""
    if delivery.content_encoding != "accepted":
        return delivery
    offered = [part.partition(";")[0].strip() for part in (accept_encoding or "").lower().split(",")]
    chosen = next((name for name in ("br", "zstd", "gzip", "deflate") if name in offered), None)
    return replace(delivery, content_encoding=chosen)


def event_chunks(events: Iterable[ServerSentEvent], delivery: Delivery) -> Iterator[bytes]:
    """Yield the bytes of each event, a chunk each, with the oddities that `delivery` asks for."""
    line_end = LINE_ENDS[delivery.line_end]
    pending: bytes | None = None
    for event in _with_comments(events, delivery.comments):
        if pending is not None:
            yield pending
        lines = field_lines(_with_data_lines(event) if delivery.data_lines else event)
        pending = "".join(line + line_end for line in [*lines, ""]).encode("utf-8", "surrogatepass")
    if pending is not None:
        yield _with_last_end(pending, delivery, line_end.encode())


def flushes(chunks: Iterable[bytes], delivery: Delivery) -> Iterator[bytes | Ending]:
    """Yield the bytes of each flush, and at the end the Ending."""
    room = delivery.cut_after_bytes
    for unit in _units(chunks, delivery):
        if isinstance(unit, Ending):
            yield unit
            return
        sendable = unit if room is None else unit[:room]
        yield from _split(sendable, delivery.split)
        if room is not None:
            room -= len(sendable)
            if room == 0:
                yield Ending.CUT
                return


def body_length(chunks: Iterable[bytes], delivery: Delivery) -> int:
    """Return the length that the body would have if it were delivered whole."""
    whole = replace(delivery, cut_after_chunks=None, cut_after_bytes=None, stall_after_chunks=None)
    return sum(len(unit) for unit in _units(chunks, whole) if isinstance(unit, bytes))


def _units(chunks: Iterable[bytes], delivery: Delivery) -> Iterator[bytes | Ending]:
    """Yield each chunk as it is encoded, then the Ending that `delivery` asks for."""
    compressor = Compressor(delivery.content_encoding)
    count = 0
    for count, chunk in enumerate(chunks):
        if ending := _ending_after(count, delivery):
            yield ending
            return
        marked = BYTE_ORDER_MARK + chunk if delivery.byte_order_mark and count == 0 else chunk
        yield compressor.chunk(marked)
    # Counts that the body does not reach break it off at its end, before the bytes that would mark it as whole.
    if delivery.cut_after_chunks is not None:
        yield Ending.CUT
    elif delivery.stall_after_chunks is not None:
        yield Ending.STALL
    else:
        yield compressor.end()
        yield Ending.WHOLE


def _ending_after(count: int, delivery: Delivery) -> Ending | None:
    if count == delivery.cut_after_chunks:
        return Ending.CUT
    if count == delivery.stall_after_chunks:
        return Ending.STALL
    return None


def _split(unit: bytes, size: int | None) -> Iterator[bytes]:
    step = size or max(len(unit), 1)
    for start in range(0, len(unit), step):
        yield unit[start : start + step]


def _with_comments(events: Iterable[ServerSentEvent], comments: str | None) -> Iterator[ServerSentEvent]:
    for event in events:
        yield replace(event, comment="keep-alive") if comments == "inside" else event
        if comments == "between":
            yield ServerSentEvent(comment="keep-alive")


def _with_data_lines(event: ServerSentEvent) -> ServerSentEvent:
    if event.data is None or not event.data.startswith(("{", '["')):
        return event
    return replace(event, data=json.dumps(json.loads(event.data), indent=1, ensure_ascii=False))


def _with_last_end(chunk: bytes, delivery: Delivery, line_end: bytes) -> bytes:
    ends_to_remove = {"blank line": 0, "line end": 1, "nothing": 2}[delivery.last_event_ends_with]
    return chunk[: len(chunk) - ends_to_remove * len(line_end)]
