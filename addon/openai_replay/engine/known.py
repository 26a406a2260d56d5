"""Requests that were answered before, and their latest answers in the form in which the server takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..replay.answer import Answer
from . import messages
from .messages import Message
from .request import ReceivedRequest, without_weightless

# Requests and their ready answers in memory, in bytes; beyond it all are forgotten, and made ready again.
_MOST_BYTES = 64 * 1024 * 1024

# Memory of a request of an SDK beside its body and its answer: nearly twenty headers, and objects.
_OVERHEAD_BYTES = 6 * 1024


@dataclass(slots=True)
class Known:
    """A request, its fingerprint, and its latest answer, ready to be sent.

    `response` has the bytes of the answer in HTTP/1.1, b"" until they are needed.
    """

    request: ReceivedRequest
    fingerprint: bytes
    answer: Answer | None = None
    messages: Sequence[Message] = ()
    response: bytes = b""

    def is_broken(self) -> bool:
        """Tell whether the latest answer breaks off, so that the connection ends behind it."""
        return bool(self.messages) and self.messages[-1]["more_body"] is True

    def take(self, answer: Answer) -> None:
        """Make an answer ready, unless it is the latest one."""
        if self.answer is not answer:
            self.answer, self.messages, self.response = answer, _messages(self.request, answer), b""

    def response_bytes(self) -> bytes:
        """Return the latest answer as the bytes of HTTP/1.1."""
        if not self.response:
            self.response = messages.http1(self.messages)
        return self.response

    def size(self) -> int:
        """Return about how many bytes it takes in memory, with its answer once as messages and once as bytes."""
        answer = 0 if self.answer is None else 2 * self.answer.size()
        return _OVERHEAD_BYTES + len(self.request.body) + answer


def _messages(request: ReceivedRequest, answer: Answer) -> tuple[Message, ...]:
    is_head = request.method == "HEAD"
    if answer.is_broken and not is_head:
        return messages.broken(answer, request.version)
    return messages.whole(answer.status, answer.headers, b"".join(answer.pieces), is_head=is_head)


class KnownRequests:
    """Requests in memory, by their digest and by their bytes in HTTP/1.1, headers without weight apart."""

    def __init__(self) -> None:
        self._by_digest: dict[bytes, Known] = {}
        self._by_bytes: dict[bytes, Known] = {}
        self._size = 0

    def __len__(self) -> int:
        return len(self._by_digest)

    def of_digest(self, digest: bytes) -> Known | None:
        """Return the request of a digest, None for one that was not answered."""
        return self._by_digest.get(digest)

    def of_bytes(self, data: bytes) -> Known | None:
        """Return the request that came as these bytes before, None for any other."""
        return self._by_bytes.get(data) or self._by_bytes.get(without_weightless(data))

    def keep(self, digest: bytes, known: Known, data: bytes) -> None:
        """Keep a request that was answered; `data` are its bytes in HTTP/1.1, b"" where they are not known."""
        if digest not in self._by_digest:
            self._add(known.size())
            self._by_digest[digest] = known
        if data and (written := without_weightless(data)) not in self._by_bytes:
            self._add(len(written))
            self._by_bytes[written] = known

    def _add(self, size: int) -> None:
        if self._size + size > _MOST_BYTES:
            self._by_digest.clear()
            self._by_bytes.clear()
            self._size = 0
        self._size += size
