"""How the upstream says it: protocols, delivery, scenarios, the process and the redirection, with curl as the judge."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, TextMessage
from wsproto.events import Request as UpgradeRequest

from openai_replay.mock import Outcome, ScenarioError, Upstream
from support.proxy import REDIRECT_SCRIPT, ROOT
from support.requests import streamed_chat_body

VERSIONS = ["--http1.1", "--http2"]

# curl's exit codes for a body that broke off.
PARTIAL_FILE, HTTP2_STREAM_ERROR, EMPTY_REPLY = 18, 92, 52


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream(plain=True) as upstream:
        yield upstream


@dataclass(frozen=True)
class Curl:
    """An answer as curl saw it."""

    exit_code: int
    status: int
    version: str
    body: bytes


def curl(upstream: Upstream, *arguments: str, path: str = "/v1/chat/completions") -> Curl:
    """Ask `upstream` as api.openai.com, with curl."""
    done = subprocess.run(
        [
            "curl",
            "--silent",
            "--no-buffer",
            "--noproxy",
            "*",
            *("--cacert", str(upstream.ca_file)),
            *("--resolve", f"api.openai.com:{upstream.port}:127.0.0.1"),
            *("--write-out", "%{stderr}%{http_code} %{http_version}"),
            *arguments,
            f"https://api.openai.com:{upstream.port}{path}",
        ],
        capture_output=True,
        check=False,
    )
    status, version = done.stderr.decode().split()
    return Curl(done.returncode, int(status), version, done.stdout)


def chat(question: str, **members: Any) -> tuple[str, str]:
    """Return curl's arguments for a streamed chat request."""
    return "--json", json.dumps({**streamed_chat_body(question), **members})


def chunks_in(body: bytes) -> int:
    """Count the chat completion chunks in `body`."""
    return body.count(b"chat.completion.chunk")


@pytest.mark.parametrize(("option", "version"), [("--http1.1", "1.1"), ("--http2", "2")])
def test_both_protocols_on_one_port(upstream: Upstream, option: str, version: str) -> None:
    answer = curl(upstream, option, *chat("Hello"))
    upstream.wait_for(lambda upstream: upstream.requests[0].outcome is Outcome.ANSWERED)
    request = upstream.requests[0]

    assert (answer.status, answer.version) == (200, version)
    assert chunks_in(answer.body) == 11
    assert answer.body.endswith(b"\n\ndata: [DONE]\n\n")
    assert request.http_version == f"HTTP/{version}"
    assert (request.method, request.path, request.scheme) == ("POST", "/v1/chat/completions", "https")
    assert request.host == f"api.openai.com:{upstream.port}"
    assert request.json()["messages"] == [{"role": "user", "content": "Hello"}]
    assert request.header("Content-Type") == "application/json"


def test_connections_are_counted_even_without_tls(upstream: Upstream) -> None:
    assert upstream.connections == 0
    with socket.create_connection(("127.0.0.1", upstream.port)):
        upstream.wait_for(lambda upstream: upstream.connections == 1)
    assert upstream.requests == []


def test_requests_on_one_connection(upstream: Upstream) -> None:
    context = ssl.create_default_context(cafile=str(upstream.ca_file))
    with httpx.Client(verify=context, trust_env=False) as client:
        for _ in range(3):
            assert client.get(f"https://localhost:{upstream.port}/v1/models").status_code == 200
    assert upstream.connections == 1
    assert len(upstream.requests) == 3


def test_requests_side_by_side_on_one_http2_connection(upstream: Upstream) -> None:
    """One answer is still open while the next request on the same connection is answered."""
    context = ssl.create_default_context(cafile=str(upstream.ca_file))
    base_url = f"https://localhost:{upstream.port}/v1"
    with httpx.Client(verify=context, trust_env=False, http2=True) as client:
        body = streamed_chat_body("Hello [scenario: stall]")
        with client.stream("POST", f"{base_url}/chat/completions", json=body) as stalled:
            assert next(stalled.iter_lines()).startswith("data: ")
            assert client.get(f"{base_url}/models").status_code == 200
            assert upstream.requests[0].outcome is None

    assert upstream.connections == 1


