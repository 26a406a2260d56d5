"""Record the messages of a WebSocket while they pass. An error here costs a recording, never a message."""

from __future__ import annotations

import logging
import time
from concurrent.futures import Future
from typing import Protocol

from mitmproxy import http
from mitmproxy.websocket import WebSocketData, WebSocketMessage

from ..format.recording import SWITCHING_PROTOCOLS
from ..record.exchange import End, Exchange
from ..record.recorder import Ticket
from ..record.responses_socket import Began, Came, Ended, OpenResponse, ResponsesSocket, Step
from ..replay.answer import STREAM_TYPE
from ..service.socket_requests import Upgrade
from ..wire import headers
from ..wire.socket_notes import Close, SocketNotes
from .capture import drop, wait_for_file, write
from .earlier_responses import EarlierResponses
from .tap import Body, Tap, TimedTap

log = logging.getLogger(__name__)


class SocketCapture(Protocol):
    """Records one WebSocket."""

    def answered(self, status: int) -> None:
        """Take note of the status of the API's answer to the upgrade; all but 101 refuse it."""

    async def take(self, message: WebSocketMessage) -> None:
        """Take a message that passes."""

    def ended(self, end: End, close: Close | None) -> None:
        """Take note of the end; `close` is the close frame of the side that ended it."""


class ResponsesCapture:
    """Records each `response.create` of a Responses WebSocket as the streamed POST that it stands for."""

    def __init__(self, upgrade: Upgrade, earlier: EarlierResponses | None = None) -> None:
        """Prepare to record; `earlier` answers the requests that an earlier run recorded."""
        self._upgrade = upgrade
        self._earlier = earlier
        self._socket = ResponsesSocket()
        self._open: dict[OpenResponse, tuple[Ticket, Tap]] = {}

    def answered(self, status: int) -> None:
        """Say that there is nothing to record if the upgrade was refused."""
        if status == SWITCHING_PROTOCOLS:
            return
        reason = f"the API refused the WebSocket with {status}"
        self._upgrade.service.not_recorded(self._upgrade.api_request(), reason)

    async def take(self, message: WebSocketMessage) -> None:
        """Take a message; the last event of an exchange waits for its file."""
        is_idle = message.from_client and not self._open
        if self._earlier is not None and is_idle and await self._earlier.answer(message):
            return
        text = message.content.decode("utf-8", "replace")
        steps = self._socket.from_client(text) if message.from_client else self._socket.from_server(text)
        for step in steps:
            await wait_for_file(self._step(step))

    def ended(self, end: End, close: Close | None) -> None:
        """Record the exchanges that were under way as far as they came."""
        for response in self._socket.open_responses():
            self._finish(response, End.COMPLETE if response.is_over else end, close)

    def _step(self, step: Step) -> Future[None] | None:
        match step:
            case Began(response):
                ticket = self._upgrade.service.recorder.ask(self._upgrade.post(response.body))
                self._open[response] = (ticket, self._tap())
            case Came(response, piece):
                self._open[response][1](piece)
            case Ended(response):
                return self._finish(response, End.COMPLETE, None)
        return None

    def _tap(self) -> Tap:
        return TimedTap(time.monotonic()) if self._upgrade.service.settings.keeps_times else Tap()

    def _finish(self, response: OpenResponse, end: End, close: Close | None) -> Future[None] | None:
        service = self._upgrade.service
        ticket, tap = self._open.pop(response)
        service.recorder.end(ticket)
        if response.events == 0:
            tap.close()
            service.not_recorded(ticket.api_request, "the WebSocket ended before an answer")
            drop(service, ticket)
            return None
        return write(service, ticket, self._exchange(response, ticket, tap, end, close), tap)

    def _exchange(
        self, response: OpenResponse, ticket: Ticket, tap: Tap, end: End, close: Close | None
    ) -> Exchange:
        status, content_type = 200, STREAM_TYPE
        if response.failure is not None:
            status, content = response.failure
            content_type = "application/json"
            tap(content)
        implied = headers.implied(ticket.api_request.url)
        said = tuple((implied | {"content-type": content_type}).items())
        client = tuple((before, self._upgrade.redacted(data)) for before, data in response.client_messages)
        notes = SocketNotes(client, close if end is End.CUT_BY_UPSTREAM else None)
        most_bytes = self._upgrade.service.settings.most_body_bytes
        return Exchange(
            ticket.api_request,
            status,
            said,
            Body(tap, "", most_bytes),
            end,
            timing=tap.timing("", most_bytes),
            socket=notes,
        )


async def capture_message(flow: http.HTTPFlow, capture: SocketCapture) -> None:
    """Record the latest message of a flow. The message passes even if that fails."""
    assert flow.websocket is not None
    message = flow.websocket.messages[-1]
    if message.injected:
        return
    try:
        await capture.take(message)
    except Exception:
        log.exception("A message of a WebSocket could not be recorded")


def capture_end(flow: http.HTTPFlow, capture: SocketCapture) -> None:
    """Record how a flow's WebSocket ended."""
    assert flow.websocket is not None
    try:
        capture.ended(*ending_of(flow.websocket))
    except Exception:
        log.exception("The end of a WebSocket could not be recorded")


def ending_of(socket: WebSocketData) -> tuple[End, Close | None]:
    """Return which side ended a WebSocket, and its close frame, None where the connection broke."""
    end = End.LEFT_BY_CLIENT if socket.closed_by_client else End.CUT_BY_UPSTREAM
    code = socket.close_code or _ABNORMAL
    return end, None if code == _ABNORMAL else Close(code, socket.close_reason or "")


# No close frame came (RFC 6455, section 7.4.1).
_ABNORMAL = 1006


def forget_passed_messages(flow: http.HTTPFlow) -> None:
    """Drop all messages but the latest, which other addons still look at; mitmproxy would keep them all."""
    if flow.websocket is not None:
        del flow.websocket.messages[:-1]
