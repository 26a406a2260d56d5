"""Real clients over WebSockets: what one of them recorded, by whatever transport, each of them replays."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from clients.toolchains import CODEX, WEBSOCKET_NODE, WEBSOCKET_PYTHON, Client
from openai_replay.mock import Upstream
from support.client_runs import Run, built, running, said_by
from support.proxy import CEILING_S, PROGRAM_NAME, bare_environment, recordings, wait_until
from support.websocket import without_expiry

OPENAI_REPLAY = str(Path(sys.executable).with_name("openai-replay"))
KEY = "sk-test-0123456789abcdef0123456789abcdef"
IN_CI = os.environ.get("CI") == "true"

# `ws`, the library of openai-node, does not read proxy variables.
WAYS = {"websocket-python": ("proxy", "base-url"), "websocket-node": ("base-url",)}
CLIENTS = (WEBSOCKET_PYTHON, WEBSOCKET_NODE)
RESPONSES = (
    (WEBSOCKET_PYTHON, "responses-http"),
    (WEBSOCKET_PYTHON, "responses"),
    (WEBSOCKET_NODE, "responses"),
)
FOR_CODEX = (
    "recording_ignore=input[*].id",
    "recording_ignore=input[*].internal_chat_message_metadata_passthrough",
)


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as upstream:
        yield upstream


def said(run: Run, client: Client, task: str) -> Any:
    environment = run.environment()
    # openai-node speaks TLS to a Realtime base URL of http, too.
    environment["NODE_EXTRA_CA_CERTS"] = str(run.proxy.ca_file)
    return without_expiry(said_by([*built(client, in_ci=IN_CI), task], environment))


def way_of(client: Client) -> str:
    return WAYS[client.name][0]


def recorded(home: Path, upstream: Upstream, client: Client, task: str) -> Any:
    with running(home, way_of(client), "recording_mode=record", upstream=upstream) as run:
        result = said(run, client, task)
        wait_until(lambda: recordings(home / "recordings"), "the recording is written")
    return result


@pytest.mark.parametrize(("client", "task"), RESPONSES, ids=lambda value: getattr(value, "name", value))
def test_each_client_replays_responses_of_each_other(
    tmp_path: Path, upstream: Upstream, client: Client, task: str
) -> None:
    events = recorded(tmp_path, upstream, client, task)
    connections = upstream.connections
    assert events[-1]["type"] == "response.completed"
    for other, other_task in RESPONSES:
        for way in WAYS[other.name]:
            with running(tmp_path, way, upstream=upstream) as run:
                assert said(run, other, other_task) == events
    assert upstream.connections == connections


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_a_miss_is_asked_once(tmp_path: Path, upstream: Upstream, client: Client) -> None:
    recorded(tmp_path, upstream, client, "responses")
    with running(tmp_path, way_of(client), upstream=upstream) as run:
        (event,) = said(run, client, "responses-miss")
        log = run.proxy.log()

    assert event["error"].get("error", event["error"])["code"] == "recording_not_found"
    assert log.count("No recording for POST /v1/responses") == 1


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_each_client_replays_a_realtime_session_of_each_other(
    tmp_path: Path, upstream: Upstream, client: Client
) -> None:
    events = recorded(tmp_path, upstream, client, "realtime")
    connections = upstream.connections
    runs = [(WEBSOCKET_PYTHON, "realtime"), (WEBSOCKET_PYTHON, "realtime-other-cuts")]
    if PROGRAM_NAME != "engine":  # which takes TLS or plain HTTP on its port, not both as this client needs
        runs.append((WEBSOCKET_NODE, "realtime"))
    for other, task in runs:
        with running(tmp_path, way_of(other), upstream=upstream) as run:
            assert said(run, other, task) == events
    assert upstream.connections == connections


def test_a_realtime_agent_is_replayed(tmp_path: Path, upstream: Upstream) -> None:
    events = recorded(tmp_path, upstream, WEBSOCKET_PYTHON, "agent")
    connections = upstream.connections
    with running(tmp_path, "proxy", upstream=upstream) as run:
        assert said(run, WEBSOCKET_PYTHON, "agent") == events
    assert upstream.connections == connections


def codex(home: Path, mode: str) -> subprocess.CompletedProcess[bytes]:
    """Let Codex answer a prompt behind `openai-replay run`."""
    arguments: Sequence[str] = [word for option in FOR_CODEX for word in ("--set", option)]
    source = ["--mode", "record", "--against-mock"] if mode == "record" else ["--fail-on-miss"]
    command = [*built(CODEX, in_ci=IN_CI), "exec", "--skip-git-repo-check", "-C", str(home / "work")]
    return subprocess.run(
        [OPENAI_REPLAY, "run", *source, *arguments, "--", *command, "-m", "gpt-4o-mini", "Say hello"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=bare_environment(home, CODEX_HOME=str(home / "codex"), CODEX_API_KEY=KEY),
        cwd=home,
        timeout=2 * CEILING_S,
        check=False,
    )


def test_codex_is_replayed_over_a_websocket(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "codex").mkdir()
    made = codex(tmp_path, "record")
    assert made.returncode == 0, made.stderr
    again = codex(tmp_path, "replay")

    assert again.returncode == 0, again.stderr
    assert again.stdout.strip() == made.stdout.strip() != b""