def test_big_bodies_pass_the_flow_control_of_http2(upstream: Upstream) -> None:
    upstream.add({"match": {"path": "/echo"}, "answer": {"base64": "eHl6" * 700_000}})
    context = ssl.create_default_context(cafile=str(upstream.ca_file))
    with httpx.Client(verify=context, trust_env=False, http2=True) as client:
        answer = client.post(f"https://localhost:{upstream.port}/echo", content=b"a" * 3_000_000)

    assert answer.http_version == "HTTP/2"
    assert answer.content == b"xyz" * 700_000
    assert len(upstream.requests[0].body) == 3_000_000


def test_plain_http(upstream: Upstream) -> None:
    answer = httpx.get(f"http://127.0.0.1:{upstream.plain_port}/v1/models", trust_env=False)

    assert answer.json()["object"] == "list"
    assert upstream.requests[0].scheme == "http"


def test_a_client_without_the_authority_does_not_trust_it(upstream: Upstream) -> None:
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(f"https://localhost:{upstream.port}/v1/models", trust_env=False)
    assert upstream.connections == 1


@pytest.mark.parametrize("option", VERSIONS)
def test_head_has_the_fields_and_no_body(upstream: Upstream, option: str) -> None:
    answer = curl(upstream, option, "--head", path="/v1/models")

    assert answer.exit_code == 0
    assert b"content-length: 2" in answer.body.lower()


@pytest.mark.parametrize("option", VERSIONS)
def test_no_content(upstream: Upstream, option: str) -> None:
    upstream.add({"match": {"method": "DELETE"}, "answer": {"status": 204}})

    assert curl(upstream, option, "--request", "DELETE").status == 204


def test_expectations_are_met(upstream: Upstream) -> None:
    answer = curl(upstream, "--http1.1", "--header", "Expect: 100-continue", *chat("Hello"))

    assert answer.status == 200


CUTS = {"cut-at-once": 0, "cut-after-3-chunks": 3, "cut-before-done": 2}


@pytest.mark.parametrize(
    ("option", "code"), [("--http1.1", PARTIAL_FILE), ("--http2", HTTP2_STREAM_ERROR)], ids=VERSIONS
)
@pytest.mark.parametrize(("scenario", "chunks"), CUTS.items())
def test_cut(upstream: Upstream, option: str, code: int, scenario: str, chunks: int) -> None:
    answer = curl(upstream, option, *chat(f"Hello [scenario: {scenario}]"))

    assert (answer.exit_code, chunks_in(answer.body)) == (code, chunks)
    upstream.wait_for(lambda upstream: upstream.requests[0].outcome is Outcome.CUT)


@pytest.mark.parametrize("option", VERSIONS)
def test_cut_inside_a_chunk(upstream: Upstream, option: str) -> None:
    answer = curl(upstream, option, *chat("Hello [scenario: cut-inside-a-chunk]"))

    assert len(answer.body) == 700


def test_cut_of_the_whole_http2_connection(upstream: Upstream) -> None:
    upstream.add({"answer": {"api": True, "delivery": {"cut_after_chunks": 2, "cut_with": "connection"}}})
    answer = curl(upstream, "--http2", *chat("Hello"))

    assert answer.exit_code != 0
    assert chunks_in(answer.body) == 2


@pytest.mark.parametrize(
    ("option", "code"), [("--http1.1", EMPTY_REPLY), ("--http2", HTTP2_STREAM_ERROR)], ids=VERSIONS
)
def test_no_answer(upstream: Upstream, option: str, code: int) -> None:
    assert curl(upstream, option, *chat("[scenario: no-answer]")).exit_code == code


