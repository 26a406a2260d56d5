"""mitmweb with the addon: replayed flows are marked, and a content view shows the conversation."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from openai_replay.mock import Upstream
from support.proxy import CEILING_S, REDIRECT_SCRIPT, REPLAY_SCRIPT, bare_environment, wait_until
from support.requests import streamed_chat_body

PASSWORD = "a-password-of-the-tests"
CHAT = streamed_chat_body("Say hello")
OTHER = {**CHAT, "messages": [{"role": "user", "content": "Say goodbye"}]}


class Web:
    """A running mitmweb in reverse mode: its API, and its log."""

    def __init__(self, log: Path) -> None:
        addresses = wait_until(lambda: _addresses(log.read_text()), "mitmweb listens")
        assert addresses is not None
        self.proxy_port, self.web_port = addresses

    def post(self, body: Any) -> bytes:
        url = f"http://127.0.0.1:{self.proxy_port}/v1/chat/completions"
        headers = {"authorization": "Bearer x", "content-type": "application/json"}
        try:
            with urllib.request.urlopen(
                urllib.request.Request(url, json.dumps(body).encode(), headers)
            ) as answer:
                content: bytes = answer.read()
        except urllib.error.HTTPError as error:
            content = error.read()
        return content

    def get(self, path: str) -> Any:
        url = f"http://127.0.0.1:{self.web_port}{path}?token={PASSWORD}"
        with urllib.request.urlopen(url) as answer:
            return json.load(answer)

    def shown(self, flow: dict[str, Any], message: str) -> str:
        """Return the text that the view of the API's bodies shows."""
        view = self.get(f"/flows/{flow['id']}/{message}/content/auto.json")
        assert view["view_name"] == "OpenAI conversation"
        text: str = view["text"]
        return text


def _addresses(log: str) -> tuple[str, str] | None:
    proxy = re.search(r"proxy to \S+ listening at \S*?:(\d+)", log)
    web = re.search(r"Web server listening at http://127\.0\.0\.1:(\d+)", log)
    return (proxy[1], web[1]) if proxy and web else None


def free_port() -> str:
    """Return a port that is free: given port 0, mitmweb does not say which one it took."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return str(server.getsockname()[1])


@contextmanager
def mitmweb(tmp_path: Path, upstream: Upstream, mode: str) -> Iterator[Web]:
    options = [f"recording_mode={mode}", "recording_dir=recordings", f"web_password={PASSWORD}"]
    options += [f"upstream_port={upstream.port}", f"ssl_verify_upstream_trusted_ca={upstream.ca_file}"]
    command = [
        str(Path(sys.executable).with_name("mitmweb")),
        "--no-web-open-browser",
        "--web-port",
        free_port(),
    ]
    command += [
        "--listen-host",
        "127.0.0.1",
        "--listen-port",
        "0",
        "--mode",
        "reverse:https://api.openai.com",
    ]
    command += ["-s", str(REPLAY_SCRIPT), "-s", str(REDIRECT_SCRIPT)]
    for option in options:
        command += ["--set", option]
    log = tmp_path / f"{mode}.log"
    environment = bare_environment(tmp_path, PYTHONUNBUFFERED="1")
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, cwd=tmp_path, env=environment
        )
    try:
        yield Web(log)
    finally:
        process.terminate()
        process.wait(CEILING_S)


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


def test_recorded_and_replayed_flows_can_be_read_there(tmp_path: Path, upstream: Upstream) -> None:
    (tmp_path / "recordings").mkdir()
    with mitmweb(tmp_path, upstream, "record") as web:
        web.post(CHAT)
        (flow,) = wait_until(lambda: [flow for flow in web.get("/flows") if flow.get("response")], "a flow")
        assert web.shown(flow, "request") == "user:\n    Say hello"
        assert web.shown(flow, "response").startswith(
            "assistant:\n    Hello! How can I assist you today?\n[stop"
        )
    (recording,) = (tmp_path / "recordings").glob("*.json")
    with mitmweb(tmp_path, upstream, "replay") as web:
        web.post(CHAT)
        web.post(OTHER)
        hit, miss = web.get("/flows")
        assert (hit["is_replay"], hit["comment"], hit["marked"]) == (
            "response",
            f"replayed from {recording.name}",
            "",
        )
        assert web.shown(hit, "response").startswith("assistant:\n    Hello! How can I assist you today?\n")
        assert (miss["is_replay"], miss["marked"]) == (None, "🔴")
        assert miss["comment"].startswith("No recording for POST /v1/chat/completions")
