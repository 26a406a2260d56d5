"""The commands of the README, word for word, in an empty folder and an empty environment."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from support.proxy import ROOT, bare_environment

README = (ROOT / "README.md").read_text(encoding="utf-8")
TRIAL, INSTALL, RECORD, REPLAY = (
    block for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) if not block.startswith("scripts/")
)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the checkout's .venv and a program that asks the API once."""
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    return tmp_path


def ran(checkout: Path, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-ec", script],
        cwd=checkout,
        env=bare_environment(checkout, **variables),
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_trial_records_shows_replays_and_misses(checkout: Path) -> None:
    result = ran(checkout, TRIAL)
    assert result.returncode == 0, result.stderr
    summaries = re.findall(
        r"openai-replay: (\d replayed, \d recorded, \d missed, \d unused)\n", result.stderr
    )
    assert summaries == [
        "0 replayed, 1 recorded, 0 missed, 0 unused",
        "1 replayed, 0 recorded, 0 missed, 0 unused",
        "0 replayed, 0 recorded, 1 missed, 1 unused",
    ]
    assert 'messages[0].content: recorded "Say hello", asked "Say goodbye"' in result.stderr
    assert "Say hello" in result.stdout  # as `show` prints the request
    assert not (checkout / "ask.sh").exists(), "the checkout stays clean"


def test_record_and_replay_work_on_any_command(checkout: Path) -> None:
    path = f'export PATH="{ROOT}/.venv/bin:$PATH"\n'
    ran(checkout, TRIAL.partition("openai-replay run")[0].replace('cd "$(mktemp -d)"\n', ""))
    (checkout / "run-my-tests").write_text("#!/bin/sh\nexec sh ask.sh\n")
    (checkout / "run-my-tests").chmod(0o755)
    record = RECORD.replace("--mode record", "--mode record --against-mock")  # no network here
    recorded = ran(checkout, path + record)
    assert "0 replayed, 1 recorded, 0 missed, 0 unused" in recorded.stderr
    assert "sk-…" not in "".join(file.read_text() for file in (checkout / "recordings").glob("*.json"))
    assert "1 replayed, 0 recorded, 0 missed, 0 unused" in ran(checkout, path + REPLAY).stderr


def test_the_commands_and_options_that_the_text_names_exist(checkout: Path) -> None:
    commands = set(re.findall(r"`openai-replay ([a-z]+)", README))
    for command in commands:
        help_text = ran(checkout, f'"{ROOT}/.venv/bin/openai-replay" {command} --help')
        assert help_text.returncode == 0, command
    help_of_run = ran(checkout, f'"{ROOT}/.venv/bin/openai-replay" run --help').stdout
    for option in ("--log", "--report", "--base-url", "--against-mock", "--dir", "--fail-on-no-request"):
        assert option in README
        assert option in help_of_run


def test_the_readme_says_how_to_install() -> None:
    assert INSTALL.startswith("uv tool install .")