@pytest.mark.parametrize("option", [False, True], ids=VERSIONS)
def test_stall_lasts_until_the_client_leaves(upstream: Upstream, option: bool) -> None:
    context = ssl.create_default_context(cafile=str(upstream.ca_file))
    url = f"https://localhost:{upstream.port}/v1/chat/completions"
    body = streamed_chat_body("Hello [scenario: stall]")
    with httpx.Client(verify=context, trust_env=False, http2=option) as client:
        with client.stream("POST", url, json=body) as answer:
            lines = answer.iter_lines()
            data = [next(lines) for _ in range(5)]
            assert upstream.requests[0].outcome is None

    assert sum(line.startswith("data: ") for line in data) == 3
    upstream.wait_for(lambda upstream: upstream.requests[0].outcome is Outcome.CLIENT_LEFT)


def body_of(upstream: Upstream, scenario: str, *arguments: str) -> bytes:
    """Return the body of the answer "Hello" in `scenario`."""
    return curl(upstream, *arguments, *chat(f"Hello [scenario: {scenario}]")).body


def test_line_ends(upstream: Upstream) -> None:
    assert body_of(upstream, "crlf").endswith(b"}\r\n\r\ndata: [DONE]\r\n\r\n")
    carriage_returns = body_of(upstream, "cr")
    assert carriage_returns.endswith(b"}\r\rdata: [DONE]\r\r")
    assert b"\n" not in carriage_returns


def test_oddities_of_events(upstream: Upstream) -> None:
    assert body_of(upstream, "byte-order-mark").startswith(b"\xef\xbb\xbfdata: {")
    assert body_of(upstream, "comments-inside").startswith(b": keep-alive\ndata: {")
    assert body_of(upstream, "comments-between").endswith(b"data: [DONE]\n\n: keep-alive\n\n")
    assert body_of(upstream, "data-lines").startswith(b'data: {\ndata:  "id": "chatcmpl-')
    assert body_of(upstream, "last-line-end-only").endswith(b"\n\ndata: [DONE]\n")
    assert body_of(upstream, "last-line-unfinished").endswith(b"\n\ndata: [DONE]")


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_content_codings(upstream: Upstream, coding: str) -> None:
    encoded = body_of(upstream, coding)
    body = streamed_chat_body(f"Hello [scenario: {coding}]")
    # httpx decodes all four wherever these tests run; not every curl does.
    url = f"http://127.0.0.1:{upstream.plain_port}/v1/chat/completions"
    answer = httpx.post(url, json=body, trust_env=False)

    assert answer.headers["content-encoding"] == coding
    assert b"data" not in encoded[:60]
    assert chunks_in(answer.content) == 11
    assert answer.content.endswith(b"data: [DONE]\n\n")


def test_coding_that_the_client_accepts(upstream: Upstream) -> None:
    scenario = "accepted-encoding"

    assert chunks_in(body_of(upstream, scenario)) == 11
    assert chunks_in(body_of(upstream, scenario, "--header", "accept-encoding: gzip, zstd")) == 0
    assert chunks_in(body_of(upstream, scenario, "--compressed")) == 11


@pytest.mark.parametrize("scenario", ["byte-by-byte", "split-characters"])
def test_splits_change_no_byte(upstream: Upstream, scenario: str) -> None:
    question = "An unknown question"
    split = curl(upstream, *chat(f"{question} [scenario: {scenario}]")).body.decode()

    assert split.count("data: ") == chunks_in(split.encode()) + 1
    assert "“" in split


def test_chunks_arrive_one_by_one(upstream: Upstream) -> None:
    """A stall after each number of chunks shows that nothing waits for a later chunk."""
    context = ssl.create_default_context(cafile=str(upstream.ca_file))
    with httpx.Client(verify=context, trust_env=False) as client:
        for count in (1, 2, 5):
            upstream.add({"answer": {"api": True, "delivery": {"stall_after_chunks": count}}})
            body = streamed_chat_body("Hello")
            url = f"https://localhost:{upstream.port}/v1/chat/completions"
            with client.stream("POST", url, json=body) as answer:
                lines = answer.iter_lines()
                assert [bool(next(lines)) for _ in range(count * 2)] == [True, False] * count


