"""Replay a recorded WebSocket session to a client, message by message."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from pathlib import Path

from ..errors import BadHeader, BadRecording
from ..format import json_text
from ..format.recording import JSON
from ..replay.delivery import Delivery
from ..replay.recorded_session import RecordedSession
from ..replay.responses_socket import REFUSED
from ..replay.session_choice import Diverged, Heard, SessionHistory
from ..replay.session_delivery import SessionDelivery
from ..replay.session_faults import SessionFault
from ..replay.session_miss import SessionMiss
from ..replay.socket_session import End, Mismatch, Pause, Send, SessionReplay, Step
from ..request.identity import ApiRequest
from ..wire.socket_notes import Close
from .answering import Refusal, invalid_header, report_trouble, unreadable
from .socket_requests import Upgrade
from .web_socket import Gone, Socket

log = logging.getLogger(__name__)

_NOT_FOUND = "recording_not_found"


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
        self._began_s, self._upgrade_s = time.monotonic(), time.time()
        self._others = list(delivery.others)
        self._tried = 1
        self._fitting = ""
        self._nearest = delivery.path
        self._history = SessionHistory(is_whole=bool(delivery.others))

    async def run(self) -> None:
        """Go through a recorded session with the client. Also after an error nothing reaches the API."""
        try:
            with self._progress.under_way() if self._takes_time() else nullcontext():
                await self._run(self._replay_of(self._delivery))
        except Gone:
            pass
        except Mismatch as exc:
            await refuse(self._socket, self._explained(exc), _NOT_FOUND)
        except BadRecording as exc:
            self._take_back()
            refusal = unreadable(self._upgrade.service, self._api_request, exc)
            await refuse(self._socket, refusal.message, refusal.code)
        except Exception as exc:
            log.exception("The replay of a WebSocket failed")
            self._take_back()
            refusal = self._upgrade.failed(exc)
            await refuse(self._socket, refusal.message, refusal.code)

    def _replay_of(self, delivery: SessionDelivery) -> SessionReplay:
        rules = self._upgrade.service.rules
        return SessionReplay(RecordedSession(delivery.stored), rules, delivery.times, self._upgrade_s)

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
            replay = await self._take(replay, Heard(received, self._redacted(received), self._now_ms()))

    async def _take(self, replay: SessionReplay, heard: Heard) -> SessionReplay:
        """Take a message of the client, and return the session that goes on: another one where this one lacks it."""
        self._history.add(heard)
        steps = replay.take(heard.content, heard.redacted, heard.at_ms)
        while True:
            try:
                await self._take_steps(steps)
            except Mismatch as exc:
                replay, steps = self._other_session(exc)
            else:
                return replay

    def _other_session(self, mismatch: Mismatch) -> tuple[SessionReplay, Iterator[Step]]:
        """Return another recorded session that goes on with the live one, and its next steps.

        Raises:
            Mismatch: there is none; of the session that came the farthest.
        """
        nearest, nearest_path = mismatch, self._delivery.path
        for delivery in self._untried():
            try:
                replay = self._replay_of(delivery)
                steps = self._history.follow(replay)
            except Mismatch as exc:
                if exc.number > nearest.number:
                    nearest, nearest_path = exc, delivery.path
            except (Diverged, BadRecording):
                self._note_fitting(delivery)
            else:
                self._go_on_with(delivery)
                return replay, steps
        self._nearest = nearest_path
        raise nearest

    def _untried(self) -> Iterator[SessionDelivery]:
        """Yield the other recordings of this upgrade, each once; none where they cannot be compared any more."""
        service = self._upgrade.service
        if not self._history.is_whole:
            return
        terms = service.settings.terms.of_request(self._upgrade.own_headers)
        for delivery in service.replayer.other_sessions(self._api_request, terms, self._others):
            self._others.remove(delivery.path)
            self._tried += 1
            yield delivery

    def _note_fitting(self, delivery: SessionDelivery) -> None:
        """Take note of a session that has the client's messages, and cannot go on with the live one."""
        with suppress(BadRecording):
            if not self._fitting and self._history.suits(self._replay_of(delivery)):
                self._fitting = self._upgrade.service.name_of(delivery.path)

    def _go_on_with(self, delivery: SessionDelivery) -> None:
        service = self._upgrade.service
        service.replayer.exchange_session(self._api_request, self._delivery.path, delivery.path)
        self._take_back()
        self._delivery = delivery
        self._nearest = delivery.path
        service.run.report.add_replayed(self._upgrade.test_id, service.name_of(delivery.path))

    def _take_back(self) -> None:
        """Take note that the session does not count as replayed."""
        service = self._upgrade.service
        service.run.report.take_back_replayed(self._upgrade.test_id, service.name_of(self._delivery.path))

    def _now_ms(self) -> float:
        return (time.monotonic() - self._began_s) * 1000

    async def _take_steps(self, steps: Iterator[Step]) -> None:
        for step in steps if self._fault is None else self._fault.put_into(steps):
            match step:
                case Send(message, due_ms):
                    await self._wait_until(due_ms)
                    await self._socket.send(message)
                    self._history.add(message)
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
        if missing is not None and not self._has_another_end():
            self._explained(missing)

    def _has_another_end(self) -> bool:
        """Tell whether the live session was another recorded one, in which the client leaves at this place."""
        for delivery in self._untried():
            with suppress(Mismatch, Diverged, BadRecording):
                replay = self._replay_of(delivery)
                if next(self._history.follow(replay), None) is None and replay.left_early() is None:
                    self._go_on_with(delivery)
                    return True
        return False

    def _explained(self, mismatch: Mismatch) -> str:
        """Say in the log and the report which message differs, and return the text for the client."""
        service, request = self._upgrade.service, self._api_request
        self._take_back()
        found = SessionMiss(request, service.name_of(self._nearest), mismatch, self._tried, self._fitting)
        text = found.explanation(service.run.front_end)
        log.warning("%s", text)
        service.run.report.add_missed(request.test_id, request.name(), found.details(service.run.front_end))
        return text


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
