"""Answer a Responses WebSocket from the recordings: each lane in order, the lanes side by side."""

from __future__ import annotations

import asyncio
import logging
import secrets
from functools import partial

from ..format import json_text
from ..format.recording import JSON
from ..replay.answer import Answer
from ..replay.delivery import Delivery
from ..replay.differences import shown
from ..replay.responses_socket import (
    REFUSED,
    AwaitClient,
    AwaitTime,
    BreakOff,
    ClientMessages,
    Stall,
    miss_event,
    needs_no_answer,
    steps,
)
from ..request.response_create import CREATE, LANE, body_of, fault_in, lane_of, message_of
from ..request.warm_ups import WarmUps, answer_to_warm_up
from ..wire.socket_notes import Close
from .answering import Refusal, explained_miss, recorded_answer
from .socket_requests import Upgrade
from .web_socket import Gone, Socket

log = logging.getLogger(__name__)

type Lane = str | None
type Body = dict[str, JSON]


class ResponsesReplay:
    """The server's part of one WebSocket."""

    def __init__(self, upgrade: Upgrade, socket: Socket) -> None:
        self._upgrade = upgrade
        self._socket = socket
        self._lanes: dict[Lane, asyncio.Queue[Body]] = {}
        self._client = ClientMessages(upgrade.service.rules)
        self._busy = 0
        self._progress = upgrade.service.run.progress
        self._warm_ups = WarmUps()

    async def run(self) -> None:
        """Answer until the client leaves; after a failure of the addon the client is refused for good."""
        try:
            async with asyncio.TaskGroup() as lanes:
                await self._listen(lanes)
        except* Gone:
            pass
        except* Exception as exc:
            log.exception("The replay of a WebSocket failed")
            self._socket.close(Close(REFUSED, self._upgrade.failed(exc.exceptions[0]).message))

    async def _listen(self, lanes: asyncio.TaskGroup) -> None:
        while True:
            received = await self._socket.receive()
            message = message_of(received if isinstance(received, str) else "")
            if message.get("type") == CREATE:
                self._queue(lanes, lane_of(message)).put_nowait(self._warm_ups.expanded(body_of(message)))
                self._busy += 1
            elif not needs_no_answer(message):
                await self._take(message, received)

    def _queue(self, lanes: asyncio.TaskGroup, lane: Lane) -> asyncio.Queue[Body]:
        if lane not in self._lanes:
            self._lanes[lane] = asyncio.Queue()
            lanes.create_task(self._serve(lane, self._lanes[lane]))
        return self._lanes[lane]

    async def _serve(self, lane: Lane, bodies: asyncio.Queue[Body]) -> None:
        while True:
            await self._answer(await bodies.get(), lane)
            self._busy -= 1
            if self._busy == 0:
                for message in self._client.unclaimed():
                    await self._refuse(message, fault_in(json_text.compact(message)))

    async def _answer(self, body: Body, lane: Lane) -> None:
        upgrade = self._upgrade
        describe = partial(upgrade.post, body)
        fingerprint = upgrade.fingerprint(body)
        began_s = self._now_s()
        answer = await recorded_answer(
            upgrade.service, fingerprint, describe, upgrade.test_id, own_headers=upgrade.own_headers
        )
        if answer is None and body.get("generate") is False:
            await self._answer_warm_up(body, lane)
            return
        if answer is None:
            answer = await explained_miss(upgrade.service, describe())
        if isinstance(answer, Refusal):
            await self._socket.send(miss_event(answer.message, answer.code, lane))
        elif _takes_time(answer):
            with self._progress.under_way():
                await self._send(answer, lane, began_s, body)
        else:
            await self._send(answer, lane, began_s, body)

    async def _answer_warm_up(self, body: Body, lane: Lane) -> None:
        """Answer a warm-up that has no recording: only a request that follows it can hit or miss."""
        response_id = f"resp_{secrets.token_hex(24)}"
        self._warm_ups.learn(body, response_id)
        for event in answer_to_warm_up(body, response_id):
            await self._socket.send(json_text.compact(event if lane is None else {**event, LANE: lane}))

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()

    async def _send(self, answer: Answer | Delivery, lane: Lane, began_s: float, body: Body) -> None:
        has_own_times = _takes_time(answer)
        for step in steps(answer, lane):
            match step:
                case str():
                    self._note_warm_up(body, step)
                    await self._socket.send(step)
                case AwaitTime(at_ms):
                    at_s = began_s + at_ms / 1000
                    if (wait_s := at_s - self._now_s()) > 0:
                        await asyncio.sleep(wait_s)
                    if has_own_times:
                        self._progress.late(self._now_s() - at_s)
                case Stall():
                    await asyncio.Event().wait()
                case AwaitClient(message):
                    await self._client.await_equal(message)
                    has_own_times = False  # from here on the client's time counts, too
                case BreakOff(None, is_reset):
                    self._socket.break_off(is_reset=is_reset)
                    raise Gone
                case BreakOff(close):
                    assert close is not None
                    self._socket.close(close)
                    raise Gone

    def _note_warm_up(self, body: Body, text: str) -> None:
        if body.get("generate") is False:
            response = message_of(text).get("response")
            if isinstance(response, dict) and isinstance(response_id := response.get("id"), str):
                self._warm_ups.learn(body, response_id)

    async def _take(self, message: dict[str, JSON], received: str | bytes) -> None:
        """Hand a message to the answer that waits for it; if no answer waits for it, it is a miss."""
        redacted = self._upgrade.redacted(message or _text_of(received))
        if not message or not self._client.take(redacted, is_busy=self._busy > 0):
            await self._refuse(redacted, fault_in(received))

    async def _refuse(self, message: JSON, fault: str) -> None:
        kind = message.get("type") if isinstance(message, dict) and not fault else fault
        text = f"No recording for the message {kind!r} at this place of the WebSocket."
        if fault:
            text = f"The message is {fault}: expected a JSON object with a type, such as {CREATE}."
        awaited = self._client.awaited()
        lines = [text, *(f"    recorded: {shown(one)}" for one in awaited)]
        log.warning("%s", "\n".join([*lines, f"    sent: {shown(message)}"]))
        details: dict[str, JSON] = {
            "method": "SEND",
            "endpoint": str(kind),
            "nearest": None,
            "differences": [],
            **({"refused": text} if fault else {}),
        }
        self._upgrade.service.run.report.add_missed(self._upgrade.test_id, str(kind), details)
        await self._socket.send(miss_event(text, "recording_not_found", lane_of_json(message)))


def _text_of(received: str | bytes) -> JSON:
    """Return a message that is no JSON object as a body that is text."""
    return {"__text__": received if isinstance(received, str) else received.decode("utf-8", "replace")}


def _takes_time(answer: Answer | Delivery) -> bool:
    return isinstance(answer, Delivery) and not answer.is_instant()


def lane_of_json(message: JSON) -> Lane:
    """Return the lane of a message, if it is one."""
    return lane_of(message) if isinstance(message, dict) else None


async def replay_responses(upgrade: Upgrade, socket: Socket) -> None:
    """Answer a WebSocket until it ends."""
    await ResponsesReplay(upgrade, socket).run()
