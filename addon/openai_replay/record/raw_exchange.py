"""An HTTP exchange as another tool stored it: raw bytes and headers, with the place where it was found."""

from __future__ import annotations

from dataclasses import dataclass

from ..wire.socket_notes import NO_SOCKET, SocketNotes
from .exchange import End

type HeaderList = tuple[tuple[str, str], ...]

# A note on an exchange whose file has the headers of a request alone.
NO_REQUEST_BODY = "the request's body is not in the file: no program's request will match"


@dataclass(frozen=True, slots=True)
class RawExchange:
    """One exchange. Bodies may still have the content coding that their headers name.

    Attributes:
        place: file and position, for messages: `chat.yaml, interaction 3`.
        test_id: the test that made the request, None where the file does not say.
        note: something about the exchange that a person should know, "" where there is nothing.
        socket: the client's messages within a stream that came over a WebSocket, and the close frame.
        session: the messages of a WebSocket that is one long session, (side, content) in order; the method is GET then.
    """

    place: str
    method: str
    url: str
    request_headers: HeaderList
    request_body: bytes
    status: int
    response_headers: HeaderList
    response_body: bytes
    end: End = End.COMPLETE
    test_id: str | None = None
    note: str = ""
    socket: SocketNotes = NO_SOCKET
    session: tuple[tuple[str, str | bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class NotTaken:
    """Something in a file of another tool that cannot become a recording: where it is, and why not."""

    place: str
    reason: str

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"


def header(headers: HeaderList, name: str) -> str:
    """Return the first value of a header, "" where there is none; `name` is in lower case."""
    return next((value for header, value in headers if header.lower() == name), "")
