"""`openai-replay run` and the clients behind it: keys, telemetry, trust, and the user's own proxy."""

import json
import os
import shlex
import shutil
import socket
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from e2e.test_run_command import CHAT, KEY, ask, processes_with, run, start
from openai_replay.mock import Upstream
from support.proxy import CEILING_S, ROOT, proxy, recordings
from support.requests import CHAT_URL, chat_body

REAL_KEY = "sk-real-0123456789abcdef0123456789abcdef"
RECORDED_CHAT = json.dumps(chat_body("Say hello from a recording."))
BEARER = '-H "Authorization: Bearer $OPENAI_API_KEY"'


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module")
def way_out(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[Mapping[str, str]]:
    """The variables of a machine whose proxy leads to the stand-in API, and that has a real key."""
    with proxy(tmp_path_factory.mktemp("company"), "recording_mode=live", upstream=upstream) as running:
        yield {"HTTPS_PROXY": running.url, "SSL_CERT_FILE": str(running.ca_file), "OPENAI_API_KEY": REAL_KEY}


@pytest.fixture
def replay_home(tmp_path: Path) -> Path:
    """A home with the recordings of the checkout."""
    shutil.copytree(ROOT / "recordings", tmp_path / "recordings")
    return tmp_path


def credentials_at(upstream: Upstream) -> str:
    """Return the Authorization header of the last request that the stand-in API has seen."""
    return dict(upstream.requests[-1].headers).get("authorization", "")


# --- keys ---


def test_the_command_has_a_dummy_and_the_api_gets_the_real_key(
    tmp_path: Path, upstream: Upstream, way_out: Mapping[str, str]
) -> None:
    result = run(
        tmp_path,
        *("--mode", "record"),
        command=["sh", "-c", f"echo $OPENAI_API_KEY; env; {ask(CHAT, BEARER)[2]}"],
        variables=way_out,
    )
    assert b"1 recorded" in result.stderr, result.stderr
    assert result.stdout.startswith(b"sk-replay-no-real-openai-api-key\n")
    assert REAL_KEY.encode() not in result.stdout + result.stderr
    assert credentials_at(upstream) == f"Bearer {REAL_KEY}"
    (recording,) = (tmp_path / "recordings").glob("*.json")
    assert REAL_KEY not in recording.read_text()


def test_another_credential_passes_as_it_is(
    tmp_path: Path, upstream: Upstream, way_out: Mapping[str, str]
) -> None:
    other = f'-H "Authorization: Bearer {KEY}"'
    run(tmp_path, "--mode", "record", command=ask(CHAT, other), variables=way_out)
    assert credentials_at(upstream) == f"Bearer {KEY}"


def test_pass_key_leaves_the_real_key_to_the_command(
    tmp_path: Path, upstream: Upstream, way_out: Mapping[str, str]
) -> None:
    show = ["sh", "-c", f"echo $OPENAI_API_KEY; {ask(CHAT, BEARER)[2]}"]
    result = run(tmp_path, "--mode", "record", "--pass-key", command=show, variables=way_out)
    assert result.stdout.startswith(f"{REAL_KEY}\n".encode())
    assert credentials_at(upstream) == f"Bearer {REAL_KEY}"


def test_no_process_of_a_run_but_the_first_has_the_real_key_in_its_environment_or_command_line(
    tmp_path: Path, way_out: Mapping[str, str]
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    process = start(
        tmp_path,
        *("sh", "-c", "echo ready; read line <gate"),
        program=[str(Path(sys.executable).with_name("openai-replay")), "run", "--mode", "record", "--"],
        RUN_OF=str(tmp_path),
        **way_out,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    of_run = f"RUN_OF={tmp_path}"
    with_key = [
        line for line in processes_with(of_run) if line in processes_with(f"OPENAI_API_KEY={REAL_KEY}")
    ]
    assert len(processes_with(of_run)) >= 2
    assert all("openai-replay run" in line for line in with_key)
    assert not any(REAL_KEY in line for line in processes_with(of_run))
    gate.write_text("\n")
    process.communicate(timeout=CEILING_S)


# --- telemetry ---


def test_telemetry_is_answered_in_replay_and_counts_for_nothing(replay_home: Path) -> None:
    url = "https://api.openai.com/v1/traces/ingest"
    status = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", url, "-d", '{"data": []}']
    result = run(replay_home, command=status)
    assert result.stdout == b"204"
    assert b"0 replayed, 0 recorded, 0 missed" in result.stderr


def test_telemetry_passes_while_recording_and_leaves_no_file(
    tmp_path: Path, upstream: Upstream, way_out: Mapping[str, str]
) -> None:
    command = ["curl", "-sS", "https://api.openai.com/v1/traces/ingest", "-d", '{"data": []}']
    result = run(tmp_path, "--mode", "record", command=command, variables=way_out)
    assert upstream.requests[-1].target == "/v1/traces/ingest"
    assert b"0 replayed, 0 recorded, 0 missed, 0 unused" in result.stderr
    assert not list((tmp_path / "recordings").glob("*.json"))


# --- trust ---

LEAVES_SILENTLY = """
import os, socket, ssl
port = int(os.environ["HTTPS_PROXY"].rpartition(":")[2])
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
for _ in range(2):
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall(b"CONNECT api.openai.com:443 HTTP/1.1\\r\\nHost: api.openai.com:443\\r\\n\\r\\n")
    while b"\\r\\n\\r\\n" not in connection.recv(4096):
        pass
    context.wrap_socket(connection, server_hostname="api.openai.com").close()
"""


def test_a_client_that_leaves_without_a_request_is_one_that_does_not_trust_the_certificate(
    replay_home: Path,
) -> None:
    text = run(replay_home, command=[sys.executable, "-c", LEAVES_SILENTLY]).stderr.decode()
    assert "A client finished the TLS handshake for api.openai.com and left without a request" in text
    assert text.count("does not trust the proxy's certificate") == 1, "advice is given once per run"
    assert "--base-url" in text
    assert "The proxy saw no request" not in text, "it does not go past the proxy"


WGET = f"wget -qO- --header=Content-Type:application/json --post-data={shlex.quote(RECORDED_CHAT)} "
PERL = """
use LWP::UserAgent;
my $answer = LWP::UserAgent->new->post($ARGV[0], "Content-Type" => "application/json", Content => $ARGV[1]);
print $answer->decoded_content;
"""


@pytest.mark.parametrize(
    "command",
    [
        ["sh", "-c", WGET + CHAT_URL],
        ["perl", "-e", PERL, CHAT_URL, RECORDED_CHAT],
    ],
    ids=["wget", "perl"],
)
def test_clients_with_variables_of_their_own_are_served(replay_home: Path, command: Sequence[str]) -> None:
    tool = command[0] if command[0] == "perl" else "wget"
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not on PATH")
    result = run(replay_home, command=command)
    if b"Can't locate LWP" in result.stderr or b"LWP::Protocol::https not installed" in result.stdout:
        pytest.skip("Perl has no LWP with https")
    assert json.loads(result.stdout)["object"] == "chat.completion", result.stderr


# --- the user's own proxy ---


def test_no_proxy_exempts_the_api_from_the_users_own_proxy(tmp_path: Path) -> None:
    with Upstream(plain=True) as upstream:
        variables = {
            "OPENAI_BASE_URL": f"http://127.0.0.1:{upstream.plain_port}/v1",
            "HTTPS_PROXY": "http://127.0.0.1:9",  # the discard port, where nothing listens
            "NO_PROXY": "127.0.0.1",
        }
        result = run(tmp_path, "--mode", "record", command=ask(CHAT), variables=variables)
    assert b"1 recorded" in result.stderr, result.stderr


class Completing(BaseHTTPRequestHandler):
    """An API of another maker, which has one answer."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        answer = (
            b'{"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"finish_reason":"stop",'
            b'"message":{"role":"assistant","content":"Hello."}}]}'
        )
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


class ServerOnIpv6(HTTPServer):
    address_family = socket.AF_INET6


@contextmanager
def serving(server: HTTPServer) -> Iterator[int]:
    """Let a server answer until the block ends; give its port."""
    with server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def test_an_ipv6_base_url_is_recorded_and_replayed(tmp_path: Path) -> None:
    try:
        server = ServerOnIpv6(("::1", 0), Completing)
    except OSError as exc:
        pytest.skip(f"this machine has no IPv6 loopback: {exc}")
    with serving(server) as port:
        variables = {"OPENAI_BASE_URL": f"http://[::1]:{port}/v1"}
        result = run(tmp_path, "--mode", "record", "--base-url", command=ask(CHAT), variables=variables)
        assert b"1 recorded" in result.stderr, result.stderr
    replayed = run(tmp_path, "--base-url", command=ask(CHAT), variables=variables)
    assert replayed.stderr == b"openai-replay: 1 replayed, 0 recorded, 0 missed, 0 unused\n"


class Refusing(BaseHTTPRequestHandler):
    """A company's proxy that refuses everything, as Squid does."""

    def do_POST(self) -> None:
        self.send_response(403)
        self.send_header("X-Squid-Error", "ERR_ACCESS_DENIED 0")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_CONNECT = do_POST  # noqa: N815  # the name that http.server looks for

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize("base_url", ["http://llm.example/v1", "https://api.openai.com/v1"])
def test_a_refusal_of_the_users_own_proxy_is_not_recorded_as_the_apis_answer(
    tmp_path: Path, base_url: str
) -> None:
    with serving(HTTPServer(("127.0.0.1", 0), Refusing)) as port:
        variables = {"HTTPS_PROXY": f"http://127.0.0.1:{port}", "OPENAI_BASE_URL": base_url}
        result = run(tmp_path, "--mode", "record", command=ask(CHAT), variables=variables)
    assert b"0 recorded, 0 missed, 1 not recorded" in result.stderr, result.stderr
    assert recordings(tmp_path / "recordings") == {}


# --- a Node that reads no proxy variables ---


def test_an_old_node_reaches_the_proxy_by_the_base_url(replay_home: Path) -> None:
    node = replay_home / "bin" / "node"
    node.parent.mkdir()
    node.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && exec echo v20.1.0\n'
        f'exec curl -sS "$OPENAI_BASE_URL/chat/completions" -d {shlex.quote(RECORDED_CHAT)}\n'
    )
    node.chmod(0o755)
    result = run(replay_home, command=[str(node), "app.js"])
    said, summary = result.stderr.decode().splitlines()
    assert said.startswith("openai-replay: Node v20.1.0 does not read proxy variables")
    assert summary.startswith("openai-replay: 1 replayed, 0 recorded, 0 missed")
