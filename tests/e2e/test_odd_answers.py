"""Every request to a recorded host ends in one count, and odd answers come back as they were."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.proxy import CEILING_S, Proxy, proxy, wait_until
from support.requests import CHAT_PATH, chat_body

COMPLETION = (
    b'{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"m","choices":[],"usage":null}'
)
EVENT = b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[]}\n\n'
WITHOUT_ID = b'{"object":"chat.completion","choices":[]}'
DONE = b"data: [DONE]\n\n"


def whole(body: bytes, content_type: str = "application/json", *headers: str) -> bytes:
    """Return a response with a length; each header is a line."""
    lines = [f"Content-Type: {content_type}", f"Content-Length: {len(body)}", *headers]
    return b"HTTP/1.1 200 OK\r\n" + "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def stream(body: bytes) -> bytes:
    return whole(body, "text/event-stream")


class RawUpstream:
    """A server that answers each connection with the bytes that were last set, and closes it."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.answer = b""
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            with client, client.makefile("rb") as lines:
                size = 0
                while (line := lines.readline()).strip():
                    if line.lower().startswith(b"content-length:"):
                        size = int(line.partition(b":")[2])
                lines.read(size)
                client.sendall(self.answer)

    def close(self) -> None:
        self._socket.close()


@contextmanager
def running(home: Path, mode: str, port: int) -> Iterator[Proxy]:
    options = (
        f"recording_mode={mode}",
        f"recording_dir={home / 'recordings'}",
        f"recording_hosts=127.0.0.1:{port}",
    )
    with proxy(home, *options, mode=f"reverse:http://127.0.0.1:{port}", program="mitmdump") as started:
        yield started


def asked(started: Proxy, text: str) -> tuple[int, bytes]:
    """Send a chat request, and return status and body as far as they came; 0 without a response."""
    connection = http.client.HTTPConnection("127.0.0.1", started.port, timeout=CEILING_S)
    try:
        connection.request(
            "POST", CHAT_PATH, json.dumps(chat_body(text)), {"content-type": "application/json"}
        )
        response = connection.getresponse()
        return response.status, response.read()
    except (http.client.HTTPException, ConnectionError):
        return 0, b""
    finally:
        connection.close()


def totals(started: Proxy) -> dict[str, int]:
    connection = http.client.HTTPConnection("127.0.0.1", started.port, timeout=CEILING_S)
    connection.request("GET", "/@/report")
    reported: Any = json.loads(connection.getresponse().read())
    connection.close()
    counted: dict[str, int] = reported["totals"]
    return counted


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("odd")
    (folder / "recordings").mkdir()
    return folder


@pytest.fixture(scope="module")
def upstream() -> Iterator[RawUpstream]:
    started = RawUpstream()
    yield started
    started.close()


@pytest.fixture(scope="module")
def recorder(home: Path, upstream: RawUpstream) -> Iterator[Proxy]:
    with running(home, "record", upstream.port) as started:
        yield started


@pytest.fixture(scope="module")
def replayer(home: Path, upstream: RawUpstream, recorder: Proxy) -> Iterator[Proxy]:
    with running(home, "replay", upstream.port) as started:
        yield started


REFUSED: dict[str, bytes] = {
    "two lengths": whole(COMPLETION, "application/json", "Transfer-Encoding: chunked"),
    "an odd header name": whole(COMPLETION, "application/json", "x note: 1"),
    "an interim response": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + whole(COMPLETION),
    "no response": b"",
    "no HTTP": b"220 mail.example ESMTP\r\n",
    "half a body": whole(COMPLETION)[:-10],
    "an unknown coding": whole(b"\xff\x06\x00\x00sNaPpY", "application/json", "Content-Encoding: snappy"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_exchange_that_cannot_be_recorded_is_counted_and_logged(
    recorder: Proxy, upstream: RawUpstream, name: str
) -> None:
    before, upstream.answer = totals(recorder), REFUSED[name]
    asked(recorder, name)
    wait_until(lambda: totals(recorder)["not_recorded"] > before["not_recorded"], "it is counted")
    after = totals(recorder)

    assert after["not_recorded"] == before["not_recorded"] + 1
    assert after["recorded"] == before["recorded"]
    assert "Not recorded: POST /v1/chat/completions" in recorder.log()


SAME: dict[str, bytes] = {
    "a charset as coding": whole(
        WITHOUT_ID,
        "application/json",
        "Content-Encoding: utf-8",
    ),
    "a media type as coding": whole(WITHOUT_ID, "application/json", "Content-Encoding: application/json"),
    "line ends of another server": stream(
        b'\xef\xbb\xbfdata:{"object": "x", "choices": []}\r\n\r\n\r\n' + b"data:[DONE]\r\n\r\n"
    ),
    "an empty id": stream(EVENT.replace(b"chatcmpl-1", b"").replace(b'"created":1', b'"created":"x"') + DONE),
    "a heartbeat": stream(
        b"data: \n\n" + b'data: {"object":"chat.completion.chunk","choices":[]}\n\n' + DONE
    ),
    "bytes that are no text": stream(b'data: {"object":"\xe2\x82","choices":[]}\n\n' + DONE),
    "no newline at the end": stream(b'data: {"object":"x","choices":[]}\n\n' + DONE.rstrip()),
    "data before its name": stream(b'data: {"object":"x","choices":[]}\nevent: e\n\n' + DONE),
    "an indent and a newline": whole(b'{\n   "object": "x",\n   "choices": []\n}\n'),
    "numbers and NaN": whole(b'{"object": "x", "choices": [], "a": 0.000009507618, "b": NaN}'),
    "irregular white space": whole(b'{ "object":"x","choices": []}'),
}


@pytest.mark.parametrize("name", SAME)
def test_an_odd_answer_comes_back_to_the_byte(
    recorder: Proxy, replayer: Proxy, upstream: RawUpstream, name: str
) -> None:
    before, upstream.answer = totals(recorder), SAME[name]
    recorded = asked(recorder, name)
    wait_until(lambda: totals(recorder)["recorded"] > before["recorded"], "it is recorded")

    assert recorded[0] == 200
    assert asked(replayer, name) == recorded


def test_an_api_that_cannot_be_reached_is_counted_and_the_proxy_still_answers(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with running(home / "unreachable", "record", port) as started:
        status, _ = asked(started, "nobody is there")

        assert status == 502
        assert totals(started)["not_recorded"] == 1
        assert "the API was not reached" in started.log()
