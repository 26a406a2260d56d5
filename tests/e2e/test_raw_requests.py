"""The same bytes on a connection to `serve` and to the engine: the same status, headers and body come back.

`DIFFERENT` has the requests that the two servers below read differently, each with its two statuses; all are errors of
the client. `addon/LOAD_TESTING.md` names them.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from support.proxy import CEILING_S, Proxy, proxy
from support.requests import chat_body

REVERSE = "reverse:https://api.openai.com"
CHAT = json.dumps(chat_body("Is it done?")).encode()
STREAM, BROKEN = b'{"stream": true}', b'{"broken": true}'
EVENTS = ['data: {"n": 1}', "", 'data: {"n": 2}', ""]
CUT: dict[str, Any] = {"is_exception": True, "exception_type": "CutByUpstream"}

# Of the server, and of the connection to it (RFC 9110, section 7.6.1; RFC 6455, section 4.2.2).
_NOT_COMPARED = ("date", "server", "connection", "transfer-encoding", "upgrade", "sec-websocket-accept")


def recording(path: str, body: Any, answer: Any, method: str = "POST", **response: Any) -> str:
    request = {"method": method, "url": f"https://api.openai.com{path}", "headers": {}, "body": body}
    return json.dumps(
        {
            "test_id": None,
            "request": {**request, "endpoint": path, "model": ""},
            "response": {"body": answer, "is_streaming": False, **response},
            "id_normalization_mapping": {},
        }
    )


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Proxy, Proxy]]:
    """`serve` and the engine, on one folder."""
    home = tmp_path_factory.mktemp("raw-requests")
    folder = home / "recordings"
    folder.mkdir()
    chat = "/v1/chat/completions"
    (folder / "chat.json").write_text(recording(chat, json.loads(CHAT), {"said": "yes"}))
    (folder / "stream.json").write_text(recording(chat, json.loads(STREAM), EVENTS, is_streaming=True))
    (folder / "broken.json").write_text(recording(chat, json.loads(BROKEN), EVENTS, is_streaming=True, **CUT))
    (folder / "models.json").write_text(recording("/v1/models", {}, {"object": "list"}, "GET"))
    (folder / "gone.json").write_text(recording("/v1/gone", {}, None, "DELETE", status=204))
    (folder / "same.json").write_text(recording("/v1/same", {}, {"a": 1}, "GET", status=304))
    with serve_and_engine(home, folder) as both:
        yield both


@contextmanager
def serve_and_engine(home: Path, folder: Path) -> Iterator[tuple[Proxy, Proxy]]:
    """Run `serve` and the engine on one folder."""
    with ExitStack() as stack:
        serve, engine = (
            stack.enter_context(
                proxy(home / program, f"recording_dir={folder}", mode=REVERSE, program=program)
            )
            for program in ("serve", "engine")
        )
        yield serve, engine


@dataclass(frozen=True, slots=True)
class Response:
    """A response, without parts that belong to the connection. `is_whole`: its body came to its end."""

    status: int
    headers: frozenset[tuple[str, str]]
    body: bytes
    is_whole: bool


def read_response(stream: BinaryIO, *, is_head: bool = False) -> Response | None:
    """Read one response, None where the connection ends without one."""
    line = stream.readline()
    if not line:
        return None
    headers: dict[str, str] = {}
    while (field := stream.readline().decode("latin-1").rstrip("\r\n")) != "":
        name, _, value = field.partition(":")
        headers[name.lower()] = value.strip()
    status = int(line.split()[1])
    if status == 100:
        return read_response(stream, is_head=is_head)
    body, is_whole = (b"", True) if is_head or status == 204 else _body(stream, headers)
    compared = frozenset(field for field in headers.items() if field[0] not in _NOT_COMPARED)
    return Response(status, compared, body, is_whole)


def _body(stream: BinaryIO, headers: dict[str, str]) -> tuple[bytes, bool]:
    if "chunked" in headers.get("transfer-encoding", ""):
        return _chunks(stream)
    if "content-length" not in headers:
        return stream.read(), True
    length = int(headers["content-length"])
    body = stream.read(length)
    return body, len(body) == length


def _chunks(stream: BinaryIO) -> tuple[bytes, bool]:
    body = b""
    while size := stream.readline().strip():
        chunk = stream.read(int(size, 16) + 2)
        if int(size, 16) == 0:
            return body, True
        body += chunk[:-2]
    return body, False


def request(
    target: str = "/v1/models", *headers: str, method: str = "GET", version: str = "1.1", body: bytes = b""
) -> bytes:
    """Return a request; headers without Host get `localhost`, a body gets its length."""
    fields = list(headers)
    if not any(field.lower().startswith("host:") for field in fields):
        fields.insert(0, "host: localhost")
    if body and not any(field.startswith("transfer-encoding") for field in fields):
        fields.append(f"content-length: {len(body)}")
    head = "\r\n".join([f"{method} {target} HTTP/{version}", *fields, "", ""])
    return head.encode("latin-1") + body


def post(body: bytes, *headers: str, version: str = "1.1") -> bytes:
    return request(
        "/v1/chat/completions",
        "content-type: application/json",
        *headers,
        method="POST",
        version=version,
        body=body,
    )


def chunked(data: bytes, size: int) -> bytes:
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in [*pieces, b""])


H2C = ("connection: Upgrade, HTTP2-Settings", "upgrade: h2c", "http2-settings: AAMAAABkAAQCAAAAAAIAAAAA")
UPGRADE = ("connection: Upgrade", "upgrade: websocket", "sec-websocket-version: 13")
CHUNKED, KEEP_ALIVE = "transfer-encoding: chunked", "connection: keep-alive"

# Each with the statuses of its responses: several requests in one piece are pipelined.
SAME: dict[str, tuple[bytes, list[int]]] = {
    "plain": (post(CHAT), [200]),
    "stream": (post(STREAM), [200]),
    "broken stream": (post(BROKEN), [200]),
    "HTTP/1.0": (post(CHAT, version="1.0"), [200]),
    "HTTP/1.0, keep-alive": (post(CHAT, KEEP_ALIVE, version="1.0") * 3, [200, 200, 200]),
    "HTTP/1.0, keep-alive, paced": (
        post(STREAM, KEEP_ALIVE, "x-replay-pacing: gap=1ms", version="1.0") * 2,
        [200, 200],
    ),
    "HTTP/1.0 stream": (post(STREAM, version="1.0"), [200]),
    "HTTP/1.0 broken stream": (post(BROKEN, version="1.0"), [200]),
    "HTTP/1.0 paced": (post(STREAM, "x-replay-pacing: gap=1ms", version="1.0"), [200]),
    "paced": (post(STREAM, "x-replay-pacing: gap=1ms"), [200]),
    "fault": (post(STREAM, "x-replay-fault: cut_after=1"), [200]),
    "connection: close": (post(CHAT, "connection: close"), [200]),
    "header of 70 kB": (post(CHAT, f"x-trace: {'a' * 70_000}"), [200]),
    "200 headers": (post(CHAT, *(f"x-trace-{n}: 1" for n in range(200))), [200]),
    "URL of 60 kB": (request(f"/v1/models?after={'a' * 60_000}"), [400]),
    "pipelined": (post(CHAT) + request() + request("/v1/none") + post(STREAM), [200, 200, 400, 200]),
    "no content": (request("/v1/gone", method="DELETE") * 2 + request(), [204, 204, 200]),
    "no content, paced": (
        request("/v1/gone", "x-replay-pacing: ttft=1ms", method="DELETE") + request(),
        [204, 200],
    ),
    "a body for a status without one": (request("/v1/same") + request(), [400, 200]),
    "HEAD": (request(method="HEAD"), [400]),
    "HEAD of the control page": (request("/@/report", method="HEAD"), [405]),
    "OPTIONS": (request(method="OPTIONS"), [400]),
    "OPTIONS *": (request("*", method="OPTIONS"), [400]),
    "chunks": (post(chunked(CHAT, 7), CHUNKED), [200]),
    "one chunk": (post(chunked(CHAT, 10_000), CHUNKED) + request(), [200, 200]),
    "expect": (post(CHAT, "expect: 100-continue"), [200]),
    "body that is no gzip": (post(CHAT, "content-encoding: gzip"), [200]),
    "GET with a body": (request(body=b"{}"), [200]),
    "absolute form": (request("http://api.openai.com/v1/models"), [200]),
    "absolute form of a broken stream": (
        request(
            "http://api.openai.com/v1/chat/completions",
            "content-type: application/json",
            method="POST",
            body=BROKEN,
        ),
        [200],
    ),
    "number sign": (request("/v1/none#x"), [400]),
    "two test ids": (request("/v1/none", "x-test-id: a", "x-test-id: b"), [400]),
    "%2F": (request("/v1%2Fmodels"), [400]),
    "two slashes": (request("//v1/models"), [400]),
    "dots": (request("/v1/../v1/models"), [200]),
    "bytes in a header": (post(CHAT, "x-trace: \xfc"), [200]),
    "upgrade to HTTP/2 with a body": (post(CHAT, *H2C) + post(CHAT, *H2C) + request(), [200, 200, 200]),
    "upgrade to HTTP/2 with chunks": (post(chunked(CHAT, 7), CHUNKED, *H2C) + request(), [200, 200]),
    "upgrade to HTTP/2, once": (post(CHAT, "connection: close, upgrade", "upgrade: h2c"), [200]),
    "upgrade to something": (post(CHAT, "connection: upgrade", "upgrade: foo/2"), [200]),
    "upgrade to HTTP/2": (request("/v1/models", "connection: Upgrade", "upgrade: h2c"), [200]),
    "upgrade without its header": (request("/v1/realtime", *UPGRADE[1:], "sec-websocket-key: a"), [400]),
    "upgrade over HTTP/1.0": (
        request("/v1/realtime", *UPGRADE, "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==", version="1.0"),
        [400],
    ),
    "control page": (request("/@/report?test_id=none"), [200]),
    "control page by name": (request("/report?test_id=none", "host: openai-replay.test"), [200]),
    "control page by name in capitals": (
        request("/report?test_id=none", "host: OpenAI-Replay.TEST:80"),
        [200],
    ),
    "control page, recorded host": (request("/@/report?test_id=none", "host: api.openai.com"), [200]),
    "control page, from a page": (request("/@/report", "origin: https://example.com"), [403]),
    "control page, own Origin": (request("/@/report", "origin: http://localhost"), [403]),
    "control page, cross-site": (request("/@/report", "sec-fetch-site: cross-site"), [403]),
    "control page, same site": (request("/@/report", "sec-fetch-site: same-site"), [403]),
    "control page, typed": (request("/@/report?test_id=none", "sec-fetch-site: none"), [200]),
    "control page, rebound name": (request("/@/report", "host: rebound.example.com"), [403]),
    "control page, preflight": (request("/@/reset", "origin: null", method="OPTIONS"), [403]),
    "control page, unknown": (request("/@/none"), [404]),
}

# Each with the status of `serve` and of the engine; None where the connection is closed without a word.
DIFFERENT: dict[str, tuple[bytes, int | None, int | None]] = {
    "folded header": (post(CHAT, "x-trace: 1\r\n 2"), 200, 400),
    "two lengths that are equal": (post(CHAT, f"content-length: {len(CHAT)}"), 400, 400),
    "length and chunks": (post(chunked(CHAT, 7), CHUNKED, "content-length: 77"), 400, 400),
    "chunks that are none": (post(b"zz\r\nabc\r\n0\r\n\r\n", CHUNKED), None, 400),
    "a length that begins with 0": (request("/v1/models", "content-length: 00"), 400, 200),
    "another version of HTTP": (request(version="1.2"), 200, 400),
    "a method of nobody": (request(method="BREW"), 400, 400),
    "bytes in the path": (request("/v1/\xc3\xbc"), 400, 400),
    "URL of 70 kB": (request(f"/v1/models?after={'a' * 70_000}"), 400, 400),
}


def exchange(server: Proxy, sent: bytes, responses: int) -> list[Response | None]:
    """Send bytes, and return so many responses."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=CEILING_S) as connection:
        connection.sendall(sent)
        with connection.makefile("rb") as stream:
            is_head = sent.startswith(b"HEAD")
            return [read_response(stream, is_head=is_head) for _ in range(responses)]


