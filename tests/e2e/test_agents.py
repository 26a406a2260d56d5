"""Agents that make their requests themselves: the Agents SDKs with tools and a hand-off, and Codex."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from clients.toolchains import AGENTS, CODEX, Client
from support.client_runs import built
from support.proxy import CEILING_S, bare_environment

OPENAI_REPLAY = str(Path(sys.executable).with_name("openai-replay"))
KEY = "sk-test-0123456789abcdef0123456789abcdef"
IN_CI = os.environ.get("CI") == "true"

# Codex falls back to server-sent events at once; the preset leaves out the values that it makes up in each run.
FOR_CODEX = ("recording_websocket=refuse", "recording_ignore=@codex")


def run(
    home: Path, command: Sequence[str], *arguments: str, **variables: str
) -> subprocess.CompletedProcess[bytes]:
    """Run a command behind `openai-replay run` in an environment that is otherwise empty."""
    return subprocess.run(
        [OPENAI_REPLAY, "run", *arguments, "--", *command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=bare_environment(home, **variables),
        cwd=home,
        timeout=2 * CEILING_S,
        check=False,
    )


@pytest.mark.parametrize("client", AGENTS, ids=lambda client: client.name)
def test_agents_with_tools_and_a_hand_off_are_replayed(client: Client, tmp_path: Path) -> None:
    command = built(client, in_ci=IN_CI)
    recorded = run(tmp_path, command, "--mode", "record", "--against-mock", OPENAI_API_KEY=KEY)
    assert b"0 replayed, 4 recorded, 0 missed, 0 unused" in recorded.stderr, recorded.stderr
    answers = json.loads(recorded.stdout)
    assert [answer["agent"] for answer in answers] == ["Weather expert", "Weather expert"]
    assert "tool_call_item" in answers[0]["items"]
    assert "handoff_output_item" in answers[1]["items"]

    replayed = run(tmp_path, command, "--fail-on-miss", "--fail-on-unused", OPENAI_API_KEY=KEY)
    assert replayed.returncode == 0, replayed.stderr
    assert json.loads(replayed.stdout) == answers
    assert replayed.stderr.endswith(b"openai-replay: 4 replayed, 0 recorded, 0 missed, 0 unused\n")


def test_codex_is_replayed(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "codex").mkdir()
    command = [*built(CODEX, in_ci=IN_CI), "exec", "--skip-git-repo-check"]
    command += ["-C", str(tmp_path / "work"), "-m", "gpt-4o-mini", "Say hello"]
    options = [word for option in FOR_CODEX for word in ("--set", option)]
    variables = {"CODEX_HOME": str(tmp_path / "codex"), "CODEX_API_KEY": KEY}

    recorded = run(tmp_path, command, "--mode", "record", "--against-mock", *options, **variables)
    assert recorded.returncode == 0, recorded.stderr
    assert KEY.encode() not in recorded.stderr
    answer = recorded.stdout.strip()
    assert answer

    replayed = run(tmp_path, command, "--fail-on-miss", *options, **variables)
    assert replayed.returncode == 0, replayed.stderr
    assert replayed.stdout.strip() == answer
