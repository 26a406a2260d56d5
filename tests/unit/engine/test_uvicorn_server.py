"""`uvicorn_server`: it says that it listens once it does, answers, upgrades, and ends when it is told to."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from openai_replay.request.identity import describe
from openai_replay.request.upgrade import upgrade_body
from support.proxy import CEILING_S
from support.requests import API
from support.websocket import WebSocket
from unit.engine.serving import application, during
from unit.exchanges import NO_RULES, write_recording

RESPONSES = "/v1/responses"
REALTIME = "/v1/realtime?model=gpt-realtime"


def status_of(port: int) -> int:
    """Return the status of the metrics page."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/@/metrics")
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status


@contextmanager
def web_socket(port: int, target: str) -> Iterator[WebSocket]:
    with socket.create_connection(("127.0.0.1", port), timeout=CEILING_S) as connection:
        yield WebSocket(connection, target)


def test_it_listens_when_it_says_so_and_ends_when_told(folder: Path) -> None:
    with application(folder) as answering:
        assert during(answering, status_of) == 200


def test_the_messages_of_a_websocket_are_answered_and_a_break_has_no_close_frame(folder: Path) -> None:
    for text, broken in (("Hi", False), ("Break", True)):
        request = describe("POST", API + RESPONSES, {"input": text, "stream": True}, None, NO_RULES)
        write_recording(
            folder,
            f"{request.name()}.json",
            request,
            ['data: {"type": "response.created"}', ""],
            is_streaming=True,
            is_exception=broken,
            exception_type="CutByUpstream" if broken else None,
        )

    def act(port: int) -> tuple[Any, bytes, tuple[int, str]]:
        with web_socket(port, RESPONSES) as client:
            client.accepted()
            client.send(type="response.create", input="Hi")
            answered = client.receive()
            pong = client.ping(b"are you there?")
            client.send(type="response.create", input="Break")
            assert client.receive() == answered
            return answered, pong, client.closed()

    with application(folder) as answering:
        answered, pong, closed = during(answering, act)
    assert answered == {"type": "response.created"}
    assert pong == b"are you there?"
    assert closed == (1006, "")


def test_an_upgrade_that_misses_gets_an_error_event_and_is_closed_for_good(folder: Path) -> None:
    def act(port: int) -> tuple[Any, tuple[int, str]]:
        with web_socket(port, REALTIME) as client:
            client.accepted()
            return client.receive(), client.closed()

    with application(folder) as answering:
        event, closed = during(answering, act)
    assert event["error"]["code"] == "recording_not_found"
    assert closed == (1008, "No recording; the proxy's log says why.")


def test_an_upgrade_that_the_api_refused_is_refused(folder: Path) -> None:
    request = describe("GET", API + REALTIME, upgrade_body(()), None, NO_RULES)
    write_recording(folder, f"{request.name()}.json", request, {"error": {"message": "No."}}, status=401)

    def act(port: int) -> tuple[int, bytes]:
        with web_socket(port, REALTIME) as client:
            return client.refusal()

    with application(folder) as answering:
        status, body = during(answering, act)
    assert (status, json.loads(body)) == (401, {"error": {"message": "No."}})


def test_an_upgrade_is_a_request_where_websockets_are_refused(folder: Path) -> None:
    def act(port: int) -> int:
        with web_socket(port, REALTIME) as client:
            return client.refusal()[0]

    with application(folder, recording_websocket="refuse") as answering:
        assert during(answering, act, upgrades=False) == 426


def test_a_server_ends_while_a_websocket_is_open(folder: Path) -> None:
    with application(folder) as answering, ExitStack() as stack:

        def act(port: int) -> WebSocket:
            client = stack.enter_context(web_socket(port, RESPONSES))
            client.accepted()
            return client

        assert during(answering, act).closed()[0] in (1006, 1012)
