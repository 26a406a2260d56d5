"""`connection`: a request that repeats to the byte gets the bytes of its first answer, however they arrive."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uvicorn.server import ServerState

from openai_replay.engine.application import Application
from openai_replay.engine.connection import Configuration, Connection
from openai_replay.engine.http2 import Http2Server
from openai_replay.engine.uvicorn_server import new_event_loop
from openai_replay.service.answering import recorded_answer
from support.proxy import CEILING_S
from unit.engine.serving import application, during
from unit.exchanges import chat, write_recording

CUT: dict[str, Any] = {"is_exception": True, "exception_type": "CutByUpstream", "exception_data": {}}


def request(text: str, *headers: str, method: str = "POST", path: str = "/v1/chat/completions") -> bytes:
    body = json.dumps(chat(text).body) if method == "POST" else ""
    head = [f"{method} {path} HTTP/1.1", "host: localhost", *headers, f"content-length: {len(body)}", "", ""]
    return ("\r\n".join(head) + body).encode()


def write(folder: Path, text: str, answer: Any, **response: Any) -> None:
    write_recording(folder, f"{chat(text).name()}.json", chat(text), answer, **response)


class Client:
    """A connection to the server, response by response."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._stream = connection.makefile("rb")

    @classmethod
    def to(cls, port: int) -> Self:
        connection = socket.create_connection(("127.0.0.1", port), timeout=CEILING_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return cls(connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self._connection.close()

    def send(self, data: bytes) -> None:
        self._connection.sendall(data)

    def response(self) -> bytes:
        """Return the bytes of the next response that has a length."""
        head = self.head()
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        return head + self._stream.read(length)

    def head(self) -> bytes:
        """Return the bytes of the next response up to its body."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self._stream.readline()
            assert line, "the server closed the connection"
            head += line
        return head

    def rest(self) -> bytes:
        """Return all bytes until the server closes the connection."""
        return self._stream.read()

    def ask(self, data: bytes) -> bytes:
        self.send(data)
        return self.response()


def answered(folder: Path, *asked: bytes, **options: Any) -> list[bytes]:
    """Return the responses to requests that are sent one after the other on a connection."""

    def act(port: int) -> list[bytes]:
        with Client.to(port) as client:
            return [client.ask(one) for one in asked]

    with application(folder, **options) as answering:
        return during(answering, act)


def test_a_connection_of_http_1_0_lasts_where_the_client_asks_for_it(folder: Path) -> None:
    write(folder, "Hi", {"said": "Hello"})
    old = request("Hi", "connection: keep-alive").replace(b"HTTP/1.1", b"HTTP/1.0")
    responses = answered(folder, old, old, request("Hi"), old)
    lasts = b"\r\nconnection: keep-alive\r\n"
    assert [lasts in response for response in responses] == [True, True, False, True]
    assert len({response.replace(lasts, b"\r\n") for response in responses}) == 1


@pytest.fixture
def slow_ways(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The fingerprints of the requests that took the long way."""
    taken: list[bytes] = []

    async def noted(service: Any, fingerprint: bytes, *others: Any, **named: Any) -> Any:
        taken.append(fingerprint)
        return await recorded_answer(service, fingerprint, *others, **named)

    monkeypatch.setattr("openai_replay.engine.application.recorded_answer", noted)
    return taken


@pytest.mark.parametrize(
    ("answer", "response"),
    [
        ({"said": "Grüße"}, {}),
        (['data: {"n": 1}', "", "data: [DONE]", ""], {"is_streaming": True}),
        ({"error": {"message": "No."}}, {"status": 429, "headers": {"retry-after": "1", "X-A": "ä"}}),
        ({"error": {"message": "No."}}, {"status": 777}),
    ],
)
def test_the_short_way_gives_the_bytes_of_the_long_one(
    folder: Path, slow_ways: list[bytes], answer: Any, response: dict[str, Any]
) -> None:
    write(folder, "Hi", answer, **response)
    first, second, third = answered(folder, *[request("Hi")] * 3)
    assert first == second == third
    assert len(slow_ways) == 1


def test_a_header_for_tracing_makes_no_other_request(folder: Path, slow_ways: list[bytes]) -> None:
    write(folder, "Hi", {"n": 1})
    first, *others = answered(folder, *(request("Hi", f"traceparent: {number}") for number in range(5)))
    assert others == [first] * 4
    assert len(slow_ways) == 1


def test_a_broken_stream_breaks_again(folder: Path, slow_ways: list[bytes]) -> None:
    write(folder, "Hi", ['data: {"n": 1}', "", 'data: {"n": 2}', ""], is_streaming=True, **CUT)

    def act(port: int) -> list[bytes]:
        responses = []
        for _ in range(3):
            with Client.to(port) as client:
                client.send(request("Hi"))
                responses.append(client.rest())
        return responses

    with application(folder) as answering:
        first, *others = during(answering, act)
    assert others == [first, first]
    assert first.count(b"data: ") == 2
    assert not first.endswith(b"0\r\n\r\n")
    assert len(slow_ways) == 1


def test_repeats_get_their_answers_in_order_and_count(folder: Path) -> None:
    for number in range(3):
        name = chat("Hi").name() + ("" if number == 0 else f"-{number + 1}")
        write_recording(folder, f"{name}.json", chat("Hi"), {"n": number})
    report = request("", method="GET", path="/@/report")
    reset = request("", method="POST", path="/@/reset")
    *polled, told, _, again = answered(folder, *[request("Hi")] * 6, report, reset, request("Hi"))
    assert [json.loads(one.partition(b"\r\n\r\n")[2])["n"] for one in polled] == [0, 1, 2, 2, 2, 2]
    assert json.loads(told.partition(b"\r\n\r\n")[2])["totals"]["replayed"] == 6
    assert again == polled[0]


def test_a_changed_recording_counts_for_the_next_request(folder: Path) -> None:
    def act(port: int) -> list[tuple[int, int]]:
        said = []
        with Client.to(port) as client:
            for number in range(200):
                write(folder, "Hi", {"n": number})
                for _ in range(2):
                    body = client.ask(request("Hi")).partition(b"\r\n\r\n")[2]
                    said.append((number, json.loads(body)["n"]))
        return said

    with application(folder) as answering:
        assert all(written == read for written, read in during(answering, act))


@pytest.mark.parametrize(
    "header",
    ["x-replay-fault: rate_limit", "x-replay-pacing: gap=1ms", "connection: close", "x-test-id: other"],
)
def test_a_request_with_a_header_of_weight_is_another_request(folder: Path, header: str) -> None:
    write(folder, "Hi", {"n": 1})

    def act(port: int) -> list[bytes]:
        with Client.to(port) as client:
            plain = [client.ask(request("Hi")) for _ in range(2)]
            return [*plain, client.ask(request("Hi", header))]

    with application(folder) as answering:
        *plain, other = during(answering, act)
        report = answering._service.run.report
    assert plain[0] == plain[1]
    assert {test for test, _ in report.replayed} <= {None, "other"}
    expected = {"x-replay-fault: rate_limit": b"429", "connection: close": b"connection: close"}
    assert expected.get(header, b"200") in other


@pytest.mark.parametrize(
    "options", [{"recording_pacing": "gap=1ms"}, {"recording_made_headers": ("x-request-id",)}]
)
def test_answers_that_differ_each_time_are_not_kept(
    folder: Path, slow_ways: list[bytes], options: dict[str, Any]
) -> None:
    write(folder, "Hi", {"n": 1})
    answered(folder, *[request("Hi")] * 3, **options)
    assert len(slow_ways) == 3


@pytest.mark.parametrize(
    "begin", ["content-length: {length}\r\n\r\n", "x-note: "], ids=["its body", "the rest of its head"]
)
def test_the_bytes_of_a_known_request_may_be_a_part_of_another(folder: Path, begin: str) -> None:
    write(folder, "Hi", {"n": 1})
    known = request("Hi")
    head = "POST /v1/files HTTP/1.1\r\nhost: localhost\r\n" + begin.format(length=len(known))

    def act(port: int) -> list[bytes]:
        with Client.to(port) as client, Client.to(port) as other:
            first = client.ask(known)
            client.send(head.encode())
            other.ask(known)  # so the head has been read, alone
            return [first, client.ask(known), client.ask(known)]

    with application(folder) as answering:
        first, missed, second = during(answering, act)
    assert missed.startswith(b"HTTP/1.1 400 ")
    assert first == second


TEXTS = ("one", "two", "three")
# No upgrade, and one that the server declines (RFC 9110, section 7.8), as Java's client and curl offer it.
UPGRADES = ((), ("connection: Upgrade, HTTP2-Settings", "upgrade: h2c"))


def in_pieces(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    """Return the bytes cut at some places."""
    places = sorted({0, len(data), *(cut % len(data) for cut in cuts)})
    return [data[begin:end] for begin, end in pairwise(places)]


def property_of_pieces(port: int) -> None:
    """Check that requests get the same responses in pieces of any size as one at a time."""
    with Client.to(port) as client:
        alone = {text: client.ask(request(text)) for text in TEXTS}

    @given(
        series=st.lists(st.tuples(st.sampled_from(TEXTS), st.sampled_from(UPGRADES)), min_size=1, max_size=5),
        cuts=st.lists(st.integers(min_value=0, max_value=3000), max_size=6),
        waits=st.lists(st.booleans(), min_size=7, max_size=7),
    )
    def holds(series: list[tuple[str, tuple[str, ...]]], cuts: list[int], waits: list[bool]) -> None:
        data = b"".join(request(text, *upgrade) for text, upgrade in series)
        with Client.to(port) as client:
            for piece, does_wait in zip(in_pieces(data, cuts), waits, strict=False):
                client.send(piece)
                if does_wait:  # the server has read the piece once it answers another client
                    with Client.to(port) as other:
                        other.ask(request("one"))
            assert [client.response() for _ in series] == [alone[text] for text, _ in series]

    holds()


def test_requests_may_arrive_in_pieces_of_any_size(folder: Path) -> None:
    for number, text in enumerate(TEXTS):
        write(folder, text, {"n": number})
    with application(folder) as answering:
        during(answering, property_of_pieces)


def test_requests_may_arrive_at_once(folder: Path) -> None:
    write(folder, "Hi", {"n": 1})

    async def main(answering: Application) -> list[bytes]:
        loop = asyncio.get_running_loop()
        theirs, ours = socket.socketpair()
        configuration = Configuration(answering, Http2Server(answering), lifespan="off", log_config=None)
        theirs.settimeout(CEILING_S)
        with theirs:
            _, connection = await loop.connect_accepted_socket(
                lambda: Connection(configuration, ServerState(), {}), ours
            )
            client = Client(theirs)
            responses = []
            for count in (1, 2, 3):
                for _ in range(count):
                    connection.data_received(request("Hi"))
                responses += [await asyncio.to_thread(client.response) for _ in range(count)]
            return responses

    with application(folder) as answering, asyncio.Runner(loop_factory=new_event_loop) as runner:
        first, *others = runner.run(main(answering))
    assert others == [first] * 5


def test_a_client_that_left_is_not_written_to(folder: Path) -> None:
    write(folder, "Hi", {"n": 1})

    def act(port: int) -> bytes:
        with Client.to(port) as client:
            known = client.ask(request("Hi"))
        for _ in range(20):
            with Client.to(port) as client:
                client.send(request("Hi"))
        with Client.to(port) as client:
            assert client.ask(request("Hi")) == known
            return known

    with application(folder) as answering:
        assert during(answering, act).startswith(b"HTTP/1.1 200 ")


def test_the_subprotocols_of_an_upgrade_are_seen_and_a_key_among_them_is_a_secret(folder: Path) -> None:
    key = "sk-1234567890abcdefghijklmn"
    head = (
        "GET /v1/realtime HTTP/1.1",
        "host: localhost",
        "connection: Upgrade",
        "upgrade: websocket",
        "sec-websocket-version: 13",
        "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
        f"sec-websocket-protocol: realtime, openai-insecure-api-key.{key}",
    )

    def act(port: int) -> tuple[bytes, Any]:
        with Client.to(port) as client, Client.to(port) as other:
            client.send("\r\n".join([*head, "", ""]).encode())
            client.head()
            client.send(b"\x88\x82\0\0\0\0\x03\xe8")  # a close frame, as the answer to the server's
            refused = client.rest()
            report = other.ask(request("", method="GET", path="/@/report"))
            return refused, json.loads(report.partition(b"\r\n\r\n")[2])

    with application(folder) as answering:
        refused, report = during(answering, act)
        assert key.encode() in answering._service.run.secrets.needles()
    assert b"recording_not_found" in refused
    assert [miss["body"] for miss in report["missed"]] == [
        {"__websocket__": {"subprotocols": ["realtime"]}},
    ]
