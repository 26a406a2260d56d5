"""A stream that broke off while recording breaks off in replay after the same chunks, whoever looks."""

from __future__ import annotations

import json
import re
import socket
import ssl
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from support.both import Both, both, listening_client, received_until_error
from support.node import node
from support.proxy import Proxy, curl, proxy, recordings, wait_until
from support.requests import CHAT_URL, streamed_chat_body

# "Hello! How can I assist you today?" in pieces, an opening and a closing chunk, and [DONE].
CHUNKS = 12

# curl's exit codes for a transfer that ended too early: partial file, and HTTP/2 stream not closed cleanly.
PARTIAL_FILE, HTTP2_STREAM = 18, 92

# openai-python raises for both the error of its HTTP library.
BROKEN_IN_PYTHON = "RemoteProtocolError"

# The protocols that a client offers. With both the proxy takes its first, and speaks HTTP/2 to the API.
HTTP1, HTTP2 = ("http/1.1",), ("h2",)
OFFERS = (HTTP1, HTTP2, HTTP1 + HTTP2)


@pytest.fixture(scope="module")
def proxies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    with both(tmp_path_factory.mktemp("broken")) as proxies:
        _add_cuts(proxies)
        yield proxies


@pytest.fixture(scope="module")
def by_base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    home = tmp_path_factory.mktemp("broken-by-base-url")
    with both(home, mode="reverse:https://api.openai.com") as proxies:
        _add_cuts(proxies)
        yield proxies


def _add_cuts(proxies: Both) -> None:
    for count in range(CHUNKS + 1):
        proxies.upstream.add(
            {
                "match": {"last_user_message": f"Hello, cut after {count};"},
                "answer": {"api": True, "delivery": {"cut_after_chunks": count}},
            }
        )


def cut_after(count: int) -> dict[str, Any]:
    return streamed_chat_body(f"Hello, cut after {count};")


def received(body: bytes) -> list[Any]:
    """Return the whole events of a stream, without their made-up id and time."""
    blocks = body.split(b"\n\n")[:-1]
    return [_without_id(block.removeprefix(b"data: ")) for block in blocks]


def _without_id(data: bytes) -> Any:
    if data == b"[DONE]":
        return "[DONE]"
    return {name: value for name, value in json.loads(data).items() if name not in ("id", "created")}


def wait_for_recordings(proxies: Both, test_id: str, count: int) -> None:
    wait_until(lambda: len(proxies.recordings_of(test_id)) == count, f"{count} recordings are written")


def curl_all(running: Proxy, protocol: str, test_id: str) -> list[subprocess.CompletedProcess[bytes]]:
    def ask(count: int) -> subprocess.CompletedProcess[bytes]:
        return curl(running, CHAT_URL, protocol, "-d", json.dumps(cut_after(count)), test_id=test_id)

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(ask, range(CHUNKS + 1)))


@pytest.mark.parametrize(
    ("protocol", "status"),
    [("--http1.1", PARTIAL_FILE), ("--http2", HTTP2_STREAM)],
    ids=["HTTP/1.1", "HTTP/2"],
)
def test_curl_sees_the_break_after_every_chunk(proxies: Both, protocol: str, status: int) -> None:
    test_id = f"curl{protocol}"
    recorded = curl_all(proxies.recorder, protocol, test_id)
    wait_for_recordings(proxies, test_id, CHUNKS + 1)
    heard = len(proxies.upstream.requests)
    replayed = curl_all(proxies.replayer, protocol, test_id)

    assert len(proxies.upstream.requests) == heard
    assert [done.returncode for done in recorded] == [status] * (CHUNKS + 1)
    assert [done.returncode for done in replayed] == [status] * (CHUNKS + 1)
    assert [len(received(done.stdout)) for done in recorded] == list(range(CHUNKS + 1))
    assert [received(done.stdout) for done in replayed] == [received(done.stdout) for done in recorded]


