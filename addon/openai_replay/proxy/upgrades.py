"""Answer an upgrade to a WebSocket at a recorded host: refuse it, record it, or replay it from the own origin."""

from __future__ import annotations

from functools import partial

from mitmproxy import http

from ..options import Mode, WebSocketPolicy
from ..request.response_create import is_responses_endpoint
from ..service.answering import REPLAY_FAILED
from .flow_state import FlowState
from .replaying import replay_or_refuse, send_to_origin
from .responses import refused, use_http_instead
from .responses_replay import replay_responses
from .socket_requests import Upgrade, upgrade_of
from .websocket_capture import ResponsesCapture
from .websocket_origin import HOST as ORIGIN_HOST


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
    if not is_responses_endpoint(upgrade.url):
        state.api_request = upgrade.api_request()
        await replay_or_refuse(flow, state)
        return
    origin = state.session.run.websocket_origin
    path = await origin.prepare(partial(replay_responses, upgrade))
    send_to_origin(flow, state, (ORIGIN_HOST, origin.port or 0), path)


def _record(flow: http.HTTPFlow, state: FlowState) -> None:
    upgrade = upgrade_of(flow, state)
    state.api_request = upgrade.api_request()
    state.ticket = state.session.recorder.ask(state.api_request)
    state.socket = _capture(upgrade)


def _capture(upgrade: Upgrade) -> ResponsesCapture | None:
    return ResponsesCapture(upgrade) if is_responses_endpoint(upgrade.url) else None
