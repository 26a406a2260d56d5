"""Streams of background responses are resumed in replay, with the SDKs' own helpers."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from openai_replay.mock import Upstream
from support.both import KEY, Both, both, listening_client
from support.node import node
from support.proxy import CEILING_S, Proxy, curl, proxy, recordings
from support.requests import response_body

CREATE: dict[str, Any] = response_body("Say hello", model="gpt-4.1", background=True, store=True)
URL = "https://api.openai.com/v1/responses"


@pytest.fixture(scope="module")
def proxies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    with both(tmp_path_factory.mktemp("resuming")) as proxies:
        yield proxies


@pytest.fixture(scope="module")
def response(proxies: Both) -> tuple[str, list[Any]]:
    """The id and the events of a background response whose stream was recorded once, from beginning to end."""
    done = curl(proxies.recorder, URL, "-d", json.dumps({**CREATE, "stream": True}))
    proxies.recorder.ask("/report")
    events = [json.loads(line[6:]) for line in done.stdout.splitlines() if line.startswith(b"data: ")]
    return events[0]["response"]["id"], events


@pytest.mark.parametrize("after", [0, 4])
def test_python_retrieves_the_rest_of_a_stream(
    proxies: Both, response: tuple[str, list[Any]], after: int
) -> None:
    response_id, events = response
    with listening_client(proxies.replayer, "") as (http_client, _):
        client = OpenAI(api_key=KEY, http_client=http_client, max_retries=0)
        stream = client.responses.retrieve(response_id, stream=True, starting_after=after)
        seen = [event.sequence_number for event in stream]
    assert seen == [event["sequence_number"] for event in events if event["sequence_number"] > after]


def test_python_resumes_with_its_stream_helper(proxies: Both, response: tuple[str, list[Any]]) -> None:
    response_id, events = response
    with listening_client(proxies.replayer, "") as (http_client, _):
        client = OpenAI(api_key=KEY, http_client=http_client, max_retries=0)
        with client.responses.stream(response_id=response_id, starting_after=3) as stream:
            seen = [event.sequence_number for event in stream]
            final = stream.get_final_response()
    assert seen == [event["sequence_number"] for event in events if event["sequence_number"] > 3]
    assert final.output_text == "".join(
        event.get("delta", "") for event in events if "text.delta" in event["type"]
    )


def test_node_resumes_with_retrieve(proxies: Both, response: tuple[str, list[Any]]) -> None:
    response_id, events = response
    url = {"stream": True, "starting_after": 4}
    [answer] = node(proxies.replayer, [[["responses", "retrieve"], response_id, url]], test_id="")
    assert [item["sequence_number"] for item in answer["items"]] == [
        event["sequence_number"] for event in events if event["sequence_number"] > 4
    ]


def test_node_resumes_with_its_stream_helper(proxies: Both, response: tuple[str, list[Any]]) -> None:
    response_id, events = response
    call = [["responses", "stream"], {"response_id": response_id, "starting_after": 3}]
    [answer] = node(proxies.replayer, [call], test_id="")
    assert [item["sequence_number"] for item in answer["items"]] == [
        event["sequence_number"] for event in events if event["sequence_number"] > 3
    ]


def test_a_client_that_lost_its_stream_resumes_it_in_replay_as_while_recording(proxies: Both) -> None:
    create = {**CREATE, "input": "Say goodbye", "stream": True}

    def lost_and_resumed(running: Proxy, lost_after: int) -> list[int]:
        with listening_client(running, "lost") as (http_client, _):
            client = OpenAI(api_key=KEY, http_client=http_client, max_retries=0)
            stream = client.responses.create(**create)
            first = [next(stream) for _ in range(lost_after)]
            stream.close()
            rest = client.responses.retrieve(
                first[0].response.id, stream=True, starting_after=first[-1].sequence_number
            )
            return [event.sequence_number for event in (*first, *rest)]

    recorded = lost_and_resumed(proxies.recorder, 3)
    proxies.recorder.ask("/report")
    assert recorded == [*range(len(recorded))]
    assert lost_and_resumed(proxies.replayer, 3) == recorded
    assert lost_and_resumed(proxies.replayer, 2) == recorded


def tls_through(running: Proxy) -> ssl.SSLSocket:
    connection = socket.create_connection(("127.0.0.1", running.port), timeout=CEILING_S)
    connection.sendall(b"CONNECT api.openai.com:443 HTTP/1.1\r\nhost: api.openai.com:443\r\n\r\n")
    assert b" 200 " in connection.recv(65536)
    context = ssl.create_default_context(cafile=str(running.ca_file))
    return context.wrap_socket(connection, server_hostname="api.openai.com")


def test_a_stream_under_way_is_kept_when_the_proxy_ends(tmp_path: Path) -> None:
    events: list[dict[str, Any]] = [
        {"event": f"response.{name}", "data": {"type": f"response.{name}", "sequence_number": number}}
        for number, name in enumerate(("created", "queued", "in_progress", "completed"))
    ]
    stalled = {"events": events, "delivery": {"stall_after_chunks": 3}}
    folder = tmp_path / "recordings"
    options = (f"recording_dir={folder}", "recording_mode=record")
    path = "/v1/responses/resp_long?stream=true"
    with Upstream(plain=True) as upstream:
        upstream.add({"match": {"method": "GET", "path": "/v1/responses/resp_long"}, "answer": stalled})
        with proxy(tmp_path / "home", *options, upstream=upstream) as recorder:
            with tls_through(recorder) as connection:
                connection.sendall(f"GET {path} HTTP/1.1\r\nhost: api.openai.com\r\n\r\n".encode())
                received = b""
                while received.count(b"data: ") < 3:
                    received += connection.recv(65536)
                assert recorder.stop() == 0
    [recording] = recordings(folder).values()

    assert len(recording["response"]["body"]) == 3
    assert (
        recording["response"]["exception_message"] == "The stream broke off after 3 chunks: the proxy ended."
    )
    assert recording["response"]["exception_data"]["ended_by"] == "proxy"
