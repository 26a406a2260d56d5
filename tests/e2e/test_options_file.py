"""`openai-replay.toml` in a folder of recordings: read by mitmdump, by `run` and by the pytest plugin alike."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from openai_replay.mock import Upstream
from openai_replay.options_file import NAME
from support.base_url import REVERSE, BaseURL
from support.proxy import CEILING_S, bare_environment, mitmdump_command, proxy
from support.requests import CHAT_URL, chat_body

OPENAI_REPLAY = str(Path(sys.executable).with_name("openai-replay"))
OPTIONS = """\
# What changes with each run.
ignore = ["metadata.run_id"]
redact = ['room \\d+']
"""
TEST = """
import json, os, subprocess

def test_ask(openai_replay):
    body = json.dumps({body})
    url = "{url}"
    answer = json.loads(subprocess.check_output(["curl", "-sS", url, "-d", body]))
    assert "choices" in answer, answer
"""


def request(run: str) -> dict[str, object]:
    return chat_body("Meet me in room 101.", metadata={"run_id": run})


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one recording, made by mitmdump with an options file in the folder."""
    home = tmp_path_factory.mktemp("home")
    folder = home / "recordings"
    folder.mkdir()
    (folder / NAME).write_text(OPTIONS)
    with (
        Upstream() as upstream,
        proxy(home, "recording_mode=record", upstream=upstream, mode=REVERSE) as running,
        BaseURL(running) as client,
    ):
        assert client.send(request("1")).status == 200
    [path] = folder.glob("*.json")
    assert "room 101" not in path.read_text()
    return home


def test_mitmdump_replays_by_the_same_options(recorded: Path) -> None:
    with proxy(recorded, mode=REVERSE) as running, BaseURL(running) as client:
        assert client.send(request("2")).status == 200
    # Given on the command line, an empty list is a list.
    with proxy(recorded, "recording_ignore=user", mode=REVERSE) as running, BaseURL(running) as client:
        assert client.send(request("2")).is_miss()


def test_run_replays_by_the_same_options(recorded: Path) -> None:
    body = shlex.quote(json.dumps(request("3")))
    command = f"curl -sS {CHAT_URL} -d {body}"
    result = subprocess.run(
        [OPENAI_REPLAY, "run", "--fail-on-miss", "--", "sh", "-c", command],
        capture_output=True,
        env=bare_environment(recorded),
        cwd=recorded,
        timeout=CEILING_S,
        check=False,
    )
    assert result.returncode == 0, result.stderr


def test_pytest_replays_by_the_same_options(recorded: Path) -> None:
    (recorded / "pytest.ini").write_text("[pytest]\naddopts = -p no:cacheprovider\n")
    (recorded / "test_it.py").write_text(TEST.format(url=CHAT_URL, body=request("4")))
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q"],
        capture_output=True,
        text=True,
        env=bare_environment(recorded, PYTHONDONTWRITEBYTECODE="1"),
        cwd=recorded,
        timeout=CEILING_S,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    assert "1 replayed" in result.stdout


@pytest.mark.parametrize("program", ["mitmdump", "serve", "run", "list"])
def test_a_mistake_ends_each_program_with_one_line_that_says_where(tmp_path: Path, program: str) -> None:
    (tmp_path / "recordings").mkdir()
    (tmp_path / "recordings" / NAME).write_text(OPTIONS.replace("ignore", "ignor"))
    commands = {
        "mitmdump": mitmdump_command(),
        "serve": [OPENAI_REPLAY, "serve", "--listen-host", "127.0.0.1", "-p", "0"],
        "run": [OPENAI_REPLAY, "run", "true"],
        "list": [OPENAI_REPLAY, "list"],
    }
    result = subprocess.run(
        commands[program],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=bare_environment(tmp_path),
        cwd=tmp_path,
        timeout=CEILING_S,
        check=False,
    )
    assert result.returncode != 0
    assert result.stdout.count(f"{NAME} line 2: unknown option ignor: did you mean ignore?") == 1


def test_init_writes_a_file_that_changes_nothing_and_overwrites_none(tmp_path: Path) -> None:
    def init() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [OPENAI_REPLAY, "init"],
            capture_output=True,
            text=True,
            env=bare_environment(tmp_path),
            cwd=tmp_path,
            timeout=CEILING_S,
            check=False,
        )

    path = tmp_path / "recordings" / NAME
    assert (init().stdout, path.exists()) == (f"{path}\n", True)
    path.write_text("ignore = 'kept'\n")
    again = init()
    assert again.returncode == 2
    assert f"{path}: expected no such file" in again.stderr
    assert path.read_text() == "ignore = 'kept'\n"
