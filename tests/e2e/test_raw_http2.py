"""The same frames of HTTP/2 to `serve` and to the engine: the same status, headers and body come back."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings
import pytest

from support.proxy import CEILING_S, Proxy

from .test_raw_requests import BROKEN, CUT, EVENTS, STREAM, recording, serve_and_engine

LARGE = 300_000

# Fields of the server, and the length that over HTTP/2 tells of a break.
_NOT_COMPARED = ("date", "server")


@dataclass(frozen=True, slots=True)
class Sent:
    """A request: its body goes out in frames of `size` bytes. `read` is how many bytes of the answer are read."""

    body: bytes = b""
    path: str = "/v1/chat/completions"
    method: str = "POST"
    headers: tuple[tuple[str, str], ...] = ()
    trailers: tuple[tuple[str, str], ...] = ()
    size: int = 16_000
    padding: int | None = None
    read: int | None = None

    def fields(self) -> list[tuple[str, str]]:
        """Return the header section."""
        named = (
            (":method", self.method),
            (":scheme", "https"),
            (":authority", "localhost"),
            (":path", self.path),
        )
        kind = (("content-type", "application/json"),) if self.body else ()
        return [*named, *kind, *self.headers]


@dataclass(slots=True)
class Response:
    """A response; `is_whole` is None before its end, and stays None for one that the client has reset."""

    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    is_whole: bool | None = None

    def end(self, *, is_reset: bool, is_head: bool) -> None:
        """Take note of the end: a reset, or less than the length says, is a break (RFC 9113, section 8.1.1)."""
        length = self.headers.get("content-length", str(len(self.body)))
        self.is_whole = not is_reset and (is_head or int(length) == len(self.body))

    def compared(self) -> tuple[Any, ...]:
        left_out = _NOT_COMPARED if self.is_whole else (*_NOT_COMPARED, "content-length")
        headers = {name: value for name, value in self.headers.items() if name not in left_out}
        return headers, self.body, self.is_whole


class Client:
    """A connection of HTTP/2, which sends what it is told to, also against the rules."""

    def __init__(self, connection: socket.socket, incoming: BinaryIO, window: int) -> None:
        self._connection, self._incoming = connection, incoming
        self._responses: dict[int, Response] = {}
        self._sent: dict[int, Sent] = {}
        configuration = h2.config.H2Configuration(validate_outbound_headers=False, header_encoding="utf-8")
        self._http2 = h2.connection.H2Connection(configuration)
        initial = {h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window}
        self._http2.local_settings = h2.settings.Settings(client=True, initial_values=initial)
        self._http2.initiate_connection()
        self._http2.increment_flow_control_window(2**24)

    def exchange(self, requests: list[Sent]) -> list[Response]:
        """Send requests at once, each on a stream, and return their responses."""
        for sent in requests:
            self._send(sent)
        self._flush()
        while any(response.is_whole is None for response in self._awaited()):
            self._receive(self._frame())
            self._flush()
        return list(self._responses.values())

    def _frame(self) -> bytes:
        """Return the next frame (RFC 9113, section 4.1)."""
        head = self._incoming.read(9)
        assert len(head) == 9, "the server closed the connection"
        return head + self._incoming.read(int.from_bytes(head[:3]))

    def _receive(self, frame: bytes) -> None:
        try:
            for event in self._http2.receive_data(frame):
                self._take(event)
        except (
            h2.exceptions.InvalidBodyLengthError
        ):  # it takes a body that is too short for a broken connection
            for response in self._awaited():
                response.is_whole = False

    def _awaited(self) -> Iterator[Response]:
        for number, response in self._responses.items():
            read = self._sent[number].read
            if read is None or len(response.body) < read:
                yield response

    def _send(self, sent: Sent) -> None:
        number = self._http2.get_next_available_stream_id()
        self._sent[number], self._responses[number] = sent, Response()
        pieces = [sent.body[at : at + sent.size] for at in range(0, len(sent.body), sent.size)]
        is_over = not pieces and not sent.trailers
        self._http2.send_headers(number, sent.fields(), end_stream=is_over)
        for place, piece in enumerate(pieces, 1):
            is_last = place == len(pieces) and not sent.trailers
            self._http2.send_data(number, piece, end_stream=is_last, pad_length=sent.padding)
        if sent.trailers:
            self._http2.send_headers(number, sent.trailers, end_stream=True)

    def _take(self, event: h2.events.Event) -> None:
        number = getattr(event, "stream_id", None)
        if number not in self._responses:
            return
        response, sent = self._responses[number], self._sent[number]
        match event:
            case h2.events.ResponseReceived():
                response.headers = {str(name): str(value) for name, value in event.headers}
            case h2.events.DataReceived():
                response.body += event.data
                self._read_on(number, event)
            case h2.events.StreamEnded() | h2.events.StreamReset():
                is_reset = isinstance(event, h2.events.StreamReset)
                response.end(is_reset=is_reset, is_head=sent.method == "HEAD")

    def _read_on(self, number: int, event: h2.events.DataReceived) -> None:
        """Take as many bytes as came, or leave the stream."""
        read = self._sent[number].read
        if read is not None and len(self._responses[number].body) >= read:
            self._http2.reset_stream(number)
        elif event.flow_controlled_length and not event.stream_ended:
            self._http2.increment_flow_control_window(event.flow_controlled_length, number)

    def _flush(self) -> None:
        self._connection.sendall(self._http2.data_to_send())


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Proxy, Proxy]]:
    """`serve` and the engine, on one folder."""
    home = tmp_path_factory.mktemp("raw-http2")
    folder = home / "recordings"
    folder.mkdir()
    write_recordings(folder)
    with serve_and_engine(home, folder) as both:
        yield both
        for server in both:
            assert "Traceback" not in server.log()


def write_recordings(folder: Path) -> None:
    chat = "/v1/chat/completions"
    text = {"said": "x" * LARGE}
    padded = {"headers": {"retry-after": " 1 ", "x-request-id": "\ta"}}
    (folder / "chat.json").write_text(recording(chat, {"text": 1}, {"said": "yes"}))
    (folder / "stream.json").write_text(recording(chat, {"stream": True}, EVENTS, is_streaming=True))
    (folder / "broken.json").write_text(recording(chat, {"broken": True}, EVENTS, is_streaming=True, **CUT))
    (folder / "large.json").write_text(recording("/v1/files", {}, text, "GET"))
    (folder / "padded.json").write_text(recording("/v1/padded", {}, {"a": 1}, "GET", **padded))
    (folder / "gone.json").write_text(recording("/v1/gone", {}, None, "DELETE", status=204))


@contextmanager
def connected(server: Proxy) -> Iterator[socket.socket]:
    """Connect with HTTP/2: in TLS, and to the engine without, as a client that knows it beforehand."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=CEILING_S) as connection:
        if "openai_replay.engine" in " ".join(map(str, server.process.args)):  # type: ignore[arg-type]
            yield connection
            return
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        with context.wrap_socket(connection) as secured:
            yield secured