def test_lengths(upstream: Upstream) -> None:
    with_length = curl(upstream, "--include", "--http1.1", *chat("Hello [scenario: stream-with-length]")).body
    without = curl(upstream, "--include", "--http1.1", *chat("[scenario: chunked]", stream=False)).body

    head, _, body = with_length.partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}".encode() in head
    assert b"transfer-encoding: chunked" in without.lower()
    assert b"content-length" not in without.lower()


def test_sequence_then_its_last(upstream: Upstream) -> None:
    states = [json.loads(curl(upstream, path="/v1/poll").body)["status"] for _ in range(4)]

    assert states == ["queued", "queued", "completed", "completed"]


def test_times(upstream: Upstream) -> None:
    upstream.add({"match": {"path": "/v1/models", "times": 2}, "answer": {"status": 500, "json": {}}})

    assert [curl(upstream, path="/v1/models").status for _ in range(3)] == [500, 500, 200]


def test_match(upstream: Upstream) -> None:
    match = {
        "method": "POST",
        "path": "/v1/chat/*",
        "host": "api.openai.com:*",
        "headers": {"X-Test": "a*"},
        "body": {"messages": [{"role": "user"}], "stream": True},
        "last_user_message": "Hel",
    }
    upstream.add({"match": match, "answer": {"status": 299}})

    assert curl(upstream, *chat("Hello"), "--header", "x-test: abc").status == 299
    assert curl(upstream, *chat("Hello"), "--header", "x-test: bc").status == 200
    assert curl(upstream, *chat("hello"), "--header", "x-test: abc").status == 200
    assert curl(upstream, *chat("Hello", stream=False), "--header", "x-test: abc").status == 200


def test_headers_are_replaced_taken_out_and_repeated(upstream: Upstream) -> None:
    headers = {"openai-version": None, "server": "test", "set-cookie": ["a=1", "b=2"]}
    upstream.add({"answer": {"api": True, "headers": headers}})
    head = curl(upstream, "--include", path="/v1/models").body.lower()

    assert b"openai-version" not in head
    assert b"server: test" in head
    assert head.count(b"set-cookie: ") == 2


def test_bodies(upstream: Upstream, tmp_path: Path) -> None:
    (tmp_path / "picture.bin").write_bytes(b"\x00\xff")
    bodies = {
        b"\xff\x00": {"hex": "ff00"},
        b"abc": {"base64": "YWJj"},
        b"<p>\xc3\xa9": {"text": "<p>é", "content_type": "text/html"},
        b"\x00\xff": {"file": str(tmp_path / "picture.bin")},
        b"data: 1\n\nx\xff": {"chunks": ["data: 1\n\n", "x", {"hex": "ff"}]},
        b'event: a\nid: 7\nretry: 9\ndata: {"b":"\xc3\xa9"}\n\n: c\n\n': {
            "events": [{"event": "a", "id": "7", "retry": 9, "data": {"b": "é"}}, {"comment": "c"}]
        },
    }
    for expected, answer in bodies.items():
        upstream.add({"answer": answer})
        assert curl(upstream, path="/any").body == expected


@pytest.mark.parametrize(
    ("scenario", "message"),
    [
        ({}, "scenario: no answer: expected `answer`, or `sequence` with at least one"),
        ({"name": "a", "anwser": {}}, "a: 'anwser': expected one of name, match, answer, sequence"),
        ({"match": {"verb": "GET"}, "answer": {}}, "scenario: match: 'verb': expected one of method, path,"),
        ({"answer": {"body": "x"}}, "scenario: answer: 'body': expected one of status, headers,"),
        (
            {"answer": {"delivery": {"gap": 1}}},
            "scenario: delivery.gap: expected one of start_delay_ms, gap_ms",
        ),
        (
            {"answer": {"delivery": {"line_end": "nl"}}},
            "scenario: delivery.line_end = 'nl': expected one of lf, crlf, cr",
        ),
    ],
)
def test_what_a_scenario_cannot_say(upstream: Upstream, scenario: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError) as raised:
        upstream.add(scenario)
    assert str(raised.value).startswith(message)


