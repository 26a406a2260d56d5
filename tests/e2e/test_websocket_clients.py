"""Real clients over WebSockets: a recording of one of them, over either transport, answers each of them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from clients.toolchains import CODEX, WEBSOCKET_GO, WEBSOCKET_NODE, WEBSOCKET_PYTHON, Client
from openai_replay.mock import Upstream
from support.client_runs import CONNECTIONS, Run, built, running, said_by
from support.proxy import CEILING_S, PROGRAM_NAME, bare_environment, recordings, wait_until
from support.websocket import without_expiry

OPENAI_REPLAY = str(Path(sys.executable).with_name("openai-replay"))
KEY = "sk-test-0123456789abcdef0123456789abcdef"
IN_CI = os.environ.get("CI") == "true"

# `ws`, the library of openai-node, does not read proxy variables.
WAYS = {
    "websocket-python": ("proxy", "base-url"),
    "websocket-node": ("base-url",),
    "websocket-go": ("proxy", "base-url"),
}
CLIENTS = (WEBSOCKET_PYTHON, WEBSOCKET_NODE)
FOR_CODEX = (
    "recording_ignore=input[*].id",
    "recording_ignore=input[*].internal_chat_message_metadata_passthrough",
)


@dataclass(frozen=True)
class Use:
    """A client that does a task, over HTTP or over a WebSocket."""

    client: Client
    task: str

    def __str__(self) -> str:
        return f"{self.client.name}.{self.task}"

    def says(self, run: Run, test_id: str) -> Any:
        """Return all that came back through a proxy, without the expiry of a session."""
        environment = run.environment(test_id=test_id)
        # openai-node speaks TLS to a Realtime base URL of http, too.
        environment["NODE_EXTRA_CA_CERTS"] = str(run.proxy.ca_file)
        return without_expiry(said_by([*built(self.client, in_ci=IN_CI), self.task], environment))


RESPONSES = (
    *(Use(client, task) for client in CLIENTS for task in ("responses-http", "responses")),
    Use(WEBSOCKET_GO, "responses"),
)
REALTIME = tuple(Use(client, "realtime") for client in CLIENTS)
OTHER_CUTS = Use(WEBSOCKET_PYTHON, "realtime-other-cuts")
AGENT = Use(WEBSOCKET_PYTHON, "agent")


@dataclass(frozen=True)
class Rig:
    """Proxies on one folder: a recorder and a replayer for each way to connect. Each use has its test id."""

    upstream: Upstream
    folder: Path
    recorders: Mapping[str, Run]
    replayers: Mapping[str, Run]
    seen: dict[str, Any] = field(default_factory=dict)

    def recorded(self, use: Use) -> Any:
        """Return the result of a use while recording, which is done once."""
        if str(use) not in self.seen:
            result = use.says(self.recorders[WAYS[use.client.name][0]], str(use))
            wait_until(lambda: self._is_written(use), "the recording is written")
            self.seen[str(use)] = result
        return self.seen[str(use)]

    def _is_written(self, use: Use) -> bool:
        return any(one["test_id"] == str(use) for one in recordings(self.folder).values())

    def replayed(self, use: Use, way: str, test_id: str) -> Any:
        """Return the result of a use in replay, of which upstream hears nothing."""
        connections = self.upstream.connections
        result = use.says(self.replayers[way], test_id)
        assert self.upstream.connections == connections
        return result


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    top = tmp_path_factory.mktemp("clients")
    (top / "recordings").mkdir()
    with ExitStack() as stack:
        upstream = stack.enter_context(Upstream())

        def started(way: str, option: str) -> Run:
            return stack.enter_context(running(top, way, option, upstream=upstream))

        recorders = {way: started(way, "recording_mode=record") for way in CONNECTIONS}
        replayers = {way: started(way, "recording_test_match=require") for way in CONNECTIONS}
        yield Rig(upstream, top / "recordings", recorders, replayers)


def ways(uses: Iterable[Use]) -> list[tuple[Use, str]]:
    return [(use, way) for use in uses for way in WAYS[use.client.name]]


@pytest.mark.parametrize("recorded_by", RESPONSES, ids=str)
@pytest.mark.parametrize(("use", "way"), ways(RESPONSES), ids=str)
def test_responses_are_the_same_for_each_client_over_each_transport(
    rig: Rig, recorded_by: Use, use: Use, way: str
) -> None:
    events = rig.recorded(recorded_by)

    assert events[-1]["type"] == "response.completed"
    assert rig.replayed(use, way, str(recorded_by)) == events


@pytest.mark.parametrize("recorded_by", REALTIME, ids=str)
@pytest.mark.parametrize(("use", "way"), ways((*REALTIME, OTHER_CUTS)), ids=str)
def test_a_realtime_session_is_the_same_for_each_client(
    rig: Rig, recorded_by: Use, use: Use, way: str
) -> None:
    if PROGRAM_NAME == "engine" and use.client is WEBSOCKET_NODE:
        pytest.skip("The engine takes TLS or plain HTTP on its port, not both as this client needs.")

    events = rig.recorded(recorded_by)

    assert rig.replayed(use, way, str(recorded_by)) == events


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_a_miss_is_asked_once(rig: Rig, client: Client) -> None:
    way, test_id = WAYS[client.name][0], f"miss-of-{client.name}"
    (event,) = rig.replayed(Use(client, "responses-miss"), way, test_id)
    missed = rig.replayers[way].proxy.ask("/report")["missed"]

    assert event["error"].get("error", event["error"])["code"] == "recording_not_found"
    assert [one["test_id"] for one in missed].count(test_id) == 1


def test_a_realtime_agent_is_replayed(rig: Rig) -> None:
    events = rig.recorded(AGENT)

    assert rig.replayed(AGENT, "proxy", str(AGENT)) == events


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
