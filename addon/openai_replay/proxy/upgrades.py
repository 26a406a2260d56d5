"""Answer an upgrade to a WebSocket at a recorded host: refuse it, record it, or replay it from the own origin."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from mitmproxy import http

from ..options import Mode, WebSocketPolicy
from ..replay.delivery import Delivery
from ..request.response_create import is_responses_endpoint
from ..request.upgrade import PROTOCOLS, problem_of, upgrade_body
from ..service.answering import bad_upgrade, use_http_instead
from ..service.session_replay import next_session
from ..service.socket_replay import replayed_upgrade, served
from ..service.socket_requests import Upgrade
from ..service.web_socket import Accepted
from .client_connection import reset_client
from .earlier_responses import EarlierResponses
from .flow_state import FlowState
from .hosts import url_of
from .loopback_origin import HOST as ORIGIN_HOST
from .replaying import refuse_failed, send_to_origin
from .responses import recorded_response, refused, refused_upgrade
from .session_capture import SessionCapture
from .websocket_capture import ResponsesCapture
from .websocket_origin import Prepared


async def answer_upgrade(flow: http.HTTPFlow, state: FlowState) -> None:
    """Set the answer of an upgrade, or let it go on to the API and record it."""
    settings = state.session.settings
    if settings.websocket is WebSocketPolicy.REFUSE:
        flow.response = refused_upgrade(*use_http_instead(state.session, flow.request.path, state.test_id))
    elif settings.mode is Mode.REPLAY:
        await _replay_or_refuse(flow, state)
    elif settings.mode is Mode.RECORD or (
        settings.mode is Mode.RECORD_IF_MISSING and not await _replay_earlier(flow, state)
    ):
        _record(flow, state)


async def _replay_or_refuse(flow: http.HTTPFlow, state: FlowState) -> None:
    problem = problem_of(flow.request.http_version.removeprefix("HTTP/"), _lower_case(flow.request.headers))
    try:
        upgrade = _upgrade_of(flow, state)
        if problem:
            flow.response = refused(flow.request, bad_upgrade(state.session, upgrade.api_request(), problem))
        else:
            await _answer(flow, state, await replayed_upgrade(upgrade))
    except BaseException as exc:
        refuse_failed(flow, state, exc)
        raise


async def _replay_earlier(flow: http.HTTPFlow, state: FlowState) -> bool:
    """Answer the upgrade of a session that had a recording when the run began; False if it had none."""
    upgrade, recorder = _upgrade_of(flow, state), state.session.recorder
    if is_responses_endpoint(upgrade.url) or recorder.has_recorded(upgrade.api_request()):
        return False
    found = await next_session(upgrade, but=recorder.written())
    if found is None:
        return False
    await _answer(flow, state, served(upgrade, found))
    return True


def _lower_case(headers: http.Headers) -> Iterator[tuple[str, str]]:
    return ((name.lower(), value) for name, value in headers.items(multi=True))


def _upgrade_of(flow: http.HTTPFlow, state: FlowState) -> Upgrade:
    protocols = flow.request.headers.get_all(PROTOCOLS)
    url, body = url_of(flow.request, state.session.settings), upgrade_body(protocols)
    return Upgrade(state.session, url, body, state.test_id, state.credentials, state.own_headers)


async def _answer(flow: http.HTTPFlow, state: FlowState, answer: Delivery | Accepted) -> None:
    if isinstance(answer, Delivery):
        flow.response = recorded_response(answer.status, answer.headers, answer.body(), flow.request)
        return
    origin = state.session.run.websocket_origin
    path = await origin.add(Prepared(answer, partial(reset_client, flow.client_conn)))
    send_to_origin(flow, state, (ORIGIN_HOST, origin.port or 0), path)


def _record(flow: http.HTTPFlow, state: FlowState) -> None:
    """Let an upgrade go on; the API's refusal of a session is an exchange like others."""
    upgrade = _upgrade_of(flow, state)
    if is_responses_endpoint(upgrade.url):
        is_mixed = state.session.settings.mode is Mode.RECORD_IF_MISSING
        state.socket = ResponsesCapture(upgrade, EarlierResponses(flow, upgrade) if is_mixed else None)
    else:
        state.api_request = upgrade.api_request()
        state.ticket = state.session.recorder.ask(state.api_request)
        state.socket = SessionCapture(upgrade, state.ticket)
