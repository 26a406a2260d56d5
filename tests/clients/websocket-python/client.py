"""One task over a WebSocket, or over HTTP, with openai-python, and one line of JSON with all that came back.

The only argument is the task; key, base URL, proxy and certificates come from the environment alone. WebSockets are
used without threads: in Python two threads that share a TLS socket race (python/cpython issue 143756), and the blocking
client has two.
"""

import asyncio
import base64
import json
import sys
from collections.abc import Sequence
from typing import Any

from openai import APIStatusError, AsyncOpenAI, OpenAI

BODY = {"model": "gpt-5", "input": "Hello"}
MISSED = {"model": "gpt-5", "input": "Never recorded"}
SOUND = bytes(range(256)) * 75
SIZES = {"realtime": 4800, "realtime-other-cuts": 1234}


async def responses(body: dict[str, Any]) -> list[Any]:
    events: list[Any] = []
    async with AsyncOpenAI(max_retries=0).responses.connect() as connection:
        await connection.response.create(**body)
        async for event in connection:
            events.append(event.to_dict())
            if event.type in ("response.completed", "error"):
                return events
    return events


def responses_http(body: dict[str, Any]) -> list[Any]:
    try:
        stream = OpenAI(max_retries=0).responses.create(**body, stream=True)
        return [event.to_dict() for event in stream]
    except APIStatusError as error:
        return [{"type": "error", "status": error.status_code, "error": error.body}]


async def until(connection: Any, *types: str) -> list[Any]:
    events = [await connection.recv()]
    while events[-1].type not in types:
        events.append(await connection.recv())
    return [event.to_dict() for event in events]


async def realtime(piece: int) -> list[Any]:
    async with AsyncOpenAI(max_retries=0).realtime.connect(model="gpt-realtime") as connection:
        events = await until(connection, "session.created")
        await connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
        for start in range(0, len(SOUND), piece):
            sound = base64.b64encode(SOUND[start : start + piece]).decode()
            await connection.input_audio_buffer.append(audio=sound)
        await connection.input_audio_buffer.commit()
        await connection.response.create()
        return events + await until(connection, "response.done")


async def agent() -> list[Any]:
    # Here, because it takes seconds, and only this task needs it.
    from agents.realtime import RealtimeAgent, RealtimeRunner

    runner = RealtimeRunner(
        RealtimeAgent(name="A", instructions="Be brief."),
        config={"model_settings": {"turn_detection": None}},
    )
    session = await runner.run()
    said: list[Any] = []
    async with session:
        async for event in session:
            if event.type == "raw_model_event" and event.data.type == "raw_server_event":
                said.append(event.data.data)
                # The SDK turns tracing on by itself when the session begins; a message sent before would race it.
                if said[-1]["type"] == "session.updated" and said[-1]["session"]["tracing"]:
                    await session.send_message("Hello")
                if said[-1]["type"] == "response.done":
                    break
    return said


def main(arguments: Sequence[str]) -> None:
    match arguments:
        case ["responses"]:
            result = asyncio.run(responses(BODY))
        case ["responses-miss"]:
            result = asyncio.run(responses(MISSED))
        case ["responses-http"]:
            result = responses_http(BODY)
        case ["realtime" | "realtime-other-cuts" as task]:
            result = asyncio.run(realtime(SIZES[task]))
        case ["agent"]:
            result = asyncio.run(agent())
        case _:
            sys.exit(f"unknown task: {arguments}")
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1:])
