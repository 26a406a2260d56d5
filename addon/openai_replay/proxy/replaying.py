"""Answer a flow from the recordings: a recorded response, a redirect to the own origin, or an explained miss."""

from __future__ import annotations

import hashlib
import logging
from functools import partial
from pathlib import Path

from mitmproxy import http

from ..errors import BadRecording
from ..format.recording import JSON
from ..replay import miss
from ..replay.answer import Answer
from .flow_state import FlowState
from .hosts import is_websocket
from .own_origin import HOST as ORIGIN_HOST
from .responses import recorded_response, refusal

log = logging.getLogger(__name__)

# Headers that say how to read the rest of a request.
_DESCRIBING_HEADERS = {b"host", b"content-type", b"content-encoding"}


async def replay_or_refuse(flow: http.HTTPFlow, state: FlowState) -> None:
    """Set the recorded answer of a request, or the refusal that explains the miss. Nothing goes upstream."""
    try:
        if not await replay(flow, state):
            flow.response = await _missed(flow, state)
    except BaseException:
        flow.response = refusal(flow.request, "The replay failed; the proxy's log says why.")
        raise


async def replay_earlier(flow: http.HTTPFlow, state: FlowState) -> bool:
    """Answer a request that had a recording when the run began; False if it had none."""
    recorder = state.session.recorder
    if recorder.has_recorded(state.session.describe(flow, state)):
        return False
    return await replay(flow, state, but=recorder.written())


async def replay(flow: http.HTTPFlow, state: FlowState, *, but: frozenset[Path] = frozenset()) -> bool:
    """Answer a request from files other than `but`; False when no recording answers it."""
    session = state.session
    if is_websocket(flow.request):
        return False  # a recording of the same GET is no conversation
    try:
        describe = partial(session.describe, flow, state)
        answer = await session.replayer.answer(_fingerprint(flow.request, state), describe, but=but)
    except BadRecording as exc:
        flow.response = _unreadable(flow, state, exc)
        return True
    if answer is None:
        return False
    session.run.report.add_replayed(state.test_id, session.name_of(answer.path))
    await _set_answer(flow, state, answer)
    return True


async def _set_answer(flow: http.HTTPFlow, state: FlowState, answer: Answer) -> None:
    if answer.is_broken:
        await _redirect_to_origin(flow, state, answer)
    else:
        flow.response = recorded_response(answer, flow.request)


async def _redirect_to_origin(flow: http.HTTPFlow, state: FlowState, answer: Answer) -> None:
    """Redirect a request to the origin that breaks its answer off where the recorded one broke."""
    origin = state.session.run.origin
    path = await origin.prepare(answer)
    state.is_from_origin = True
    flow.response = None
    request = flow.request
    request.method, request.content = "GET", None
    request.scheme, request.host, request.port = "http", ORIGIN_HOST, origin.port or 0
    request.path = path
    flow.server_conn.via = None


async def _missed(flow: http.HTTPFlow, state: FlowState) -> http.Response:
    session = state.session
    api_request = session.describe(flow, state)
    found = await session.run.worker.call(partial(miss.find_miss, session.store, api_request))
    session.run.report.add_miss(found)
    log.warning("%s", found.explanation())
    return refusal(flow.request, found.summary(), code="recording_not_found")


def _unreadable(flow: http.HTTPFlow, state: FlowState, exc: BadRecording) -> http.Response:
    log.error("A recording cannot be replayed: %s", exc)
    api_request = state.session.describe(flow, state)
    details: dict[str, JSON] = {
        "method": api_request.method,
        "endpoint": api_request.endpoint(),
        "request": api_request.name(),
        "unreadable": str(exc),
    }
    state.session.run.report.add_missed(state.test_id, api_request.name(), details)
    return refusal(
        flow.request,
        f"The recording {exc.path.name} cannot be read; the proxy's log says where.",
        code="recording_unreadable",
    )


def _fingerprint(request: http.Request, state: FlowState) -> bytes:
    """Return a digest that is the same for two requests that are the same to the byte."""
    data = request.data
    described = (
        (data.method, data.scheme, data.authority, data.host, data.port, data.path),
        [field for field in data.headers.fields if field[0].lower() in _DESCRIBING_HEADERS],
        (state.test_id, state.credentials),
    )
    digest = hashlib.blake2b(repr(described).encode("utf-8", "surrogatepass"), digest_size=16)
    digest.update(data.content or b"")
    return digest.digest()
