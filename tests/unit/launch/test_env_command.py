"""`env`: its variables, and how they are taken back."""

import json
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from openai_replay.launch.cli import main
from openai_replay.launch.environment import DUMMY_KEY
from unit.launch.test_old_node import node


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_BASE", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def variables(*arguments: str) -> dict[str, str | None]:
    result = CliRunner().invoke(main, ["env", "--format", "json", *arguments])
    assert result.exit_code == 0, result.output
    made: dict[str, str | None] = json.loads(result.stdout)
    return made


def test_unset_takes_back_each_variable_that_env_sets(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = variables()
    assert made["HTTPS_PROXY"] == "http://127.0.0.1:8080"
    assert made["OPENAI_API_KEY"] == DUMMY_KEY
    for name, value in made.items():
        monkeypatch.setenv(name, value or "")
    taken_back = variables("--unset")
    assert taken_back == dict.fromkeys(made)


def test_unset_keeps_a_key_of_the_users(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-mine")
    assert "OPENAI_API_KEY" not in variables("--unset")


def test_unset_gives_the_users_base_url_back(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "https://mine.example/v1")
    for name, value in variables("--base-url").items():
        monkeypatch.setenv(name, value or "")
    assert variables("--base-url", "--unset")["OPENAI_BASE_URL"] == "https://mine.example/v1"


def test_a_port_without_a_proxy_is_said_beside_the_variables(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        listening = CliRunner().invoke(main, ["env", "--port", port])
    closed = CliRunner().invoke(main, ["env", "--port", port])
    assert closed.stdout == listening.stdout
    said = f"openai-replay: warning: nothing listens on 127.0.0.1:{port} yet; `openai-replay serve -p {port}` does"
    assert said in closed.stderr
    assert said not in listening.stderr


def test_a_node_that_ignores_proxies_is_said(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", node(tmp_path, "v20.1.0")["PATH"])
    said = "openai-replay: warning: the node on PATH, v20.1.0, ignores proxies"
    assert said in CliRunner().invoke(main, ["env"]).stderr
    assert said not in CliRunner().invoke(main, ["env", "--base-url"]).stderr
    assert CliRunner().invoke(main, ["env", "--unset"]).stderr == ""