def test_broken_scenario_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(ScenarioError, match=r"broken\.json: .* expected a JSON object"):
        Upstream(scenarios=[tmp_path])


def test_scenarios_of_a_folder_come_before_those_of_the_package(tmp_path: Path) -> None:
    scenario = {"match": {"last_user_message": "[scenario: crlf]"}, "answer": {"status": 418}}
    (tmp_path / "mine.json").write_text(json.dumps(scenario))
    with Upstream(scenarios=[tmp_path]) as upstream:
        assert curl(upstream, *chat("[scenario: crlf]")).status == 418


def test_reset(upstream: Upstream) -> None:
    upstream.add({"answer": {"status": 500}})
    curl(upstream, path="/v1/models")
    upstream.reset()

    assert (upstream.requests, upstream.connections) == ([], 0)
    assert curl(upstream, path="/v1/models").status == 200


def test_waiting_in_vain_says_what_there_was(upstream: Upstream) -> None:
    curl(upstream, path="/v1/models")
    with pytest.raises(TimeoutError, match=r"with 1 connections and .*'GET', '/v1/models'"):
        upstream.wait_for(lambda _: False, ceiling_seconds=0.01)


def test_ends_while_clients_are_connected() -> None:
    with ExitStack() as clients:
        with Upstream() as upstream:
            context = ssl.create_default_context(cafile=str(upstream.ca_file))
            client = clients.enter_context(httpx.Client(verify=context, trust_env=False, http2=True))
            url = f"https://localhost:{upstream.port}/v1/chat/completions"
            body = streamed_chat_body("Hello [scenario: stall]")
            answer = clients.enter_context(client.stream("POST", url, json=body))
            lines = answer.iter_lines()
            assert next(lines).startswith("data: ")
        with pytest.raises(httpx.TransportError):
            list(lines)


def test_websocket_echoes(upstream: Upstream) -> None:
    client = WSConnection(ConnectionType.CLIENT)
    context = ssl.create_default_context(cafile=str(upstream.ca_file))
    address = ("127.0.0.1", upstream.port)
    with (
        socket.create_connection(address) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as tls,
    ):
        tls.sendall(client.send(UpgradeRequest(host="localhost", target="/v1/echo")))
        client.receive_data(tls.recv(65536))
        assert [type(event) for event in client.events()] == [AcceptConnection]
        tls.sendall(client.send(TextMessage(data="hello")))
        client.receive_data(tls.recv(65536))
        assert list(client.events()) == [TextMessage(data="hello")]
        tls.sendall(client.send(CloseConnection(code=1000)))
        client.receive_data(tls.recv(65536))
        assert [event.code for event in client.events() if isinstance(event, CloseConnection)] == [1000]
    upstream.wait_for(lambda upstream: upstream.requests[0].outcome is Outcome.ANSWERED)


def test_python_sees_a_cut_stream_as_broken(upstream: Upstream) -> None:
    context = ssl.create_default_context(cafile=str(upstream.ca_file))
    with httpx.Client(verify=context, trust_env=False) as http_client:
        base_url = f"https://localhost:{upstream.port}/v1"
        client = openai.OpenAI(api_key="sk-test", base_url=base_url, http_client=http_client)
        asked: Any = [{"role": "user", "content": "Hello [scenario: cut-after-3-chunks]"}]
        stream = client.chat.completions.create(model="gpt-4o", messages=asked, stream=True)

        with pytest.raises(httpx.RemoteProtocolError, match="peer closed connection"):
            list(stream)


