"""Record a flow: tap its response, and hand the finished exchange to the worker that writes it."""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import Future
from functools import partial
from pathlib import Path

from mitmproxy import http

from ..errors import KeptSuccess, OpenAIReplayError
from ..format.recording import SWITCHING_PROTOCOLS
from ..options import Mode, Settings
from ..record.exchange import End, Exchange
from ..record.recorder import Ticket
from ..record.socket_session import SocketSession
from ..request.identity import ApiRequest
from ..service.request_log import Outcome, RequestLine
from ..service.service import Service
from .body_ends import mark_end_of_body
from .endings import ending_of, reason_without_response, refusal_of_users_proxy
from .flow_state import FlowState
from .hosts import is_websocket
from .replaying import replay_earlier
from .session import ProxyRun
from .tap import Body, Tap, TimedTap

log = logging.getLogger(__name__)

# Delay the end of a response until its file is written, but no longer than this: a test may look for the file right
# after the call.
_LONGEST_WAIT_FOR_FILE_S = 0.5

_LIVE_ANSWERS = "answers of the API, which are not replayed"


async def record_or_replay(flow: http.HTTPFlow, state: FlowState) -> None:
    """Take note of a request that is to be recorded; with record-if-missing, answer it if it was recorded before."""
    if not state.is_upload_described:
        _not_described(flow, state, "its upload could not be read")
        return
    try:
        await _ask_or_replay(flow, state)
    except Exception as exc:  # of any kind: the request passes, and is not recorded
        log.exception("A bug of this addon")
        _not_described(flow, state, f"{type(exc).__name__}: {exc}")


async def _ask_or_replay(flow: http.HTTPFlow, state: FlowState) -> None:
    if state.session.settings.mode is Mode.RECORD or not await replay_earlier(flow, state):
        state.session.say_without_effect(state.own_headers, _LIVE_ANSWERS)
        state.asked_s = time.monotonic()
        state.ticket = state.session.recorder.ask(state.session.describe_flow(flow, state))


def _not_described(flow: http.HTTPFlow, state: FlowState, reason: str) -> None:
    """Say that a request passes without being recorded, of which matching knows nothing."""
    what = f"{flow.request.method} {flow.request.path.partition('?')[0]}"
    log.error("Not recorded: %s: %s", what, reason)
    state.session.run.report.add_not_recorded(state.test_id, what, reason)
    state.session.run.requests.write(RequestLine(Outcome.NOT_RECORDED, what, state.test_id))


def pass_through(flow: http.HTTPFlow, state: FlowState) -> None:
    """Log a request that goes to the API and leaves no recording."""
    request = flow.request
    state.session.say_without_effect(state.own_headers, _LIVE_ANSWERS)
    line = RequestLine(Outcome.LIVE, f"{request.method} {request.path.partition('?')[0]}", state.test_id)
    state.session.run.requests.write(line)


def tap_response(flow: http.HTTPFlow, state: FlowState) -> None:
    """Let a response pass as it comes, and keep a copy of its bytes if it is recorded."""
    if flow.response is None or state.is_control:
        return
    if state.socket is not None:
        state.socket.answered(flow.response.status_code)
    if flow.response.status_code == SWITCHING_PROTOCOLS and is_websocket(flow.request):
        state.ticket = None  # the capture of the WebSocket has it
        if state.socket is not None:
            state.session.run.recorded_flows[flow.id] = flow, state
        return
    if state.ticket is not None:
        state.session.run.recorded_flows[flow.id] = flow, state
        state.tap = TimedTap(state.asked_s) if state.session.settings.keeps_times else Tap()
        flow.response.stream = state.tap
    elif state.is_from_origin or state.session.settings.mode is Mode.LIVE:
        flow.response.stream = state.direct_writer or True
    mark_end_of_body(flow)


async def finish_and_wait(flow: http.HTTPFlow, state: FlowState) -> None:
    """Record a complete exchange; its file is there soon after the client has read the answer."""
    await wait_for_file(finish(flow, state, End.COMPLETE, ""))


async def wait_for_file(pending: Future[None] | None) -> None:
    """Wait until a recording is written, but no longer than a client may be kept waiting."""
    if pending is not None:
        await asyncio.wait([asyncio.wrap_future(pending)], timeout=_LONGEST_WAIT_FOR_FILE_S)


def finish_all(run: ProxyRun) -> None:
    """Record streams and WebSockets under way as far as they came: the proxy ends, and their connections with it."""
    for flow, state in list(run.recorded_flows.values()):
        if state.socket is not None:
            state.socket.ended(End.PROXY_ENDED, None)
            state.socket = None
        elif flow.response is not None and "event-stream" in flow.response.headers.get("content-type", ""):
            finish(flow, state, End.PROXY_ENDED, "the proxy ended")


