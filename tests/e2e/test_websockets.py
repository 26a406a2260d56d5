"""A WebSocket to a recorded host passes while recording, pointed out once, and is refused in replay as a miss is."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    Event,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)

from openai_replay.mock import Upstream
from support.both import Both, both
from support.proxy import CEILING_S, Proxy, proxy

REALTIME = "/v1/echo?model=gpt-realtime"
WARNING = "A WebSocket to api.openai.com passes through and is not recorded."


@pytest.fixture(scope="module")
def proxies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    with both(tmp_path_factory.mktemp("websockets")) as proxies:
        yield proxies


@pytest.fixture(scope="module")
def by_base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    home = tmp_path_factory.mktemp("websockets-by-base-url")
    with both(home, mode="reverse:https://api.openai.com") as proxies:
        yield proxies


@contextmanager
def through_proxy(running: Proxy) -> Iterator[socket.socket]:
    """Give a TLS connection to the API through the proxy."""
    with socket.create_connection(("127.0.0.1", running.port), timeout=CEILING_S) as connection:
        connection.sendall(b"CONNECT api.openai.com:443 HTTP/1.1\r\nhost: api.openai.com:443\r\n\r\n")
        assert b" 200 " in connection.recv(65536)
        context = ssl.create_default_context(cafile=str(running.ca_file))
        with context.wrap_socket(connection, server_hostname="api.openai.com") as secured:
            yield secured


@contextmanager
def direct(running: Proxy) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", running.port), timeout=CEILING_S) as connection:
        yield connection


class WebSocket:
    """The client's end of a WebSocket on a connection."""

    def __init__(self, connection: socket.socket, target: str) -> None:
        self._connection = connection
        self._protocol = WSConnection(ConnectionType.CLIENT)
        self._events: list[Event] = []
        self._send(Request(host="api.openai.com", target=target, subprotocols=["realtime"]))

    def _send(self, event: Event) -> None:
        self._connection.sendall(self._protocol.send(event))

    def next_event(self) -> Event:
        while not self._events:
            data = self._connection.recv(65536)
            self._protocol.receive_data(data or None)
            self._events += self._protocol.events()
        return self._events.pop(0)

    def says_again(self, text: str) -> str:
        self._send(TextMessage(data=text))
        said = ""
        while True:
            event = self.next_event()
            assert isinstance(event, TextMessage)
            said += event.data
            if event.message_finished:
                return said

    def close(self) -> None:
        self._send(CloseConnection(code=1000))
        assert isinstance(self.next_event(), CloseConnection)


def talk(connection: socket.socket, target: str) -> list[str]:
    websocket = WebSocket(connection, target)
    accepted = websocket.next_event()
    assert isinstance(accepted, AcceptConnection)
    assert accepted.subprotocol == "realtime"
    said = [websocket.says_again(text) for text in ('{"type":"session.update"}', "Grüße 🗼" * 5000)]
    websocket.close()
    return said


def refusal(connection: socket.socket, target: str) -> tuple[int, bytes]:
    websocket = WebSocket(connection, target)
    rejected = websocket.next_event()
    assert isinstance(rejected, RejectConnection)
    body = b""
    while rejected.has_body:
        event = websocket.next_event()
        assert isinstance(event, RejectData)
        body += event.data
        if event.body_finished:
            break
    return rejected.status_code, body


def test_it_passes_while_recording_with_one_warning(proxies: Both) -> None:
    warned = proxies.recorder.log().count(WARNING)
    with through_proxy(proxies.recorder) as connection:
        said = talk(connection, REALTIME)

    assert said == ['{"type":"session.update"}', "Grüße 🗼" * 5000]
    assert proxies.recorder.log().count(WARNING) == warned + 1
    assert list(proxies.folder.iterdir()) == []
    assert proxies.recorder.ask("/report")["not_recorded"] == []


def test_it_passes_by_base_url_while_recording(by_base_url: Both) -> None:
    with direct(by_base_url.recorder) as connection:
        said = talk(connection, "/@a%20test/v1/echo")

    assert said[0] == '{"type":"session.update"}'
    assert by_base_url.recorder.log().count(WARNING) == 1
    assert by_base_url.upstream.requests[-1].target == "/v1/echo"


@pytest.mark.parametrize("target", [REALTIME, "/v1/responses"])
def test_it_is_refused_in_replay_as_a_miss_is(proxies: Both, target: str) -> None:
    connections = proxies.upstream.connections
    with through_proxy(proxies.replayer) as connection:
        status, body = refusal(connection, target)
    path = target.partition("?")[0]
    error = json.loads(body)["error"]

    assert status == 400
    assert error["code"] == "recording_not_found"
    assert error["message"].startswith(f"No recording for GET {path} (request ")
    assert f"No recording for GET {path}" in proxies.replayer.log()
    assert proxies.upstream.connections == connections


def test_it_is_refused_by_base_url_in_replay(by_base_url: Both) -> None:
    connections = by_base_url.upstream.connections
    with direct(by_base_url.replayer) as connection:
        status, body = refusal(connection, REALTIME)

    assert (status, json.loads(body)["error"]["code"]) == (400, "recording_not_found")
    assert by_base_url.upstream.connections == connections


def test_a_recording_of_the_same_get_does_not_answer_an_upgrade(proxies: Both) -> None:
    proxies.upstream.add({"match": {"path": "/v1/upgradable"}, "answer": {"json": {"id": "plain"}}})
    recorded = proxies.seen(proxies.recorder, lambda client: client.get("/upgradable", cast_to=object), "")
    proxies.recorder.ask("/report")
    with through_proxy(proxies.replayer) as connection:
        status, body = refusal(connection, "/v1/upgradable")

    assert recorded.result == {"id": "plain"}
    assert (status, json.loads(body)["error"]["code"]) == (400, "recording_not_found")


@pytest.mark.parametrize("mode", ["record", "record-if-missing", "live", "replay"])
def test_refuse_answers_426_in_every_mode(tmp_path: Path, mode: str) -> None:
    (tmp_path / "recordings").mkdir()
    options = (
        f"recording_mode={mode}",
        "recording_websocket=refuse",
        f"recording_dir={tmp_path / 'recordings'}",
    )
    with (
        Upstream() as upstream,
        proxy(tmp_path, *options, upstream=upstream) as running,
        through_proxy(running) as connection,
    ):
        connections = upstream.connections
        status, _ = refusal(connection, REALTIME)

    assert (status, upstream.requests) == (426, [])
    assert mode != "replay" or upstream.connections == connections
