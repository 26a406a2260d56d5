"""In replay nothing reaches a recorded host, whichever part fails: seen at the upstream and at the sockets."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from openai_replay.mock import Upstream
from openai_replay.proxy.addon import OpenAIReplay
from support.proxy import MITMDUMP, ROOT, Proxy, bare_environment, curl, proxy, wait_until
from support.requests import CHAT_URL, streamed_chat_body
from support.websocket import WebSocket, through_proxy

HOST = "api.openai.com"
SUPPORT = ROOT / "tests" / "support"
PROTOCOLS = ("--http1.1", "--http2")


RECORDED = json.dumps(streamed_chat_body("Say hello"))
BROKEN_OFF = json.dumps(streamed_chat_body("Count [scenario: cut-after-3-chunks]"))
NEVER_RECORDED = json.dumps(streamed_chat_body("Something else"))


@dataclass(frozen=True)
class Observed:
    """A replaying proxy, the upstream that nothing may reach, and where the proxy's process connected."""

    proxy: Proxy
    upstream: Upstream
    audit_file: Path

    def post(self, body: str, *arguments: str, url: str = CHAT_URL) -> subprocess.CompletedProcess[bytes]:
        return curl(self.proxy, url, *arguments, "-H", "content-type: application/json", "-d", body)

    def connected_to(self) -> list[str]:
        """Return the hosts that the process connected to or looked up, one text each."""
        return self.audit_file.read_text().splitlines()


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a whole stream and one that broke off."""
    top = tmp_path_factory.mktemp("recorded")
    with (
        Upstream() as upstream,
        proxy(
            top / "home", "recording_mode=record", f"recording_dir={top / 'recordings'}", upstream=upstream
        ) as recorder,
    ):
        for body, status in ((RECORDED, 0), (BROKEN_OFF, 18)):
            assert curl(recorder, CHAT_URL, "--http1.1", "-d", body).returncode == status
        wait_until(lambda: len(list((top / "recordings").glob("*.json"))) == 2, "both are recorded")
    return top / "recordings"


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    """An upstream that would answer."""
    with Upstream(plain=True) as upstream:
        yield upstream


@contextmanager
def replaying(
    top: Path,
    upstream: Upstream,
    recorded: Path,
    *options: str,
    sabotage: str = "",
    mode: str = "",
    script: Path = ROOT / "addon" / "replay.py",
) -> Iterator[Observed]:
    """Run a proxy in replay; at the end of any test, nothing may have come to the upstream."""
    upstream.reset()
    audit_file = top / "audit"
    environment = {"SOCKET_AUDIT": str(audit_file), "SABOTAGE": sabotage}
    scripts = [SUPPORT / "socket_audit.py", *([SUPPORT / "sabotage.py"] if sabotage else [])]
    with proxy(
        top / "home",
        f"recording_dir={recorded}",
        *options,
        upstream=upstream,
        mode=mode,
        environment=environment,
        more_scripts=scripts,
        script=script,
    ) as replayer:
        yield Observed(replayer, upstream, audit_file)
    assert upstream.connections == 0
    assert upstream.requests == []


def assert_only_itself(observed: Observed, before: int) -> None:
    """Assert that a proxy's process connected since, and to a server in itself alone; `before`: to how many then."""
    addresses = [json.loads(line)[1] for line in observed.connected_to()[before:]]
    assert addresses
    assert {address[0] for address in addresses} == {"127.0.0.1"}
    assert observed.upstream.port not in {address[1] for address in addresses}


def refused(asked: subprocess.CompletedProcess[bytes]) -> str:
    """Return the code of the addon's own error, which must be all that a client got."""
    assert asked.returncode == 0, asked.stderr
    error = json.loads(asked.stdout)["error"]
    assert error["type"] == "recording_error"
    return str(error["code"])


