"""`http2`: connections of HTTP/2 are passed on to Granian and back, and end with the server."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import struct
from contextlib import closing
from pathlib import Path
from typing import Any

import h2.connection
import httpx
import pytest

from openai_replay.engine.http2 import PREFACE
from openai_replay.engine.playback import Pauses
from support.proxy import CEILING_S, wait_until
from unit.engine.serving import application, during
from unit.exchanges import chat, write_recording

REQUESTS = 20
PATH = "/v1/chat/completions"


def settings(port: int) -> dict[str, Any]:
    """Return the settings of a client that knows that the server speaks HTTP/2 (RFC 9113, section 3.3)."""
    url = f"http://127.0.0.1:{port}"
    return {"base_url": url, "http1": False, "http2": True, "timeout": CEILING_S, "trust_env": False}


def client(port: int) -> httpx.Client:
    return httpx.Client(**settings(port))


def ask(through: httpx.Client, text: str) -> httpx.Response:
    return through.post(PATH, json=chat(text).body)


@pytest.mark.parametrize("size", [1, 300_000])
def test_requests_share_a_connection(folder: Path, size: int) -> None:
    texts = [f"{number} {'x' * size}" for number in range(2)]
    for text in texts:
        write_recording(folder, f"{chat(text).name()}.json", chat(text), {"said": text})

    # httpx's client for threads mixes up the frames of requests at the same time (encode/httpx, issue 3072).
    async def ask_at_once(port: int) -> list[httpx.Response]:
        async with httpx.AsyncClient(**settings(port)) as through:
            return await asyncio.gather(
                *(through.post(PATH, json=chat(texts[number % 2]).body) for number in range(REQUESTS))
            )

    with application(folder) as answering:
        responses = during(answering, lambda port: asyncio.run(ask_at_once(port)))
    assert {response.http_version for response in responses} == {"HTTP/2"}
    assert [response.json()["said"] for response in responses] == [
        texts[number % 2] for number in range(REQUESTS)
    ]


def test_http1_and_http2_share_a_port(folder: Path) -> None:
    write_recording(folder, "a.json", chat("Hi"), {"n": 1})

    def act(port: int) -> list[str]:
        url = f"http://127.0.0.1:{port}"
        with client(port) as newer, httpx.Client(base_url=url, trust_env=False) as older:
            return [ask(through, "Hi").raise_for_status().http_version for through in (newer, older, newer)]

    with application(folder) as answering:
        assert during(answering, act) == ["HTTP/2", "HTTP/1.1", "HTTP/2"]


def test_the_server_ends_while_a_connection_is_open(folder: Path) -> None:
    write_recording(folder, "a.json", chat("Hi"), {"n": 1})

    def act(port: int) -> httpx.Client:
        through = client(port)
        ask(through, "Hi").raise_for_status()
        return through

    with application(folder) as answering:
        through = during(answering, act)
    with closing(through), pytest.raises(httpx.TransportError):
        ask(through, "Hi")


def test_a_client_that_leaves_at_once_is_no_trouble(folder: Path) -> None:
    write_recording(folder, "a.json", chat("Hi"), {"n": 1})

    def act(port: int) -> int:
        for _ in range(10):
            with socket.create_connection(("127.0.0.1", port), timeout=CEILING_S) as leaving:
                leaving.sendall(PREFACE)
        with client(port) as through:
            return ask(through, "Hi").status_code

    with application(folder) as answering:
        assert during(answering, act) == 200


def test_a_client_that_leaves_its_answers_is_not_worth_a_line(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_recording(folder, "a.json", chat("Hi"), {"n": "x" * 300_000})

    def act(port: int) -> int:
        for number in range(20):
            with socket.create_connection(("127.0.0.1", port), timeout=CEILING_S) as leaving:
                leaving.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", number % 2, 0))
                leaving.sendall(requests_of_many_streams())
                leaving.recv(1)
        with client(port) as through:
            return ask(through, "Hi").status_code

    with application(folder) as answering:
        assert during(answering, act) == 200
    assert [record.message for record in caplog.records if record.name == "asyncio"] == []


def requests_of_many_streams() -> bytes:
    connection = h2.connection.H2Connection()
    connection.initiate_connection()
    names = (":method", "POST"), (":scheme", "http"), (":authority", "localhost"), (":path", PATH)
    for number in range(1, 20, 2):
        connection.send_headers(number, [*names, ("content-type", "application/json")])
        connection.send_data(number, json.dumps(chat("Hi").body).encode(), end_stream=True)
    return connection.data_to_send()


def test_paced_streams_leave_nothing_in_memory(folder: Path) -> None:
    write_recording(folder, "a.json", chat("Hi"), {"n": 1})

    def act(port: int) -> None:
        with client(port) as through:
            for _ in range(10):
                ask(through, "Hi").raise_for_status()
        wait_until(lambda: not any(isinstance(one, Pauses) for one in gc.get_objects()), "all are forgotten")

    with application(folder, recording_pacing="ttft=1ms,gap=1ms") as answering:
        during(answering, act)
