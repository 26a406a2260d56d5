"""Answer a flow from the recordings: a recorded response, a redirect to the own origin, or an explained miss."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path

from mitmproxy import http

from ..replay.answer import Answer
from ..replay.delivery import Delivery, Ending, at_once, with_length
from ..service.answering import (
    REPLAY_FAILED,
    Refusal,
    explained_miss,
    failed_replay,
    recorded_answer,
    trouble_of,
)
from .client_connection import handler_of, lift_connection_limit
from .flow_state import FlowState
from .loopback_origin import HOST as ORIGIN_HOST
from .responses import recorded_response, refused
from .shortcuts.direct_writing import direct_writer

# mitmweb and mitmproxy show it in front of a flow.
_MISS_MARKER = ":red_circle:"

# Headers that say how to read the rest of a request.
_DESCRIBING_HEADERS = {b"host", b"content-type", b"content-encoding"}


async def replay_or_refuse(flow: http.HTTPFlow, state: FlowState) -> None:
    """Set the recorded answer of a request, or the refusal that explains the miss. Nothing goes upstream."""
    try:
        if not await replay(flow, state):
            missed = await explained_miss(state.session, state.session.describe_flow(flow, state))
            flow.response = refused(flow.request, missed)
            flow.marked, flow.comment = _MISS_MARKER, missed.message
    except BaseException as exc:
        refuse_failed(flow, state, exc)
        raise


def refuse_failed(flow: http.HTTPFlow, state: FlowState, problem: BaseException) -> None:
    """Refuse a request whose replay failed by a bug."""
    flow.response = refused(flow.request, REPLAY_FAILED)  # whatever happens below
    path = flow.request.path.partition("?")[0]
    failed_replay(state.session, flow.request.method, path, state.test_id, problem)


async def replay_earlier(flow: http.HTTPFlow, state: FlowState) -> bool:
    """Answer a request that had a recording when the run began; False if it had none."""
    recorder = state.session.recorder
    if recorder.has_recorded(state.session.describe_flow(flow, state)):
        return False
    return await replay(flow, state, but=recorder.written())


async def replay(flow: http.HTTPFlow, state: FlowState, *, but: frozenset[Path] = frozenset()) -> bool:
    """Answer a request from files other than `but`; False when no recording answers it."""
    session = state.session
    describe = partial(session.describe_flow, flow, state)
    fingerprint = _fingerprint(flow.request, state)
    answer = await recorded_answer(
        session, fingerprint, describe, state.test_id, own_headers=state.own_headers, but=but
    )
    if answer is None:
        return False
    if isinstance(answer, Refusal):
        flow.response = refused(flow.request, answer)
        flow.marked, flow.comment = _MISS_MARKER, answer.message
    else:
        flow.is_replay, flow.comment = "response", _comment(session.name_of(answer.path), trouble_of(answer))
        await _set_answer(flow, state, answer)
    return True


def _comment(name: str, trouble: str) -> str:
    """Return the text that mitmweb shows beside a replayed flow."""
    return f"replayed from {name} ({trouble})" if trouble else f"replayed from {name}"


async def _set_answer(flow: http.HTTPFlow, state: FlowState, answer: Answer | Delivery) -> None:
    if isinstance(answer, Delivery):
        await _send(flow, state, answer)
    elif answer.is_broken:
        await _send(flow, state, at_once(answer))
    else:
        flow.response = recorded_response(
            answer.status, answer.headers, b"".join(answer.pieces), flow.request
        )


async def _send(flow: http.HTTPFlow, state: FlowState, delivery: Delivery) -> None:
    """Let mitmproxy send an answer that goes out at once, and the own origin any other."""
    if delivery.is_instant() or flow.request.method == "HEAD":
        flow.response = recorded_response(delivery.status, delivery.headers, delivery.body(), flow.request)
    else:
        await _redirect_to_origin(flow, state, delivery)


async def _redirect_to_origin(flow: http.HTTPFlow, state: FlowState, delivery: Delivery) -> None:
    """Redirect a request to the origin that keeps to the schedule of its answer.

    mitmproxy relays the head of the answer as it is, so a client of HTTP/1.0 gets a length here: it knows no chunks
    (RFC 9112, section 6.1), and without a length the end of the connection would pass for the end of the body.
    """
    origin = state.session.run.origin
    request = flow.request
    if request.http_version == "HTTP/1.0":
        delivery = with_length(delivery)
    if state.session.run.writes_directly:
        state.direct_writer = direct_writer(flow, handler_of(flow.client_conn))
    path = await origin.prepare(delivery, state.direct_writer)
    state.ends_in_reset = delivery.ending is Ending.RESET
    # mitmproxy has no trailers over HTTP/1.1: a request with some would end the client's connection.
    request.method, request.content, request.trailers = "GET", None, None
    request.headers = http.Headers([field for field in request.headers.fields if _is_kept(field[0])])
    send_to_origin(flow, state, (ORIGIN_HOST, origin.port or 0), path)


def _is_kept(name: bytes) -> bool:
    """Tell whether a header of a redirected request stays: mitmproxy ends or keeps the client's connection by it."""
    return name.lower() == b"connection"


def send_to_origin(flow: http.HTTPFlow, state: FlowState, address: tuple[str, int], path: str) -> None:
    """Let mitmproxy get the answer to a request from a server of the addon."""
    lift_connection_limit(flow.client_conn, address)
    state.is_from_origin = True
    flow.response = None
    request = flow.request
    request.scheme, (request.host, request.port) = "http", address
    request.authority = ""  # the target of a client that speaks as to a proxy; the origin knows paths alone
    request.path = path
    flow.server_conn.via = None


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