@pytest.fixture(scope="module")
def replayer(tmp_path_factory: pytest.TempPathFactory, recorded: Path) -> Iterator[Observed]:
    """A proxy whose options are mitmproxy's defaults, with its own upstream."""
    with (
        Upstream(plain=True) as upstream,
        replaying(tmp_path_factory.mktemp("default"), upstream, recorded) as observed,
    ):
        yield observed


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("url", [CHAT_URL, CHAT_URL.replace("https", "http")])
def test_with_default_options_hits_and_misses_open_no_socket(
    replayer: Observed, protocol: str, url: str
) -> None:
    before = replayer.connected_to()
    if url == CHAT_URL:
        hit = replayer.post(RECORDED, protocol, url=url)
        assert hit.stdout.endswith(b"data: [DONE]\n\n"), (hit.stdout, hit.stderr)
    miss = replayer.post(NEVER_RECORDED, protocol, url=url)
    assert refused(miss) == "recording_not_found"
    assert replayer.connected_to() == before
    assert replayer.upstream.connections == 0


@pytest.mark.parametrize(
    ("protocol", "exit_status"), [("--http1.1", 18), ("--http2", 92)], ids=["http1.1", "http2"]
)
def test_a_stream_that_breaks_off_again_connects_to_nothing_but_this_process(
    replayer: Observed, protocol: str, exit_status: int
) -> None:
    before = len(replayer.connected_to())
    broken = replayer.post(BROKEN_OFF, protocol)
    assert broken.returncode == exit_status
    assert broken.stdout.count(b"chat.completion.chunk") == 3
    assert_only_itself(replayer, before)


def test_an_address_in_connect_does_not_hide_the_recorded_host(replayer: Observed) -> None:
    """The client resolved the name itself: CONNECT has an address, and only the SNI tells the host."""
    before = replayer.connected_to()
    arguments = ("--connect-to", f"{HOST}:443:192.0.2.7:443")
    assert replayer.post(RECORDED, *arguments).stdout.endswith(b"data: [DONE]\n\n")
    assert refused(replayer.post(NEVER_RECORDED, *arguments)) == "recording_not_found"
    assert replayer.connected_to() == before