def test_curl_sees_the_break_by_base_url(by_base_url: Both) -> None:
    def ask(running: Proxy) -> list[subprocess.CompletedProcess[bytes]]:
        url = f"{running.url}/v1/chat/completions"
        return [
            curl(running, url, "--noproxy", "*", "-d", json.dumps(cut_after(count)))
            for count in range(CHUNKS + 1)
        ]

    recorded = ask(by_base_url.recorder)
    wait_until(lambda: len(recordings(by_base_url.folder)) == CHUNKS + 1, "all are recorded")
    replayed = ask(by_base_url.replayer)

    assert {done.returncode for done in recorded + replayed} == {PARTIAL_FILE}
    assert [len(received(done.stdout)) for done in recorded] == list(range(CHUNKS + 1))
    assert [received(done.stdout) for done in replayed] == [received(done.stdout) for done in recorded]


def head_of_request(test_id: str, version: str, payload: bytes, *more: str) -> bytes:
    lines = (
        f"POST /v1/chat/completions HTTP/{version}",
        "host: api.openai.com",
        "content-type: application/json",
        f"x-test-id: {test_id}",
        f"content-length: {len(payload)}",
        *more,
    )
    return "\r\n".join((*lines, "", "")).encode()


def by_socket(running: Proxy, request: dict[str, Any], test_id: str, *more: str, version: str) -> list[bytes]:
    """Return head and body of an answer, read until the connection ends."""
    payload = json.dumps(request).encode()
    with tls_through(running) as connection:
        connection.sendall(head_of_request(test_id, version, payload, *more) + payload)
        answer = b""
        while data := connection.recv(65536):
            answer += data
    return answer.split(b"\r\n\r\n", 1)


@pytest.mark.parametrize("count", [0, 3, CHUNKS])
def test_a_client_of_http_1_0_misses_bytes_that_the_head_promised(proxies: Both, count: int) -> None:
    test_id = f"http-1.0-{count}"
    curl(proxies.recorder, CHAT_URL, "-d", json.dumps(cut_after(count)), test_id=test_id)
    wait_for_recordings(proxies, test_id, 1)
    head, body = by_socket(proxies.replayer, cut_after(count), test_id, version="1.0")
    length = re.search(rb"content-length: (\d+)", head)
    replayed = curl(
        proxies.replayer, CHAT_URL, "--http1.0", "-d", json.dumps(cut_after(count)), test_id=test_id
    )

    assert b"transfer-encoding" not in head
    assert length is not None
    assert int(length[1]) > len(body)
    assert len(received(body)) == count
    assert (replayed.returncode, replayed.stdout) == (PARTIAL_FILE, body)


def test_a_break_that_a_client_of_http_1_0_cannot_see_is_recorded_as_one(proxies: Both) -> None:
    """From the API itself it would be the end of the connection, too, which is how every answer of HTTP/1.0 ends."""
    test_id = "http-1.0-recording"
    sent = json.dumps(cut_after(3))
    recorded = curl(proxies.recorder, CHAT_URL, "--http1.0", "-d", sent, test_id=test_id)
    wait_for_recordings(proxies, test_id, 1)
    replayed = curl(proxies.replayer, CHAT_URL, "--http1.1", "-d", sent, test_id=test_id)

    assert len(received(recorded.stdout)) == 3
    assert (replayed.returncode, len(received(replayed.stdout))) == (PARTIAL_FILE, 3)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_stream_breaks_for_a_request_with_large_headers(proxies: Both, version: str) -> None:
    test_id = f"large-{version}"
    curl(proxies.recorder, CHAT_URL, "-d", json.dumps(cut_after(3)), test_id=test_id)
    wait_for_recordings(proxies, test_id, 1)
    large = [f"x-part-{number}: {'x' * 7_000}" for number in range(10)]
    head, body = by_socket(proxies.replayer, cut_after(3), test_id, *large, version=version)

    assert head.startswith(b"HTTP/1.1 200 ")
    assert body.count(b"data: ") == 3
    assert not body.endswith(b"0\r\n\r\n")


