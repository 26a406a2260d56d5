"""Send an answer over HTTP/1.1 or HTTP/2: its header fields, chunks and timed flushes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass

from .delivery import Delivery, Ending, accepted_encoding, body_length, event_chunks, flushes
from .exchange import Answer, Chunks, EventStream, Headers, Request

STATUSES_WITHOUT_BODY = (204, 205, 304)


@dataclass(frozen=True, slots=True)
class Transmission:
    """An answer ready to go: `headers` with the framing that `chunks` need, and the delivery to apply."""

    status: int
    headers: Headers
    chunks: Iterable[bytes]
    delivery: Delivery

    async def flushes(self) -> AsyncIterator[bytes | Ending]:
        """Yield the bytes of each write after its gap, and at the end the Ending."""
        first = True
        for flush in flushes(self.chunks, self.delivery):
            if isinstance(flush, bytes) and not first:
                await asyncio.sleep(self.delivery.gap_ms / 1000)
            first = False
            yield flush


def transmission(answer: Answer, request: Request) -> Transmission:
    """Return the transmission of `answer` to the client that made `request`.

    A body is left out where method or status forbid it (RFC 9110, sections 6.4.1 and 9.3.2).
    """
    delivery = accepted_encoding(answer.delivery, request.header("accept-encoding"))
    chunks = _chunks(answer, delivery)
    headers = _with_framing(answer, chunks, delivery)
    if request.method == "HEAD" or answer.status in STATUSES_WITHOUT_BODY:
        return Transmission(answer.status, headers, (), Delivery(start_delay_ms=delivery.start_delay_ms))
    return Transmission(answer.status, headers, chunks, delivery)


def _chunks(answer: Answer, delivery: Delivery) -> Iterable[bytes]:
    match answer.body:
        case EventStream(events):
            stream: Iterable[bytes] = event_chunks(events, delivery)
        case Chunks(chunks):
            stream = chunks
        case bytes() as whole:
            return [whole] if whole else []
        case _:
            raise TypeError(f"a WebSocket has no chunks to send: {answer}")
    return list(stream) if delivery.content_length else stream


def _with_framing(answer: Answer, chunks: Iterable[bytes], delivery: Delivery) -> Headers:
    headers = list(answer.headers)
    if delivery.content_encoding:
        headers.append(("content-encoding", delivery.content_encoding))
    length_is_known = isinstance(answer.body, bytes) and answer.status not in STATUSES_WITHOUT_BODY
    if length_is_known if delivery.content_length is None else delivery.content_length:
        headers.append(("content-length", str(body_length(chunks, delivery))))
    return tuple(headers)


def without_fields(headers: Headers, names: Sequence[str]) -> Headers:
    """Return `headers` without the fields called `names` (given in lower case)."""
    return tuple((name, value) for name, value in headers if name.lower() not in names)
