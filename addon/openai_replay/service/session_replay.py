"""Replay a recorded WebSocket session to a client, message by message."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

from ..errors import BadHeader, BadRecording
from ..format import json_text
from ..format.recording import JSON
from ..replay.delivery import Delivery
from ..replay.recorded_session import RecordedSession
from ..replay.responses_socket import REFUSED
from ..replay.session_delivery import SessionDelivery
from ..replay.session_faults import SessionFault
from ..replay.socket_session import End, Mismatch, Pause, Send, SessionReplay, Step
from ..request.identity import ApiRequest
from ..wire.socket_notes import Close
from .answering import Refusal, invalid_header, report_trouble, unreadable
from .socket_requests import Upgrade
from .web_socket import Gone, Socket

log = logging.getLogger(__name__)

_NOT_FOUND = "recording_not_found"
_MOST_DIFFERENCES = 12


class SessionServer:
    """The server's part of one replayed session."""

    def __init__(
        self, upgrade: Upgrade, socket: Socket, api_request: ApiRequest, delivery: SessionDelivery
    ) -> None:
        self._upgrade = upgrade
        self._socket = socket
        self._api_request = api_request
        self._delivery = delivery
        self._fault = None if delivery.fault_rule is None else SessionFault(delivery.fault_rule)
        self._progress = upgrade.service.run.progress
        self._began_s = time.monotonic()

    async def run(self) -> None:
        """Go through a recorded session with the client. Also after an error nothing reaches the API."""
        try:
            session = RecordedSession(self._delivery.stored)
            rules, times = self._upgrade.service.rules, self._delivery.times
            with self._progress.under_way() if self._takes_time() else nullcontext():
                await self._run(SessionReplay(session, rules, times, time.time()))
        except Gone:
            pass
        except Mismatch as exc:
            await refuse(self._socket, self._explained(exc), _NOT_FOUND)
        except BadRecording as exc:
            refusal = unreadable(self._upgrade.service, self._api_request, exc)
            await refuse(self._socket, refusal.message, refusal.code)
        except Exception as exc:
            log.exception("The replay of a WebSocket failed")
            refusal = self._upgrade.failed(exc)
            await refuse(self._socket, refusal.message, refusal.code)

    def _takes_time(self) -> bool:
        return self._delivery.is_paced or self._fault is not None

    async def _run(self, replay: SessionReplay) -> None:
        await self._take_steps(replay.start())
        while True:
            try:
                received = await self._socket.receive()
            except Gone:
                self._note_early_end(replay)
                raise
            await self._take_steps(replay.take(received, self._redacted(received), self._now_ms()))

    def _now_ms(self) -> float:
        return (time.monotonic() - self._began_s) * 1000

    async def _take_steps(self, steps: Iterator[Step]) -> None:
        for step in steps if self._fault is None else self._fault.put_into(steps):
            match step:
                case Send(message, due_ms):
                    await self._wait_until(due_ms)
                    await self._socket.send(message)
                case Pause(ms):
                    await self._socket.sleep(ms / 1000)
                case End(close, due_ms, is_reset):
                    await self._wait_until(due_ms)
                    self._end(close, is_reset=is_reset)

    async def _wait_until(self, due_ms: float) -> None:
        await self._socket.sleep((due_ms - self._now_ms()) / 1000)
        # The pauses of a fault make messages late on purpose.
        if self._delivery.is_paced and self._fault is None:
            self._progress.late((self._now_ms() - due_ms) / 1000)

    def _end(self, close: Close | None, *, is_reset: bool) -> None:
        if close is None:
            self._socket.break_off(is_reset=is_reset)
        else:
            self._socket.close(close)
        raise Gone

    def _redacted(self, received: str | bytes) -> JSON:
        if isinstance(received, bytes):
            return None
        try:
            value = json_text.read(received).value
        except ValueError:
            value = received
        return self._upgrade.redacted(value)

    def _note_early_end(self, replay: SessionReplay) -> None:
        """Take note of a client that left too early, unless that may be due to an injected fault."""
        missing = replay.left_early() if self._fault is None else None
        if missing is not None:
            self._explained(missing)

    def _explained(self, mismatch: Mismatch) -> str:
        """Say in the log and the report which message differs, and return the text for the client."""
        name = self._upgrade.service.name_of(self._delivery.path)
        test = f" by test {self._upgrade.test_id}" if self._upgrade.test_id else ""
        place = f"message {mismatch.number + 1} of the session GET {self._api_request.endpoint()}{test}"
        found = [str(difference) for difference in mismatch.differences[:_MOST_DIFFERENCES]]
        text = "\n".join(
            [f"No recording for {place}. The session is {name}:", *(f"    {line}" for line in found)]
        )
        log.warning("%s", text)
        differences: list[JSON] = [difference.to_json() for difference in mismatch.differences]
        self._report({"nearest": name, "message": mismatch.number + 1, "differences": differences})
        return text

    def _report(self, details: dict[str, JSON]) -> None:
        request = self._api_request
        about: dict[str, JSON] = {
            "method": request.method,
            "endpoint": request.endpoint(),
            "request": request.name(),
        }
        self._upgrade.service.run.report.add_missed(request.test_id, request.name(), about | details)


async def refuse(socket: Socket, message: str, code: str) -> None:
    """Send an `error` event, and close so that no client tries again."""
    error: dict[str, JSON] = {"type": "recording_error", "code": code, "message": message, "param": None}
    event: dict[str, JSON] = {
        "type": "error",
        "event_id": "event_replay",
        "error": {**error, "event_id": None},
    }
    await socket.send(json_text.compact(event))
    reason = "No recording" if code == _NOT_FOUND else "Refused"
    socket.close(Close(REFUSED, f"{reason}; the proxy's log says why."))


type Found = SessionDelivery | Refusal


async def next_session(upgrade: Upgrade, *, but: frozenset[Path] = frozenset()) -> Delivery | Found | None:
    """Return the answer to an upgrade: a session, or the API's own or an injected refusal; None when there is none.

    Args:
        but: files that must not answer.
    """
    api_request, service = upgrade.api_request(), upgrade.service
    try:
        terms = service.settings.terms.of_request(upgrade.own_headers)
        delivery = await service.replayer.session(api_request, terms, but=but)
    except BadRecording as exc:
        return unreadable(service, api_request, exc)
    except BadHeader as exc:
        return invalid_header(service, api_request, str(exc))
    if delivery is not None:
        service.run.report.add_replayed(upgrade.test_id, service.name_of(delivery.path))
        report_trouble(service, upgrade.test_id, delivery)
    return delivery


async def replay_session(upgrade: Upgrade, found: Found, socket: Socket) -> None:
    """Answer a WebSocket with a recorded session, or say why there is none."""
    if isinstance(found, Refusal):
        await refuse(socket, found.message, found.code)
    else:
        await SessionServer(upgrade, socket, upgrade.api_request(), found).run()