def drained(
    running: Proxy, request: dict[str, Any], test_id: str, *, protocols: Sequence[str] = HTTP1
) -> tuple[list[Any], str]:
    """Return the chunks that openai-python gets, and the class of the error that ends them."""
    with listening_client(running, test_id, protocols=protocols) as (http_client, _):
        client = OpenAI(api_key="sk-test", http_client=http_client, max_retries=0)
        chunks, error = received_until_error(client.chat.completions.create(**request))
    return [chunk.model_dump(exclude={"id", "created"}) for chunk in chunks], type(error).__name__


@pytest.mark.parametrize("protocols", OFFERS, ids=" or ".join)
def test_python_sees_the_break_after_every_chunk(proxies: Both, protocols: Sequence[str]) -> None:
    test_id = f"python {protocols}"
    counts = range(CHUNKS + 1)
    recorded = [drained(proxies.recorder, cut_after(count), test_id, protocols=protocols) for count in counts]
    wait_for_recordings(proxies, test_id, CHUNKS + 1)
    replayed = [drained(proxies.replayer, cut_after(count), test_id, protocols=protocols) for count in counts]

    assert replayed == recorded
    assert [len(chunks) for chunks, _ in recorded] == [*range(CHUNKS), CHUNKS - 1]  # [DONE] is none
    assert {error for _, error in recorded[:CHUNKS]} == {BROKEN_IN_PYTHON}


def test_node_sees_the_break_after_every_chunk(proxies: Both) -> None:
    calls = [[["chat", "completions", "create"], cut_after(count)] for count in range(CHUNKS + 1)]
    recorded = node(proxies.recorder, calls, test_id="node")
    wait_for_recordings(proxies, "node", CHUNKS + 1)
    replayed = node(proxies.replayer, calls, test_id="node")

    assert _without_ids(replayed) == _without_ids(recorded)
    assert [len(answer["items"]) for answer in recorded] == [*range(CHUNKS), CHUNKS - 1]
    assert ["error" in answer for answer in recorded] == [True] * CHUNKS + [False]


def _without_ids(answers: list[dict[str, Any]]) -> list[Any]:
    return [
        {**answer, "items": [item | {"id": "", "created": 0} for item in answer["items"]]}
        for answer in answers
    ]


@pytest.mark.parametrize(
    "scenario", ["cut-inside-a-chunk", "cut-before-done", "cut-at-once", "cut-after-3-chunks"]
)
def test_a_break_in_the_middle_of_a_chunk_gives_the_whole_chunks_before_it(
    proxies: Both, scenario: str
) -> None:
    request = streamed_chat_body(f"Hello [scenario: {scenario}]")
    recorded = drained(proxies.recorder, request, scenario)
    wait_for_recordings(proxies, scenario, 1)

    assert drained(proxies.replayer, request, scenario) == recorded
    assert recorded[1] == BROKEN_IN_PYTHON


def test_a_broken_stream_of_responses_breaks_again(proxies: Both) -> None:
    proxies.upstream.add(
        {
            "match": {"path": "/v1/responses", "last_user_message": "cut the response"},
            "answer": {"api": True, "delivery": {"cut_after_chunks": 5}},
        }
    )

    def act(running: Proxy) -> tuple[list[Any], str]:
        with listening_client(running, "responses") as (http_client, _):
            client = OpenAI(api_key="sk-test", http_client=http_client, max_retries=0)
            stream = client.responses.create(model="gpt-4.1", input="cut the response", stream=True)
            events, error = received_until_error(stream)
        return [event.model_dump(mode="json") for event in events], type(error).__name__

    recorded = act(proxies.recorder)
    wait_for_recordings(proxies, "responses", 1)

    assert act(proxies.replayer) == recorded
    assert (len(recorded[0]), recorded[1]) == (5, BROKEN_IN_PYTHON)


