"""The ASGI application that answers from recordings.

A request that was answered before costs a digest of its bytes, a look-up in memory and one message with a body that
is ready. All else is as in the proxy: the same replayer, report, control page and refusals.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from ..options import WebSocketPolicy
from ..replay.answer import Answer
from ..replay.delivery import Delivery, at_once
from ..request.upgrade import problem_of
from ..service import control
from ..service.answering import (
    Refusal,
    bad_upgrade,
    explained_miss,
    failed_replay,
    recorded_answer,
    repeated_answer,
    use_http_instead,
)
from ..service.service import Service
from ..service.socket_replay import replayed_upgrade
from ..service.telemetry import NO_CONTENT, is_telemetry
from ..service.web_socket import Accepted
from ..trouble.terms import NO_OWN_HEADERS
from . import messages
from .command_line import Target
from .known import Known, KnownRequests
from .messages import HTTP2, Message, Receive, Scope, Send, request_bytes
from .playback import Streams
from .request import ReceivedRequest, fingerprint, received
from .web_socket import converse

log = logging.getLogger(__name__)

_BUG = "A bug of the engine"


class ClientLeft(Exception):
    """The client left before its request was complete."""


class Application:
    """Answers requests of one API."""

    def __init__(self, service: Service, target: Target) -> None:
        self._service = service
        self._target = target
        self._streams = Streams(service.run.progress)
        self.known = KnownRequests()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; an application of ASGI 3."""
        answered = self._upgraded if scope["type"] == "websocket" else self._requested
        try:
            await answered(scope, receive, send)
        except Exception:
            log.exception(_BUG)
            raise

    async def _requested(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            reply = await self._reply(scope, await _body(receive))
        except ClientLeft:
            return
        if isinstance(reply, Delivery):
            await self._streams.play(reply, scope, receive, send)
            return
        for message in reply:
            await send(message)

    async def _reply(self, scope: Scope, body: bytes) -> Sequence[Message] | Delivery:
        digest = fingerprint(scope, body)
        # Let the loop handle its events first, such as changes of the watched folder.
        await asyncio.sleep(0)
        known = self.known.of_digest(digest)
        if known is None:
            request = received(scope, body, self._service)
            known = Known(request, request.of_test(digest))
        try:
            return await self._answered(digest, known, request_bytes(scope))
        except Exception as exc:
            return self._failed(known.request, exc)

    def _failed(self, request: ReceivedRequest, problem: Exception) -> tuple[Message, ...]:
        log.error(_BUG, exc_info=problem)
        path = request.path.partition("?")[0]
        return _refused(request, failed_replay(self._service, request.method, path, request.test_id, problem))

    async def _answered(self, digest: bytes, known: Known, data: bytes) -> Sequence[Message] | Delivery:
        request = known.request
        if known.answer is None and (special := await self._special(request)):
            return special
        describe = partial(request.describe, self._service, self._target)
        answer = await recorded_answer(
            self._service, known.fingerprint, describe, request.test_id, own_headers=request.own_headers
        )
        if isinstance(answer, Answer):
            if answer.is_broken and request.version == HTTP2:
                return _delivered(request, at_once(answer))
            known.take(answer)
            if not request.has_alias:
                self.known.keep(digest, known, data if request.own_headers == NO_OWN_HEADERS else b"")
            return known.messages
        if isinstance(answer, Delivery):
            return _delivered(request, answer)
        return _refused(request, answer or await explained_miss(self._service, describe()))

    async def _upgraded(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer an upgrade to a WebSocket, and its messages."""
        await receive()  # the connection
        reply = await self._upgrade_reply(received(scope, b"", self._service))
        if isinstance(reply, Accepted):
            await converse(reply, scope, receive, send)
            return
        with suppress(OSError):  # the client has left
            for message in messages.denial(reply):
                await send(message)

    async def _upgrade_reply(self, request: ReceivedRequest) -> Sequence[Message] | Accepted:
        if request.is_control():
            return await self._controlled(request)
        try:
            if problem := problem_of(request.version, request.headers):
                return self._bad_upgrade(request, problem)
            answer = await replayed_upgrade(request.upgrade(self._service, self._target))
        except Exception as exc:
            return self._failed(request, exc)
        if isinstance(answer, Delivery):
            return messages.whole(answer.status, answer.headers, answer.body(), is_head=False)
        return answer

    async def _special(self, request: ReceivedRequest) -> Sequence[Message]:
        """Return the answer to a request that no recording answers by its kind, () to any other."""
        is_head = request.method == "HEAD"
        if request.is_control():
            return await self._controlled(request)
        if is_telemetry(request.method, request.path):
            return messages.start(NO_CONTENT, ()), messages.END
        if not request.is_websocket():
            return ()
        if self._service.settings.websocket is WebSocketPolicy.REFUSE:
            refusal = use_http_instead(self._service, request.path, request.test_id)
            return messages.whole(*refusal, is_head=is_head)
        return self._bad_upgrade(request, problem_of(request.version, request.headers))

    def _bad_upgrade(self, request: ReceivedRequest, problem: str) -> Sequence[Message]:
        upgrade = request.upgrade(self._service, self._target)
        return _refused(request, bad_upgrade(self._service, upgrade.api_request(), problem))

    async def _controlled(self, request: ReceivedRequest) -> Sequence[Message]:
        """Return the answer of the control page."""
        refusal = control.refusal_of(dict(request.headers), allowed_host=self._service.is_own_name)
        answer = await self._service.control_answer(request.method, request.path, refusal)
        return messages.whole(
            answer.status, answer.headers(), answer.content, is_head=request.method == "HEAD"
        )

    def say_once(self, warning: str) -> None:
        """Log a warning, if it is the first of its kind."""
        self._service.say_once(warning)

    def repeat(self, known: Known) -> bool:
        """Make the next answer to a known request ready; False where it needs a look at files, or a schedule."""
        answer = repeated_answer(self._service, known.fingerprint, known.request.test_id)
        if answer is not None:
            known.take(answer)
        return answer is not None


async def _body(receive: Receive) -> bytes:
    """Return a request's body.

    Raises:
        ClientLeft: it is not complete.
    """
    pieces = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        pieces.append(message["body"])
        if not message["more_body"]:
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _delivered(request: ReceivedRequest, delivery: Delivery) -> Sequence[Message] | Delivery:
    is_head = request.method == "HEAD"
    if delivery.is_instant() or is_head:
        return messages.whole(delivery.status, delivery.headers, delivery.body(), is_head=is_head)
    return delivery


def _refused(request: ReceivedRequest, refusal: Refusal) -> tuple[Message, ...]:
    content = refusal.content(request.header("user-agent"))
    return messages.whole(refusal.status, refusal.headers, content, is_head=request.method == "HEAD")