@pytest.mark.parametrize("name", SAME)
def test_both_servers_answer_alike(servers: tuple[Proxy, Proxy], name: str) -> None:
    sent, statuses = SAME[name]
    by_serve, by_engine = (exchange(server, sent, len(statuses)) for server in servers)
    assert [response and response.status for response in by_serve] == statuses
    assert by_engine == by_serve


@pytest.mark.parametrize("name", DIFFERENT)
def test_servers_differ_in_requests_that_are_errors(servers: tuple[Proxy, Proxy], name: str) -> None:
    sent, *statuses = DIFFERENT[name]
    answered = [response and response.status for server in servers for response in exchange(server, sent, 1)]
    assert answered == statuses


@pytest.mark.parametrize("at", range(2), ids=["serve", "engine"])
def test_a_broken_stream_is_not_taken_for_a_whole_one(servers: tuple[Proxy, Proxy], at: int) -> None:
    for version in ("1.0", "1.1"):
        (broken,) = exchange(servers[at], post(BROKEN, version=version), 1)
        (whole,) = exchange(servers[at], post(STREAM, version=version), 1)
        assert broken is not None
        assert whole is not None
        assert (broken.body, broken.is_whole, whole.is_whole) == (whole.body, False, True)


@pytest.mark.parametrize("at", range(2), ids=["serve", "engine"])
def test_clients_that_send_slowly_keep_none_waiting(servers: tuple[Proxy, Proxy], at: int) -> None:
    sent = post(CHAT)
    with ExitStack() as stack:
        slow = [
            stack.enter_context(socket.create_connection(("127.0.0.1", servers[at].port), timeout=CEILING_S))
            for _ in range(100)
        ]
        for number, connection in enumerate(slow):
            connection.sendall(sent[: 1 + number * (len(sent) - 2) // 100])
        (response,) = exchange(servers[at], sent, 1)
        assert response is not None
        for number, connection in enumerate(slow):
            connection.sendall(sent[1 + number * (len(sent) - 2) // 100 :])
            with connection.makefile("rb") as stream:
                assert read_response(stream) == response
