"""Questions to a running proxy, put to a server that notes them."""

import http.client
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from openai_replay.launch.running_proxy import ALIAS_PREFIX, CONTROL_HOST, ProxyFailed, RunningProxy
from openai_replay.service import aliases, control


class Noting(BaseHTTPRequestHandler):
    """Notes each request, and answers with the status in the path, or 200."""

    def do_GET(self) -> None:
        assert isinstance(self.server, NotingServer)
        self.server.seen.append(f"{self.command} {self.path}")
        body = json.dumps({"totals": {}}).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815  # the name that http.server looks for

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


class NotingServer(HTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Noting)
        self.seen: list[str] = []
        self.status = 200


@pytest.fixture
def server() -> Iterator[NotingServer]:
    with NotingServer() as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def test_a_proxy_is_asked_by_its_host_and_a_base_url_by_a_path(server: NotingServer) -> None:
    assert RunningProxy(server.server_port, is_reverse=False).report() == {"totals": {}}
    RunningProxy(server.server_port, is_reverse=True).report("a/b c")
    assert server.seen == [
        f"GET http://{CONTROL_HOST}/report",
        "GET /@/report?test_id=a%2Fb%20c",
    ]


def test_reset_and_alias_name_their_test(server: NotingServer) -> None:
    running = RunningProxy(server.server_port, is_reverse=True)
    running.reset("a&b")
    running.alias("x", "a&b")
    running.alias("x", None)
    assert server.seen == [
        "POST /@/reset?test_id=a%26b",
        "POST /@/alias?test_id=a%26b&alias=x",
        "POST /@/alias?alias=x",
    ]


def test_a_proxy_is_asked_past_replaced_connections_of_http_client(
    server: NotingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """VCR.py replaces the classes while a test with a cassette runs."""
    for name in ("HTTPConnection", "HTTPSConnection"):
        monkeypatch.delattr(http.client, name)
    assert RunningProxy(server.server_port, is_reverse=False).report() == {"totals": {}}


def test_another_status_and_silence_are_errors(server: NotingServer) -> None:
    server.status = 500
    with pytest.raises(ProxyFailed, match="answers GET /report with 500"):
        RunningProxy(server.server_port, is_reverse=False).report()
    with pytest.raises(ProxyFailed, match="does not answer"):
        RunningProxy(9, is_reverse=False).report()


def test_both_ends_mean_the_same_names() -> None:
    assert (CONTROL_HOST, ALIAS_PREFIX) == (control.HOST, aliases.PREFIX)