def test_connect_for_something_that_is_not_http_is_refused(replayer: Observed) -> None:
    before = replayer.connected_to()
    with socket.create_connection(("127.0.0.1", replayer.proxy.port)) as client:
        client.sendall(f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n\r\n".encode())
        assert client.recv(4096).startswith(b"HTTP/1.1 200")
        client.sendall(b"SSH-2.0-client\r\n\x00\x01\x02")
        answer = b"".join(iter(lambda: client.recv(4096), b""))
    assert b"chat" not in answer
    assert replayer.connected_to() == before


@pytest.mark.parametrize("target", ["/v1/realtime?model=gpt-realtime", "/v1/responses"])
def test_a_websocket_gets_the_miss_and_connects_to_nothing_but_this_process(
    replayer: Observed, target: str
) -> None:
    before = len(replayer.connected_to())
    with through_proxy(replayer.proxy) as connection:
        client = WebSocket(connection, target)
        client.accepted()
        if target == "/v1/responses":
            client.send(type="response.create", model="gpt-4o", input="Something else")
            assert (miss := client.receive())["status"] == 400
            client.close()
        else:
            miss = client.receive()
            assert client.closed()[0] == 1008
    assert (miss["type"], miss["error"]["code"]) == ("error", "recording_not_found")
    assert_only_itself(replayer, before)
    assert replayer.upstream.connections == 0


SABOTAGES = {
    "the replayer": ("openai_replay.replay.replayer:Replayer.answer", "recording_unavailable"),
    "the description of the request": (
        "openai_replay.proxy.session:Session.describe_flow",
        "recording_unavailable",
    ),
    "the explanation of a miss": ("openai_replay.replay.miss:find_miss", "recording_unavailable"),
    "the test id": ("openai_replay.proxy.arrival:_test_id_of_request", "recording_not_found"),
    "the hook for headers": ("openai_replay.proxy.addon:OpenAIReplay.requestheaders", "recording_not_found"),
}


@pytest.mark.parametrize("target", SABOTAGES)
def test_a_bug_in_the_addon_is_a_refusal(
    tmp_path: Path, upstream: Upstream, recorded: Path, target: str
) -> None:
    function, code = SABOTAGES[target]
    with replaying(tmp_path, upstream, recorded, sabotage=function) as observed:
        for protocol in PROTOCOLS:
            assert refused(observed.post(NEVER_RECORDED, protocol)) == code
        assert "sabotaged" in observed.proxy.log()
        assert observed.connected_to() == []


@pytest.mark.parametrize("eager", [False, True], ids=["lazy", "eager"])
@pytest.mark.parametrize(
    "function",
    [
        "openai_replay.proxy.addon:OpenAIReplay.request",
        "openai_replay.proxy.addon:OpenAIReplay.request,openai_replay.proxy.hosts:is_recorded",
        "openai_replay.proxy.addon:OpenAIReplay.request,openai_replay.proxy.hosts:leads_to_recorded_host",
    ],
)
def test_a_bug_that_makes_mitmproxy_forward_ends_at_the_refused_connection(
    tmp_path: Path, upstream: Upstream, recorded: Path, function: str, eager: bool
) -> None:
    options = ["connection_strategy=eager"] if eager else []
    with replaying(tmp_path, upstream, recorded, *options, sabotage=function) as observed:
        for protocol in PROTOCOLS:
            asked = observed.post(RECORDED, protocol, "-w", "%{http_code}")
            assert asked.stdout.endswith(b"502"), asked
        assert observed.connected_to() == []


def test_a_bug_while_the_options_are_read_leaves_a_proxy_that_ends_without_connecting(
    tmp_path: Path, upstream: Upstream, recorded: Path
) -> None:
    upstream.reset()
    with pytest.raises(AssertionError, match="mitmdump ended at start"):
        # Loaded before the addon, so that its start fails already.
        with proxy(
            tmp_path,
            f"recording_dir={recorded}",
            upstream=upstream,
            environment={"SABOTAGE": "openai_replay.proxy.addon:resolve", "PYTHONPATH": str(ROOT / "addon")},
            script=SUPPORT / "sabotage.py",
            more_scripts=[ROOT / "addon" / "replay.py"],
        ) as running:
            raise AssertionError(
                wait_until(running.process.poll, "mitmdump ends") and "mitmdump ended at start"
            )
    assert upstream.connections == 0


def test_eager_connections_asked_for_on_the_command_line_are_not_made(
    tmp_path: Path, upstream: Upstream, recorded: Path
) -> None:
    options = ("connection_strategy=eager", "upstream_cert=true")
    with replaying(tmp_path, upstream, recorded, *options) as observed:
        for protocol in PROTOCOLS:
            assert observed.post(RECORDED, protocol).stdout.endswith(b"data: [DONE]\n\n")
            assert refused(observed.post(NEVER_RECORDED, protocol)) == "recording_not_found"
        assert observed.connected_to() == []


def test_a_broken_recording_is_an_error_for_its_own_request_only(
    tmp_path: Path, upstream: Upstream, recorded: Path
) -> None:
    folder = tmp_path / "recordings"
    shutil.copytree(recorded, folder)
    path = next(path for path in folder.glob("*.json") if b"Say hello" in path.read_bytes())
    path.write_bytes(path.read_bytes()[:-40])
    with replaying(tmp_path, upstream, folder) as observed:
        for protocol in PROTOCOLS:
            assert refused(observed.post(RECORDED, protocol)) == "recording_unreadable"
        assert observed.post(BROKEN_OFF, "--http1.1").stdout.count(b"chat.completion.chunk") == 3
        assert f"A recording cannot be replayed: {path}: expected JSON" in observed.proxy.log()


@pytest.mark.parametrize("sabotage", ["", "openai_replay.proxy.addon:OpenAIReplay.request"])
def test_base_url_mode_opens_no_socket(
    tmp_path: Path, upstream: Upstream, recorded: Path, sabotage: str
) -> None:
    with replaying(
        tmp_path, upstream, recorded, mode=f"reverse:https://{HOST}", sabotage=sabotage
    ) as observed:
        url = f"{observed.proxy.url}/v1/chat/completions"
        direct = ("--noproxy", "*", "-w", "%{http_code}")
        hit, miss = (observed.post(body, *direct, url=url).stdout for body in (RECORDED, NEVER_RECORDED))
        if sabotage:
            assert (hit[-3:], miss[-3:]) == (b"502", b"502")
        else:
            assert hit.endswith(b"data: [DONE]\n\n200")
            assert miss.endswith(b'"code":"recording_not_found"}}400')
        assert observed.connected_to() == []


@pytest.mark.parametrize("sabotage", ["", "openai_replay.proxy.addon:OpenAIReplay.request"])
def test_a_corporate_proxy_is_not_asked_for_a_recorded_host(
    tmp_path: Path, upstream: Upstream, recorded: Path, sabotage: str
) -> None:
    mode = f"upstream:http://127.0.0.1:{upstream.plain_port}"
    with replaying(tmp_path, upstream, recorded, mode=mode, sabotage=sabotage) as observed:
        asked = observed.post(RECORDED, "-w", "%{http_code}").stdout
        assert asked.endswith(b"502" if sabotage else b"200")
        assert observed.connected_to() == []


BROKEN_CLIENT_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40)