ODD_STREAMS: dict[str, dict[str, Any]] = {
    "gzip": {"api": True, "delivery": {"cut_after_chunks": 4, "content_encoding": "gzip"}},
    "brotli": {"api": True, "delivery": {"cut_after_chunks": 4, "content_encoding": "br"}},
    "comments": {"api": True, "delivery": {"cut_after_chunks": 4, "comments": "between"}},
    "byte by byte": {"api": True, "delivery": {"cut_after_chunks": 4, "split": 1, "gap_ms": 0}},
    "lines that are no JSON": {
        "events": [{"data": "one"}, {"event": "two", "data": "2\n3"}, {"data": "four"}],
        "delivery": {"cut_after_chunks": 2},
    },
    "only a comment": {"events": [{"comment": "wait"}, {"data": {}}], "delivery": {"cut_after_chunks": 1}},
    "a whole connection": {"api": True, "delivery": {"cut_after_chunks": 4, "cut_with": "connection"}},
}


@pytest.mark.parametrize("protocols", OFFERS, ids=" or ".join)
@pytest.mark.parametrize("name", ODD_STREAMS)
def test_an_odd_stream_breaks_after_the_same_events(
    proxies: Both, name: str, protocols: Sequence[str]
) -> None:
    request = streamed_chat_body(f"Hello, {name}; {protocols}")
    proxies.upstream.add({"match": {"body": request}, "answer": ODD_STREAMS[name]})
    test_id = f"odd {name} {protocols}"

    def act(running: Proxy) -> tuple[bytes, str]:
        with listening_client(running, test_id, protocols=protocols) as (client, _):
            with client.stream("POST", CHAT_URL, json=request) as response:
                pieces, error = received_until_error(response.iter_bytes())
        return b"".join(pieces), type(error).__name__

    recorded = act(proxies.recorder)
    wait_for_recordings(proxies, test_id, 1)
    replayed = act(proxies.replayer)

    assert replayed[1] == recorded[1] == BROKEN_IN_PYTHON
    assert events_of(replayed[0]) == events_of(recorded[0])


def events_of(body: bytes) -> list[list[bytes]]:
    """Return the lines of the whole events, without the id and time that are the recording's own."""
    own = re.compile(rb'"id":"(rec-|chatcmpl-)\w+"|"created":\d+')
    return [own.sub(b"", block).split(b"\n") for block in body.split(b"\n\n")[:-1]]


def test_a_broken_recording_says_what_it_is(proxies: Both) -> None:
    drained(proxies.recorder, cut_after(3), "says")
    wait_for_recordings(proxies, "says", 1)
    response = proxies.recordings_of("says")[0]["response"]

    assert len(response["body"]) == 3
    assert response["is_streaming"] is True
    assert response["is_exception"] is True
    assert response["exception_message"] == (
        "The stream broke off after 3 chunks: the connection to the API broke."
    )


def leave_after(running: Proxy, request: dict[str, Any], chunks: int, test_id: str) -> bytes:
    """Read so many chunks with a connection of one's own, and close it."""
    payload = json.dumps(request).encode()
    with tls_through(running) as connection:
        connection.sendall(head_of_request(test_id, "1.1", payload) + payload)
        body = b""
        while body.count(b"\n\n") < chunks:
            data = connection.recv(65536)
            assert data, f"ended after {body!r}"
            body += data
    return body


def tls_through(running: Proxy) -> ssl.SSLSocket:
    connection = socket.create_connection(("127.0.0.1", running.port), timeout=60)
    connection.sendall(b"CONNECT api.openai.com:443 HTTP/1.1\r\nhost: api.openai.com:443\r\n\r\n")
    assert b" 200 " in connection.recv(65536)
    context = ssl.create_default_context(cafile=str(running.ca_file))
    return context.wrap_socket(connection, server_hostname="api.openai.com")


@pytest.mark.parametrize("protocols", OFFERS, ids=" or ".join)
def test_a_stream_that_the_client_left_is_replayed_to_that_point_and_breaks(
    proxies: Both, protocols: Sequence[str]
) -> None:
    test_id = f"left {protocols}"
    request = streamed_chat_body(f"Hello [scenario: stall] {protocols}")
    if "h2" in protocols:
        with listening_client(proxies.recorder, test_id, protocols=protocols) as (client, wires):
            with client.stream("POST", CHAT_URL, json=request) as response:
                for _ in response.iter_bytes():
                    if wires[0].body.count(b"\n\n") >= 3:
                        break
    else:
        leave_after(proxies.recorder, request, 3, test_id)
    wait_for_recordings(proxies, test_id, 1)
    [recording] = proxies.recordings_of(test_id)
    chunks, error = drained(proxies.replayer, request, test_id, protocols=protocols)

    assert recording["response"]["exception_data"]["ended_by"] == "client"
    assert len(chunks) == len(recording["response"]["body"]) >= 3
    assert error == BROKEN_IN_PYTHON


