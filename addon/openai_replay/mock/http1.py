"""HTTP/1.1 on one connection (RFC 9112), with h11 for the grammar."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Callable, Sequence

import h11

from .delivery import Ending
from .exchange import Answer, Header, Headers, Outcome, Request, WebSocketBody
from .transmission import transmission
from .websocket import WebSocketConnection

READ_SIZE = 65536
Service = Callable[[Request], Answer]
Report = Callable[[Request, Outcome], None]


class Http1Connection:
    """Reads requests off one connection and answers them one after the other."""

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
        self._h11 = h11.Connection(h11.SERVER)

    async def serve(self) -> None:
        """Answer until either side has had enough. The caller closes the connection."""
        while request := await self._maybe_request():
            answer = self._service(request)
            if isinstance(answer.body, WebSocketBody):
                await self._become_websocket(request, answer, answer.body)
                return
            outcome = await self._answer_while_client_stays(request, answer)
            self._report(request, outcome)
            if outcome is not Outcome.ANSWERED or self._h11.our_state is not h11.DONE:
                return
            self._h11.start_next_cycle()

    async def _maybe_request(self) -> Request | None:
        """Return the next request with its body, or None when the client asks for nothing more."""
        try:
            head = await self._next_event()
            if not isinstance(head, h11.Request):
                return None
            body = await self._body()
        except h11.RemoteProtocolError as error:
            self._refuse(error)
            return None
        except ConnectionError:
            return None
        return self._request(head, body)

    def _refuse(self, error: h11.RemoteProtocolError) -> None:
        """Answer a bad request with its error, if its answer has not started."""
        if self._h11.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            headers = [("content-type", "text/plain"), ("connection", "close")]
            self._write(_response(error.error_status_hint, headers))
            self._write(h11.Data(data=str(error).encode()))
            self._write(h11.EndOfMessage())

    async def _body(self) -> bytes:
        body = bytearray()
        while not isinstance(event := await self._next_event(), h11.EndOfMessage):
            if isinstance(event, h11.Data):
                body += event.data
        return bytes(body)

    async def _next_event(self) -> h11.Event | type[h11.PAUSED]:
        while (event := self._h11.next_event()) is h11.NEED_DATA:
            if self._h11.they_are_waiting_for_100_continue:
                self._write(h11.InformationalResponse(status_code=100, headers=[]))
            self._h11.receive_data(await self._reader.read(READ_SIZE))
        assert not isinstance(event, type) or event is h11.PAUSED
        return event

    def _request(self, head: h11.Request, body: bytes) -> Request:
        headers: Headers = tuple(
            (name.decode("ascii"), value.decode("latin-1")) for name, value in head.headers.raw_items()
        )
        host = next((value for name, value in headers if name.lower() == "host"), "")
        return Request(
            method=head.method.decode(),
            target=head.target.decode("latin-1"),
            scheme=self._scheme,
            host=host,
            headers=headers,
            body=body,
            http_version=f"HTTP/{head.http_version.decode()}",
        )

    async def _answer_while_client_stays(self, request: Request, answer: Answer) -> Outcome:
        sending = asyncio.create_task(self._send(request, answer))
        watching = asyncio.create_task(self._watch_for_departure())
        try:
            await asyncio.wait({sending, watching}, return_when=asyncio.FIRST_COMPLETED)
            return sending.result() if sending.done() else Outcome.CLIENT_LEFT
        except ConnectionError:
            return Outcome.CLIENT_LEFT
        finally:
            for task in (sending, watching):
                task.cancel()
            await asyncio.gather(sending, watching, return_exceptions=True)

    async def _watch_for_departure(self) -> None:
        """Return when the client has closed. Bytes that it sends before its answer is out wait in h11."""
        while data := await self._reader.read(READ_SIZE):
            self._h11.receive_data(data)

    async def _send(self, request: Request, answer: Answer) -> Outcome:
        outgoing = transmission(answer, request)
        await asyncio.sleep(outgoing.delivery.start_delay_ms / 1000)
        if outgoing.delivery.no_answer:
            return Outcome.CUT
        self._write(_response(outgoing.status, outgoing.headers))
        async for flush in outgoing.flushes():
            match flush:
                case Ending.WHOLE:
                    # No drain: a client that leaves once it has everything has been answered.
                    self._write(h11.EndOfMessage())
                case Ending.CUT:
                    return Outcome.CUT
                case Ending.STALL:
                    await asyncio.Event().wait()
                case bytes() as data:
                    self._write(h11.Data(data=data))
                    await self._writer.drain()
        return Outcome.ANSWERED

    async def _become_websocket(self, request: Request, answer: Answer, body: WebSocketBody) -> None:
        trailing, _ = self._h11.trailing_data
        gap_ms = answer.delivery.gap_ms
        connection = WebSocketConnection(
            request, answer.headers, body.begin(), gap_ms, self._reader, self._writer
        )
        self._report(request, await connection.serve(trailing))

    def _write(self, event: h11.Event) -> None:
        if data := self._h11.send(event):
            self._writer.write(data)


def _response(status: int, headers: Sequence[Header]) -> h11.Response:
    reason = http.client.responses.get(status, "")
    return h11.Response(status_code=status, headers=list(headers), reason=reason)
