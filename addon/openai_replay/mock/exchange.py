"""A request that the mock received, and its answer, before anything is sent.

Rule: the content (`api/`, `scenarios.py`) knows nothing of its transport
(`delivery.py`), and neither knows the protocol that carries it (`http1.py`, `http2.py`, `websocket.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from urllib.parse import parse_qs

from .conversation import Begin, Message
from .delivery import Delivery
from .events import ServerSentEvent

Header = tuple[str, str]
Headers = tuple[Header, ...]


class Outcome(Enum):
    """How the answer to a request ended, seen from the upstream."""

    ANSWERED = "answered"
    CUT = "cut by the upstream"
    CLIENT_LEFT = "the client left"


@dataclass(slots=True)
class Request:
    """A request with its whole body. `outcome` is None for as long as it is being answered."""

    method: str
    target: str
    """Path and query as they stood on the request line (RFC 9112 section 3.2: request-target)."""
    scheme: str
    host: str
    """The authority: the Host header, or `:authority` in HTTP/2."""
    headers: Headers
    body: bytes
    http_version: str
    """`HTTP/1.1` or `HTTP/2`."""
    outcome: Outcome | None = field(default=None, compare=False)
    messages: list[Message] = field(default_factory=list, compare=False)
    """What the client said over the WebSocket that this request opened, message by message."""
    closed: tuple[int, str] | None = field(default=None, compare=False)
    """Code and reason of the client's close frame, None for as long as there is none."""

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """The query: the target after the question mark, or the empty string."""
        return self.target.partition("?")[2]

    @property
    def parameters(self) -> dict[str, str]:
        """The query's parameters; of a repeated one the last value."""
        return {name: values[-1] for name, values in parse_qs(self.query, keep_blank_values=True).items()}

    def header(self, name: str) -> str | None:
        """Return the first value of the header `name`, in any case; None where there is none."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def json(self) -> dict[str, Any]:
        """Return the body as a JSON object; an empty one where the body is anything else."""
        try:
            body = json.loads(self.body)
        except ValueError:
            return {}
        return body if isinstance(body, dict) else {}


@dataclass(frozen=True, slots=True)
class EventStream:
    """A body of server-sent events. Each event is sent as a separate chunk."""

    events: Iterable[ServerSentEvent]


@dataclass(frozen=True, slots=True)
class Chunks:
    """A body whose chunks are given as bytes."""

    chunks: Iterable[bytes]


@dataclass(frozen=True, slots=True)
class WebSocketBody:
    """No body: the connection becomes a WebSocket, on which `begin()` answers."""

    begin: Begin


Body = bytes | EventStream | Chunks | WebSocketBody


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one request, and how to deliver it."""

    status: int = 200
    headers: Headers = ()
    body: Body = b""
    delivery: Delivery = field(default_factory=Delivery)
