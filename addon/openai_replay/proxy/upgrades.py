"""Answer an upgrade to a WebSocket at a recorded host: refuse it, record it, or replay it from the own origin."""

from __future__ import annotations

from functools import partial

from mitmproxy import http

from ..options import Mode, WebSocketPolicy
from ..replay.answer import Answer
from ..request.response_create import is_responses_endpoint
from ..service.answering import REPLAY_FAILED
from .flow_state import FlowState
from .replaying import send_to_origin
from .responses import recorded_response, refused, use_http_instead
from .responses_replay import replay_responses
from .session_capture import SessionCapture
from .session_replay import next_session, replay_session
from .socket_requests import upgrade_of
from .websocket_capture import ResponsesCapture
from .websocket_origin import HOST as ORIGIN_HOST
from .websocket_origin import Serve


async def answer_upgrade(flow: http.HTTPFlow, state: FlowState) -> None:
    """Set the answer of an upgrade, or let it go on to the API and record it."""
    settings = state.session.settings
    if settings.websocket is WebSocketPolicy.REFUSE:
        flow.response = use_http_instead()
    elif settings.mode is Mode.REPLAY:
        await _replay_or_refuse(flow, state)
    elif settings.mode is not Mode.LIVE:
        _record(flow, state)


async def _replay_or_refuse(flow: http.HTTPFlow, state: FlowState) -> None:
    flow.response = refused(flow.request, REPLAY_FAILED)
    upgrade = upgrade_of(flow, state)
    if is_responses_endpoint(upgrade.url):
        await _serve(flow, state, partial(replay_responses, upgrade))
    elif isinstance(found := await next_session(upgrade), Answer):
        flow.response = recorded_response(found.status, found.headers, b"".join(found.pieces), flow.request)
    else:
        await _serve(flow, state, partial(replay_session, upgrade, found))


async def _serve(flow: http.HTTPFlow, state: FlowState, serve: Serve) -> None:
    origin = state.session.run.websocket_origin
    path = await origin.prepare(serve)
    send_to_origin(flow, state, (ORIGIN_HOST, origin.port or 0), path)


def _record(flow: http.HTTPFlow, state: FlowState) -> None:
    """Let an upgrade go on; the API's refusal of a session is an exchange like others."""
    upgrade = upgrade_of(flow, state)
    if is_responses_endpoint(upgrade.url):
        state.socket = ResponsesCapture(upgrade)
    else:
        state.api_request = upgrade.api_request()
        state.ticket = state.session.recorder.ask(state.api_request)
        state.socket = SessionCapture(upgrade, state.ticket)