def through_tunnel(port: int, content: bytes) -> bytes:
    """Send bytes through a CONNECT to the recorded host, stop sending, and return all that comes back."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n\r\n".encode())
        assert client.recv(4096).startswith(b"HTTP/1.1 200")
        with suppress(OSError):
            client.sendall(content)
            client.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: client.recv(4096), b""))
    return b""


@pytest.mark.parametrize(
    "content", [b"SSH-2.0-client\r\n\x00\x01", BROKEN_CLIENT_HELLO, b"\x16\x03", b"\xff" * 300]
)
@pytest.mark.parametrize("sabotage", ["", "openai_replay.proxy.addon:OpenAIReplay.http_connect"])
def test_a_corporate_proxy_gets_no_connect_for_bytes_that_are_no_request(
    tmp_path: Path, upstream: Upstream, recorded: Path, sabotage: str, content: bytes
) -> None:
    mode = f"upstream:http://127.0.0.1:{upstream.plain_port}"
    with replaying(tmp_path, upstream, recorded, mode=mode, sabotage=sabotage) as observed:
        through_tunnel(observed.proxy.port, content)
        assert observed.connected_to() == []


@contextmanager
def ended_at_start_or_closed(upstream: Upstream) -> Iterator[None]:
    """Accept a mitmdump that ends at start; either way nothing may have come to the upstream."""
    try:
        yield
    except AssertionError as exc:
        if "mitmdump ended at start" not in str(exc):
            raise
    except ConnectionRefusedError:  # it ended a moment later
        pass
    assert upstream.connections == 0


METHODS = sorted(name for name, value in vars(OpenAIReplay).items() if callable(value) and name != "__init__")


@pytest.mark.parametrize("method", METHODS)
def test_a_bug_in_any_method_of_the_addon_lets_no_byte_out(
    tmp_path: Path, upstream: Upstream, recorded: Path, method: str
) -> None:
    sabotage = f"openai_replay.proxy.addon:OpenAIReplay.{method}"
    with (
        ended_at_start_or_closed(upstream),
        replaying(tmp_path, upstream, recorded, sabotage=sabotage) as observed,
    ):
        for protocol in PROTOCOLS:
            observed.post(NEVER_RECORDED, protocol)
        if method != "server_connect":  # mitmproxy asks nothing else about bytes that are no request
            through_tunnel(observed.proxy.port, b"SSH-2.0-client\r\n")
        assert observed.connected_to() == []


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("ignore_hosts", "api.openai.com"),
        ("ignore_hosts", ".*"),
        ("tcp_hosts", "openai"),
        ("ignore_hosts", ":443$"),
    ],
)
def test_a_recorded_host_that_passes_untouched_stops_the_start(
    tmp_path: Path, upstream: Upstream, recorded: Path, option: str, value: str
) -> None:
    with (
        pytest.raises(AssertionError, match="expected no recorded host to pass untouched"),
        replaying(tmp_path, upstream, recorded, f"{option}={value}"),
    ):
        pass


def test_the_control_host_never_goes_upstream_by_base_url(
    tmp_path: Path, upstream: Upstream, recorded: Path
) -> None:
    with replaying(tmp_path, upstream, recorded, mode=f"reverse:https://{HOST}") as observed:
        rebound = ["-H", "host: rebound.example", f"{observed.proxy.url}/@/report", "-w", "%{http_code}"]
        page = subprocess.run(["curl", "-sS", *rebound], capture_output=True, check=True)
        assert page.stdout.endswith(b"403")
        for arguments in (
            ("--noproxy", "*", "-H", "host: openai-replay.test", f"{observed.proxy.url}/report"),
            ("--proxy", observed.proxy.url, "http://openai-replay.test/report"),
        ):
            asked = subprocess.run(["curl", "-sS", *arguments], capture_output=True, check=True)
            assert json.loads(asked.stdout)["mode"] == "replay"


@pytest.mark.parametrize(
    "header", ["Origin: https://evil.example", "Sec-Fetch-Site: cross-site", "Host: rebound.example"]
)
def test_a_page_in_a_browser_can_neither_read_the_report_nor_reset(replayer: Observed, header: str) -> None:
    for arguments in (("/report",), ("/reset", "-X", "POST")):
        url = f"http://openai-replay.test{arguments[0]}"
        asked = curl(replayer.proxy, url, *arguments[1:], "-H", header, "-w", "%{http_code}")
        assert asked.stdout.endswith(b"403"), asked


def test_socks_clients_are_answered_without_a_connection(
    tmp_path: Path, upstream: Upstream, recorded: Path
) -> None:
    with replaying(tmp_path, upstream, recorded, mode="socks5") as observed:
        socks = ("--proxy", f"socks5h://127.0.0.1:{observed.proxy.port}")
        assert observed.post(RECORDED, *socks).stdout.endswith(b"data: [DONE]\n\n")
        assert observed.connected_to() == []


def test_a_script_that_is_saved_broken_removed_or_mended_while_running_stays_closed(
    tmp_path: Path, upstream: Upstream, recorded: Path
) -> None:
    shutil.copytree(ROOT / "addon", tmp_path / "addon", ignore=shutil.ignore_patterns("__pycache__"))
    script = tmp_path / "addon" / "replay.py"
    sound = script.read_text()
    with replaying(tmp_path, upstream, recorded, script=script) as observed:

        def saved(text: str) -> None:
            loaded = observed.proxy.log().count("Loading script " + str(script))
            script.write_text(text)
            wait_until(
                lambda: observed.proxy.log().count("Loading script " + str(script)) > loaded,
                "the script is loaded again",
            )

        def answers() -> bytes:
            return observed.post(RECORDED).stdout

        assert answers().endswith(b"[DONE]\n\n")
        saved(f"{sound}# touched\n")
        assert answers().endswith(b"[DONE]\n\n")
        saved("import (")
        wait_until(lambda: "SyntaxError" in observed.proxy.log(), "the failure is logged")
        assert refused(observed.post(RECORDED)) == "recording_unavailable"
        saved(sound)
        assert answers().endswith(b"[DONE]\n\n")
        script.unlink()
        wait_until(lambda: "Un-loading script" in observed.proxy.log(), "the script is unloaded")
        assert refused(observed.post(RECORDED)) == "recording_unavailable"
        assert observed.connected_to() == []


def issuer_of(running: Proxy, host: str, *, trusted: Path) -> str:
    """Return who issued the certificate that a client of the proxy sees for a host."""
    context = ssl.create_default_context(cafile=str(trusted))
    with socket.create_connection(("127.0.0.1", running.port)) as connection:
        connection.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        with context.wrap_socket(connection, server_hostname=host) as tls:
            certificate: dict[str, Any] = tls.getpeercert() or {}
    names = {name: value for pairs in certificate["issuer"] for name, value in pairs}
    return str(names["organizationName"])


@pytest.mark.parametrize("recording_mode", ["replay", "record", "live"])
def test_other_hosts_are_tunnelled_with_their_own_certificate(
    tmp_path: Path, upstream: Upstream, recorded: Path, recording_mode: str
) -> None:
    upstream.reset()
    with proxy(
        tmp_path, f"recording_dir={recorded}", f"recording_mode={recording_mode}", upstream=upstream
    ) as running:
        assert issuer_of(running, "other.example", trusted=upstream.ca_file) == "openai-replay test upstream"
        assert issuer_of(running, HOST, trusted=running.ca_file) == "mitmproxy"
        asked = curl(running, "https://other.example/v1/models", "--cacert", str(upstream.ca_file))
        assert json.loads(asked.stdout)["object"] == "list"
        plain = curl(running, "http://other.example/v1/models", "-H", "X-Test-Id: not ours")
        assert json.loads(plain.stdout)["object"] == "list"
    assert [request.host for request in upstream.requests] == ["other.example"] * 2
    assert upstream.requests[1].header("x-test-id") == "not ours"


def test_the_system_sees_no_connection_either(tmp_path: Path, recorded: Path) -> None:
    """System calls show the connections that Python does not see, such as those by mitmproxy's parts in Rust."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not on PATH")
    trace, log_file = tmp_path / "trace", tmp_path / "log"
    # -D: mitmdump stays this process's child, and receives the signal that ends it.
    command = [strace, "-D", "-f", "-q", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o", str(trace)]
    command += [str(MITMDUMP), "--listen-host", "127.0.0.1", "-p", "0", "-s", str(ROOT / "addon/replay.py")]
    with open(log_file, "wb") as log:
        process = subprocess.Popen(
            [*command, "--set", f"recording_dir={recorded}"],
            stdout=log,
            stderr=subprocess.STDOUT,
            env=bare_environment(tmp_path, PYTHONUNBUFFERED="1"),
            cwd=tmp_path,
        )
    running = Proxy(process, 0, tmp_path, log_file)
    try:
        running.port = int(wait_until(lambda: port_in(running), "mitmdump listens"))
        for protocol in PROTOCOLS:
            assert curl(running, CHAT_URL, protocol, "-d", RECORDED).stdout.endswith(b"data: [DONE]\n\n")
            assert refused(curl(running, CHAT_URL, protocol, "-d", NEVER_RECORDED)) == "recording_not_found"
    finally:
        running.stop()
    wait_until(lambda: not is_written_by_strace(trace), "strace has written all")
    # Bytes for the clients go through sockets that were accepted, and are sent without an address.
    calls = [line for line in trace.read_text().splitlines() if "sin_addr" in line or "sin6_addr" in line]
    assert calls == []


def is_written_by_strace(trace: Path) -> bool:
    """Tell whether a strace still runs that writes this file: it ends after the process that it watches."""
    for command_line in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            words = command_line.read_bytes().split(b"\0")
            if b"-D" in words and os.fsencode(trace) in words:
                return True
    return False


def port_in(running: Proxy) -> str:
    if running.process.poll() is not None:
        pytest.skip(f"mitmdump does not run under strace here: {running.log()[:500]}")
    found = re.search(r"listening at 127\.0\.0\.1:(\d+)", running.log())
    return found[1] if found else ""


def test_other_hosts_are_refused_where_that_is_said(
    tmp_path: Path, upstream: Upstream, recorded: Path
) -> None:
    with replaying(tmp_path, upstream, recorded, "recording_other_hosts=refuse") as observed:
        said = "%{http_connect} %{http_code}"
        for url, expected in (
            ("https://example.com/", b"403 000"),
            ("https://127.0.0.9/", b"403 000"),
            ("http://example.com/", b"000 403"),
            ("http://[::1]:1/", b"000 403"),
        ):
            assert curl(observed.proxy, url, "-o", os.devnull, "-w", said).stdout == expected
        assert observed.post(RECORDED).stdout.endswith(b"data: [DONE]\n\n")
        assert observed.connected_to() == []
        assert "example.com is none of recording_hosts" in observed.proxy.log()