def test_a_client_that_closes_right_after_done_gets_a_whole_recording(proxies: Both) -> None:
    # The stand-in says [DONE], and then keeps the connection open for as long as the client does.
    proxies.upstream.add(
        {
            "match": {"last_user_message": "Hello, and no end after [DONE]"},
            "answer": {"api": True, "delivery": {"stall_after_chunks": CHUNKS}},
        }
    )
    request = streamed_chat_body("Hello, and no end after [DONE]")
    leave_after(proxies.recorder, request, CHUNKS, "done")
    wait_for_recordings(proxies, "done", 1)
    [recording] = proxies.recordings_of("done")
    replayed = curl(proxies.replayer, CHAT_URL, "-d", json.dumps(request), test_id="done")

    assert "is_exception" not in recording["response"]
    assert replayed.returncode == 0
    assert len(received(replayed.stdout)) == CHUNKS
    assert received(replayed.stdout)[-1] == "[DONE]"


def test_a_client_that_leaves_before_the_last_event_of_a_response_gets_a_broken_recording(
    proxies: Both, tmp_path: Path
) -> None:
    proxies.upstream.add(
        {
            "match": {"path": "/v1/responses", "last_user_message": "stall the response"},
            "answer": {"api": True, "delivery": {"stall_after_chunks": 4}},
        }
    )
    with listening_client(proxies.recorder, "stalled") as (http_client, _):
        client = OpenAI(api_key="sk-test", http_client=http_client, max_retries=0)
        stream = client.responses.create(model="gpt-4.1", input="stall the response", stream=True)
        for _ in range(4):
            next(stream)
        stream.close()
    wait_for_recordings(proxies, "stalled", 1)

    assert proxies.recordings_of("stalled")[0]["response"]["exception_data"]["ended_by"] == "client"


def test_breaks_are_replayed_side_by_side(proxies: Both) -> None:
    drained(proxies.recorder, cut_after(4), "side by side")
    wait_for_recordings(proxies, "side by side", 1)
    with ThreadPoolExecutor(8) as pool:
        results = list(
            pool.map(
                lambda number: drained(
                    proxies.replayer, cut_after(4), "side by side", protocols=OFFERS[number % 3]
                ),
                range(8),
            )
        )

    assert [(len(chunks), error) for chunks, error in results] == [(4, BROKEN_IN_PYTHON)] * 8


def test_a_break_before_any_answer_is_not_recorded(proxies: Both) -> None:
    request = {**streamed_chat_body("Hello [scenario: no-answer]"), "stream": False}
    with listening_client(proxies.recorder, "no-answer") as (client, _):
        status = client.post(CHAT_URL, json=request).status_code
    report = wait_until(
        lambda: proxies.recorder.ask("/report?test_id=no-answer")["not_recorded"], "the log says so"
    )

    assert status == 502
    assert proxies.recordings_of("no-answer") == []
    assert report[0]["request"] == "POST /v1/chat/completions"


def test_an_upstream_that_cannot_be_reached_is_not_recorded(tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    nobody = socket.create_server(("127.0.0.1", 0))
    port = nobody.getsockname()[1]
    nobody.close()
    options = (f"recording_dir={folder}", "recording_mode=record", f"recording_hosts=127.0.0.1:{port}")
    with proxy(tmp_path / "home", *options) as recorder:
        answered = curl(recorder, f"http://127.0.0.1:{port}/v1/models", "-w", "%{http_code}")
        report = recorder.ask("/report")

    assert answered.stdout.endswith(b"502")
    assert not folder.exists() or recordings(folder) == {}
    assert [one["request"] for one in report["not_recorded"]] == ["GET /v1/models"]
