"""Answer requests of a Responses WebSocket that were recorded earlier, on a connection that records the rest.

With record-if-missing the connection leads to the API. A request that has a recording is not passed on, and the
recorded events are put among the server's messages.
"""

from __future__ import annotations

from functools import partial

from mitmproxy import ctx, http
from mitmproxy.websocket import WebSocketMessage

from ..format.recording import JSON
from ..replay.answer import Answer
from ..replay.responses_socket import steps
from ..request.response_create import CREATE, body_of, lane_of, message_of
from ..service.answering import recorded_answer
from ..service.socket_requests import Upgrade


class EarlierResponses:
    """The recordings of earlier runs, for one connection."""

    def __init__(self, flow: http.HTTPFlow, upgrade: Upgrade) -> None:
        self._flow = flow
        self._upgrade = upgrade

    async def answer(self, message: WebSocketMessage) -> bool:
        """Answer a message of the client; False if it is no request, or has no recording of an earlier run."""
        request = message_of(message.content.decode("utf-8", "replace"))
        if request.get("type") != CREATE:
            return False
        answer = await self._recorded(body_of(request))
        if not isinstance(answer, Answer):
            return False
        message.drop()
        for step in steps(answer, lane_of(request)):
            if isinstance(step, str):
                ctx.master.commands.call("inject.websocket", self._flow, True, step.encode(), True)
        return True

    async def _recorded(self, body: dict[str, JSON]) -> object:
        upgrade = self._upgrade
        service, describe = upgrade.service, partial(upgrade.post, body)
        if service.recorder.has_recorded(describe()):
            return None
        fingerprint, but = upgrade.fingerprint(body), service.recorder.written()
        return await recorded_answer(service, fingerprint, describe, upgrade.test_id, but=but)