PLAIN = Sent(b'{"text": 1}')
STREAMED = Sent(STREAM)
LARGE_BODY = Sent(path="/v1/files", method="GET")
PACED = replace(STREAMED, headers=(("x-replay-pacing", "gap=1ms"),))
FAULTY = replace(STREAMED, headers=(("x-replay-fault", "duplicate_at=1"),))
TRAILERS = (("x-checksum", "1"),)

# Each with the statuses of its responses: requests of one case share a connection, and are sent at once.
SAME: dict[str, tuple[list[Sent], list[int]]] = {
    "plain": ([PLAIN], [200]),
    "stream": ([STREAMED], [200]),
    "broken stream": ([Sent(BROKEN)], [200]),
    "paced": ([PACED], [200]),
    "faulty": ([FAULTY], [200]),
    "trailers": ([replace(PLAIN, trailers=TRAILERS), PLAIN], [200, 200]),
    "trailers, paced": ([replace(PACED, trailers=TRAILERS), PLAIN], [200, 200]),
    "trailers, faulty": ([replace(FAULTY, trailers=TRAILERS), PLAIN], [200, 200]),
    "trailers without a body": ([Sent(path="/v1/files", method="GET", trailers=TRAILERS)], [200]),
    "byte by byte, padded": ([replace(PLAIN, size=1, padding=5)], [200]),
    "large body": ([Sent(b"x" * 60_000)], [400]),
    "large answer": ([LARGE_BODY], [200]),
    "HEAD": ([replace(LARGE_BODY, method="HEAD")], [400]),
    "no content": ([Sent(path="/v1/gone", method="DELETE"), PLAIN], [204, 200]),
    "white space around header values": ([Sent(path="/v1/padded", method="GET")], [200]),
    "header of 40 kB": ([replace(PLAIN, headers=(("x-trace", "a" * 40_000),))], [200]),
    "cookies": ([replace(PLAIN, headers=(("cookie", "a=b"), ("cookie", "c=d")))], [200]),
    "two test ids": ([Sent(path="/v1/none", headers=(("x-test-id", "a"), ("x-test-id", "b")))], [400]),
    "control page": ([Sent(path="/@/report?test_id=none", method="GET")], [200]),
    "many at once": ([PLAIN, STREAMED, PACED, LARGE_BODY] * 15, [200] * 60),
    "left early": ([replace(LARGE_BODY, read=1000), replace(PACED, read=1), PLAIN], [200, 200, 200]),
}


def exchange(server: Proxy, requests: list[Sent], window: int) -> list[Response]:
    with connected(server) as connection, connection.makefile("rb") as incoming:
        return Client(connection, incoming, window).exchange(requests)


# A window of one byte would take 300,000 frames for these, or `serve` resets the stream before the last bytes are read.
NOT_BYTE_BY_BYTE = {
    "large answer",
    "HEAD",
    "many at once",
    "left early",
    "trailers without a body",
    "broken stream",
}


@pytest.mark.parametrize(
    ("name", "window"),
    [*((name, 65_535) for name in SAME), *((name, 1) for name in SAME if name not in NOT_BYTE_BY_BYTE)],
)
def test_both_servers_answer_alike(servers: tuple[Proxy, Proxy], name: str, window: int) -> None:
    requests, statuses = SAME[name]
    by_serve, by_engine = (exchange(server, requests, window) for server in servers)
    assert [int(response.headers[":status"]) for response in by_serve] == statuses
    for sent, one, other in zip(requests, by_serve, by_engine, strict=True):
        if sent.read is None:
            assert one.compared() == other.compared()