def test_process_prints_where_it_listens_and_ends_at_sigterm(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "openai_replay.mock",
        "--port",
        "0",
        "--plain",
        "--ca-dir",
        str(tmp_path / "ca"),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "addon")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout
        where = json.loads(process.stdout.readline())
        context = ssl.create_default_context(cafile=where["ca_file"])
        url = f"https://localhost:{where['port']}/v1/models"
        status = httpx.get(url, verify=context, trust_env=False).status_code
        plain_status = httpx.get(
            f"http://localhost:{where['plain_port']}/v1/models", trust_env=False
        ).status_code
        process.send_signal(signal.SIGTERM)

    assert (status, plain_status, process.returncode) == (200, 200, 0)


def test_what_is_no_http_is_told_so(upstream: Upstream) -> None:
    assert upstream.plain_port
    with socket.create_connection(("127.0.0.1", upstream.plain_port)) as client:
        client.sendall(b"no http at all\r\n\r\n")
        answer = client.makefile("rb").read()

    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"illegal request line" in answer


@pytest.fixture
def proxy(upstream: Upstream, tmp_path: Path) -> Iterator[str]:
    """A real mitmdump whose connections are redirected to `upstream`; yields its URL."""
    options = {
        "confdir": tmp_path,
        "upstream_port": upstream.port,
        "upstream_plain_port": upstream.plain_port,
        "upstream_routes": f"vllm.example:8000={upstream.plain_port}",
        "ssl_verify_upstream_trusted_ca": upstream.ca_file,
    }
    settings = [argument for name, value in options.items() for argument in ("--set", f"{name}={value}")]
    mitmdump = [
        str(Path(sys.executable).with_name("mitmdump")),
        "--listen-host",
        "127.0.0.1",
        "--listen-port",
        "0",
    ]
    command = [*mitmdump, "--scripts", str(REDIRECT_SCRIPT), *settings]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout
        listening = next(line for line in process.stdout if "proxy listening at" in line)
        try:
            yield "http://" + listening.rstrip().rstrip(".").rpartition(" ")[2]
        finally:
            process.terminate()
            # Read to the end, so that a full pipe cannot keep it from ending.
            process.stdout.read()


def status_through(proxy: str, ca_file: Path, *urls: str) -> list[str]:
    """Return curl's answers from each of `urls` through `proxy`, one after the other."""
    outputs = [argument for _ in urls for argument in ("--output", os.devnull)]
    way = ("--proxy", proxy, "--noproxy", "", "--cacert", str(ca_file))
    command = ["curl", "--silent", *way, "--write-out", "%{http_code}\n", *outputs, *urls]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()


def test_redirected_hosts_stay_what_they_are(upstream: Upstream, proxy: str, tmp_path: Path) -> None:
    ca_file = tmp_path / "mitmproxy-ca-cert.pem"
    models = "https://api.openai.com/v1/models"

    assert status_through(proxy, ca_file, models, models) == ["200", "200"]
    assert {request.host for request in upstream.requests} == {"api.openai.com"}
    assert upstream.connections == 1
    assert status_through(proxy, ca_file, "http://ollama.example/v1/models") == ["200"]
    assert status_through(proxy, ca_file, "http://vllm.example:8000/v1/models") == ["200"]
    assert upstream.requests[-1].host == "vllm.example:8000"


def test_redirection_leaves_verification_and_loopback_alone(
    upstream: Upstream, proxy: str, tmp_path: Path
) -> None:
    ca_file = tmp_path / "mitmproxy-ca-cert.pem"

    assert status_through(proxy, ca_file, "https://not-in-the-certificate.example/v1/models") == ["502"]
    assert upstream.connections == 1
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert status_through(proxy, ca_file, f"http://127.0.0.1:{port}/v1/models") == ["502"]
    assert upstream.connections == 1
    assert upstream.requests == []