def finish(flow: http.HTTPFlow, state: FlowState, end: End, message: str) -> Future[None] | None:
    """Hand an exchange to the thread that records it; None if it is not recorded."""
    if state.ticket is None:
        return None
    ticket, state.ticket = state.ticket, None
    session = state.session
    session.run.recorded_flows.pop(flow.id, None)
    session.recorder.end(ticket)
    if flow.response is None or state.tap is None:
        reason = reason_without_response(end, message)
        session.not_recorded(ticket.api_request, reason, may_be_retried=end is End.LEFT_BY_CLIENT)
        drop(session, ticket)
        return None
    if reason := refusal_of_users_proxy(flow):
        state.tap.close()
        session.not_recorded(ticket.api_request, reason)
        drop(session, ticket)
        return None
    ending = ending_of(flow.response, state.tap, end, ticket.api_request.endpoint())
    exchange = _exchange(ticket.api_request, flow.response, state.tap, session.settings, ending, message)
    return write(session, ticket, exchange, state.tap, state.asked_s)


def _exchange(
    api_request: ApiRequest, response: http.Response, tap: Tap, settings: Settings, ending: End, message: str
) -> Exchange:
    content_encoding = response.headers.get("content-encoding", "")
    return Exchange(
        api_request,
        response.status_code,
        tuple(response.headers.items(multi=True)),
        Body(tap, content_encoding, settings.most_body_bytes),
        ending,
        message,
        tap.timing(content_encoding, settings.most_body_bytes),
        keeps_ids=settings.keeps_ids,
    )


def drop(service: Service, ticket: Ticket) -> None:
    """Take note that a request got nothing that is recorded."""
    loop = asyncio.get_running_loop()
    service.run.worker.submit(partial(_drop, service, ticket, loop))


def _drop(service: Service, ticket: Ticket, loop: asyncio.AbstractEventLoop) -> None:
    service.recorder.drop(ticket)
    loop.call_soon_threadsafe(service.files_changed, service.recorder.take_changes())


def write(
    service: Service,
    ticket: Ticket,
    exchange: Exchange | SocketSession,
    tap: Tap,
    started_s: float | None = None,
) -> Future[None] | None:
    """Let the worker's thread record an exchange whose body, or whose messages, are in `tap`.

    Args:
        started_s: when the request came, by the monotonic clock.
    """
    loop = asyncio.get_running_loop()
    return service.run.worker.submit(partial(_write, service, ticket, exchange, tap, loop, started_s))


def _recorded(service: Service, ticket: Ticket, path: Path | None, started_s: float | None) -> None:
    """Take note of a recorded exchange; `path` is None where its answer equals the previous one and needs no file."""
    service.recorded(ticket.api_request, path, ticket.status)
    name = "" if path is None else service.name_of(path)
    ms = None if started_s is None else (time.monotonic() - started_s) * 1000
    api_request = ticket.api_request
    line = RequestLine(Outcome.RECORDED, api_request.label(), api_request.test_id, name, ticket.chunks, ms)
    service.run.requests.write(line)


def _write(
    service: Service,
    ticket: Ticket,
    exchange: Exchange | SocketSession,
    tap: Tap,
    loop: asyncio.AbstractEventLoop,
    started_s: float | None,
) -> None:
    """Write a recording, on the worker's thread; a failure costs the recording and a line in the log.

    The report belongs to the loop's thread.
    """

    def not_recorded(reason: str, *, is_kept: bool = False, is_lost: bool = False) -> None:
        loop.call_soon_threadsafe(service.files_changed, service.recorder.take_changes())
        may_be_retried = is_kept or exchange.end is End.LEFT_BY_CLIENT
        tell = partial(service.not_recorded, may_be_retried=may_be_retried, is_lost=is_lost)
        loop.call_soon_threadsafe(tell, ticket.api_request, reason)

    try:
        if tap.problem:
            service.recorder.drop(ticket)
            not_recorded(tap.problem)
            return
        path = service.recorder.finish(ticket, exchange)
        loop.call_soon_threadsafe(service.files_changed, service.recorder.take_changes())
        loop.call_soon_threadsafe(_recorded, service, ticket, path, started_s)
    except (OpenAIReplayError, OSError) as exc:
        not_recorded(str(exc), is_kept=isinstance(exc, KeptSuccess), is_lost=isinstance(exc, OSError))
    except Exception as exc:
        log.exception("A bug of this addon")
        service.recorder.drop(ticket)
        not_recorded(f"{type(exc).__name__}: {exc}", is_lost=True)
    finally:
        tap.close()
