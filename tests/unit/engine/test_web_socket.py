"""`web_socket`: a conversation over ASGI, message by message, and how it ends."""

from __future__ import annotations

import asyncio
from typing import Any

from openai_replay.engine.messages import Message
from openai_replay.engine.web_socket import converse
from openai_replay.service.web_socket import Accepted, Gone, Serve, Socket
from openai_replay.wire.socket_notes import Close

CEILING_S = 20


class Client:
    """A client that sends some messages, and leaves when the server closes or has sent as many."""

    def __init__(self, *messages: str | bytes) -> None:
        self._waiting: asyncio.Queue[Message] = asyncio.Queue()
        self._left = len(messages)
        self.heard: list[Message] = []
        for message in messages:
            kind = "text" if isinstance(message, str) else "bytes"
            self._waiting.put_nowait({"type": "websocket.receive", kind: message})

    async def receive(self) -> Message:
        return await self._waiting.get()

    async def send(self, message: Message) -> None:
        self.heard.append(message)
        self._left -= message["type"] == "websocket.send"
        if message["type"] == "websocket.close" or self._left == 0:
            self._waiting.put_nowait({"type": "websocket.disconnect", "code": 1005})


def conversation(serve: Serve, *messages: str | bytes, subprotocols: tuple[str, ...] = ()) -> list[Message]:
    """Return all that the server said."""

    async def main() -> list[Message]:
        client = Client(*messages)
        scope: dict[str, Any] = {"subprotocols": list(subprotocols), "client": ("127.0.0.1", "1")}
        async with asyncio.timeout(CEILING_S):
            await converse(Accepted(serve), scope, client.receive, client.send)
        return client.heard

    return asyncio.run(main())


async def echo(socket: Socket) -> None:
    while True:
        await socket.send(await socket.receive())


def test_text_and_bytes_go_both_ways_until_the_client_leaves() -> None:
    assert conversation(echo, "Grüße", b"\x00") == [
        {"type": "websocket.accept", "subprotocol": None, "headers": []},
        {"type": "websocket.send", "text": "Grüße"},
        {"type": "websocket.send", "bytes": b"\x00"},
    ]


def test_the_accepted_subprotocol_is_never_a_key() -> None:
    (accepted, *_) = conversation(echo, "x", subprotocols=("openai-insecure-api-key.ek_1", "realtime"))
    assert accepted["subprotocol"] == "realtime"


def test_it_closes_with_code_and_reason_behind_all_messages() -> None:
    async def serve(socket: Socket) -> None:
        await socket.send(await socket.receive())
        socket.close(Close(1008, "no recording"))
        raise Gone

    async def refuse(socket: Socket) -> None:
        socket.close(Close(1008, "no recording"))

    closed = {"type": "websocket.close", "code": 1008, "reason": "no recording"}
    assert conversation(refuse, "ignored", "too")[-1] == closed
    assert [said["type"] for said in conversation(serve, "one", "two")] == [
        "websocket.accept",
        "websocket.send",
        "websocket.close",
    ]
