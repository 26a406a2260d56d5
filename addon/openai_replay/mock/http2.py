"""HTTP/2 on one connection (RFC 9113), with h2 for frames, states and windows."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError

from .delivery import Ending
from .exchange import Headers, Outcome, Request
from .http1 import READ_SIZE, Report, Service
from .transmission import Transmission, transmission, without_fields

log = logging.getLogger(__name__)

# RFC 9113, section 8.2.2: fields of an HTTP/1.1 connection have no place in HTTP/2.
CONNECTION_FIELDS = ("connection", "keep-alive", "transfer-encoding", "upgrade", "proxy-connection")


@dataclass(slots=True)
class Stream:
    """A request as it comes in, and the task that answers it."""

    headers: Headers
    body: bytearray = field(default_factory=bytearray)
    answering: asyncio.Task[None] | None = None


class Http2Connection:
    """Reads requests off one connection and answers them side by side."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        scheme: str,
        service: Service,
        report: Report,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._scheme = scheme
        self._service = service
        self._report = report
        self._h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self._streams: dict[int, Stream] = {}
        self._window_moved = asyncio.Event()

    async def serve(self) -> None:
        """Answer until either side has had enough. The caller closes the connection."""
        self._h2.initiate_connection()
        self._flush()
        try:
            while data := await self._reader.read(READ_SIZE):
                for event in self._h2.receive_data(data):
                    self._take(event)
                self._flush()
        except (ProtocolError, ConnectionError):
            # h2 has queued the GOAWAY with the error.
            self._flush()
        finally:
            await self._stop_answering()

    def _take(self, event: Event) -> None:
        match event:
            case RequestReceived(stream_id=int() as stream_id, headers=list() as headers):
                self._streams[stream_id] = Stream(
                    tuple((_text(name), _text(value)) for name, value in headers)
                )
            case DataReceived(stream_id=int() as stream_id, data=bytes() as data):
                if stream := self._streams.get(stream_id):
                    stream.body += data
                self._h2.acknowledge_received_data(event.flow_controlled_length or 0, stream_id)
            case StreamEnded(stream_id=int() as stream_id):
                self._start_answering(stream_id)
            case StreamReset(stream_id=int() as stream_id):
                self._forget(stream_id)
            case WindowUpdated() | RemoteSettingsChanged():
                self._window_moved.set()
            case ConnectionTerminated():
                self._writer.close()

    def _start_answering(self, stream_id: int) -> None:
        stream = self._streams[stream_id]
        stream.answering = asyncio.create_task(self._answer(stream_id, _request(stream, self._scheme)))

    def _forget(self, stream_id: int) -> None:
        stream = self._streams.pop(stream_id, None)
        if stream and stream.answering:
            stream.answering.cancel()

    async def _stop_answering(self) -> None:
        tasks = [stream.answering for stream in self._streams.values() if stream.answering]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _answer(self, stream_id: int, request: Request) -> None:
        try:
            outcome = await self._send(stream_id, transmission(self._service(request), request))
        except (asyncio.CancelledError, ConnectionError, ProtocolError):
            # The client reset the stream or went; ending the task is all that is left to do.
            outcome = Outcome.CLIENT_LEFT
        except Exception:
            log.exception("an answer failed on its way")
            self._reset(stream_id)
            outcome = Outcome.CUT
        self._report(request, outcome)
        self._streams.pop(stream_id, None)

    async def _send(self, stream_id: int, outgoing: Transmission) -> Outcome:
        await asyncio.sleep(outgoing.delivery.start_delay_ms / 1000)
        if outgoing.delivery.no_answer:
            return self._cut(stream_id, outgoing)
        self._h2.send_headers(stream_id, _header_block(outgoing))
        self._flush()
        async for flush in outgoing.flushes():
            match flush:
                case Ending.WHOLE:
                    self._h2.end_stream(stream_id)
                    self._flush()
                case Ending.CUT:
                    return self._cut(stream_id, outgoing)
                case Ending.STALL:
                    await asyncio.Event().wait()
                case bytes() as data:
                    await self._send_data(stream_id, data)
        return Outcome.ANSWERED

    async def _send_data(self, stream_id: int, data: bytes) -> None:
        """Send `data`, waiting wherever the client's flow control says so (RFC 9113, section 5.2)."""
        while data:
            room = min(self._h2.local_flow_control_window(stream_id), self._h2.max_outbound_frame_size)
            if room > 0:
                self._h2.send_data(stream_id, data[:room])
                data = data[room:]
                self._flush()
                await self._writer.drain()
            else:
                self._window_moved.clear()
                await self._window_moved.wait()

    def _cut(self, stream_id: int, outgoing: Transmission) -> Outcome:
        if outgoing.delivery.cut_with == "connection":
            self._writer.close()
        else:
            self._reset(stream_id)
        return Outcome.CUT

    def _reset(self, stream_id: int) -> None:
        self._h2.reset_stream(stream_id, ErrorCodes.INTERNAL_ERROR)
        self._flush()

    def _flush(self) -> None:
        if data := self._h2.data_to_send():
            self._writer.write(data)


def _request(stream: Stream, scheme: str) -> Request:
    pseudo = {name: value for name, value in stream.headers if name.startswith(":")}
    headers = tuple((name, value) for name, value in stream.headers if not name.startswith(":"))
    host = pseudo.get(":authority") or next((value for name, value in headers if name == "host"), "")
    return Request(
        method=pseudo[":method"],
        target=pseudo.get(":path", ""),
        scheme=scheme,
        host=host,
        headers=headers,
        body=bytes(stream.body),
        http_version="HTTP/2",
    )


def _header_block(outgoing: Transmission) -> list[tuple[str, str]]:
    fields = without_fields(outgoing.headers, CONNECTION_FIELDS)
    return [(":status", str(outgoing.status)), *((name.lower(), value) for name, value in fields)]


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "surrogateescape")
