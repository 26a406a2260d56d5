"""`env`: its variables, and how they are taken back."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from openai_replay.launch.cli import main
from openai_replay.launch.environment import DUMMY_KEY


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_BASE", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def variables(*arguments: str) -> dict[str, str | None]:
    result = CliRunner().invoke(main, ["env", "--format", "json", *arguments])
    assert result.exit_code == 0, result.output
    made: dict[str, str | None] = json.loads(result.output)
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
