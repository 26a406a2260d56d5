"""The pytest plugin, by running pytest on a small project."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from openai_replay.mock import Upstream
from support.proxy import CEILING_S, ROOT, bare_environment, proxy, recordings

CLIENT = """
import json, os, subprocess

URL = os.environ.get("OPENAI_BASE_URL", "https://api.openai.com/v1")

def ask(text):
    body = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": text}]})
    url = os.environ.get("OPENAI_BASE_URL", "https://api.openai.com/v1") + "/chat/completions"
    answer = json.loads(subprocess.check_output(["curl", "-sS", url, "-d", body]))
    assert "error" not in answer, answer["error"]
    return answer["choices"][0]["message"]["content"]
"""

TESTS = """
import os
import pytest
from client import ask

@pytest.mark.parametrize("text", ["one", "two/three", "four 100%"])
def test_ask(openai_replay, text):
    assert openai_replay.test_id == f"test_it.py::test_ask[{text}]"
    assert text in ask(text)
    assert openai_replay.report()["totals"]["missed"] == 0

def test_without(request):
    assert "127.0.0.1" not in os.environ.get("HTTPS_PROXY", "") + os.environ.get("OPENAI_BASE_URL", "")
"""


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """What a machine needs whose only way out is a proxy."""
    with Upstream() as upstream:
        home = tmp_path_factory.mktemp("company")
        with proxy(home, "recording_mode=live", upstream=upstream) as running:
            yield {"ALL_PROXY": running.url, "SSL_CERT_FILE": str(running.ca_file)}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -p no:cacheprovider\n")
    (tmp_path / "client.py").write_text(CLIENT)
    (tmp_path / "test_it.py").write_text(TESTS)
    return tmp_path


def run_pytest(
    project: Path, *arguments: str, variables: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", *arguments],
        capture_output=True,
        text=True,
        env=bare_environment(project, PYTHONDONTWRITEBYTECODE="1", **(variables or {})),
        cwd=project,
        timeout=CEILING_S * 2,
        check=False,
    )


def summary(result: subprocess.CompletedProcess[str]) -> str:
    """Return the line of the terminal summary that counts, "" when there is none."""
    match = re.search(r"^\d+ replayed, .*$", result.stdout, re.MULTILINE)
    return match[0] if match else ""


def test_a_recorded_project_replays_with_workers_and_reruns(
    project: Path, company: Mapping[str, str]
) -> None:
    recorded = run_pytest(project, "--recording-mode", "record", variables=company)
    assert recorded.returncode == 0, recorded.stdout
    assert summary(recorded) == "0 replayed, 3 recorded, 0 missed, 0 unused"
    of_tests = {recording["test_id"] for recording in recordings(project / "recordings").values()}
    assert of_tests == {f"test_it.py::test_ask[{text}]" for text in ("one", "two/three", "four 100%")}
    for arguments in ([], ["-n", "2"], ["--recording-base-url"], ["-n", "2", "--recording-base-url"]):
        replayed = run_pytest(project, *arguments)
        assert replayed.returncode == 0, replayed.stdout
        assert summary(replayed) == "3 replayed, 0 recorded, 0 missed, 0 unused"


def test_workers_record_through_one_proxy(project: Path, company: Mapping[str, str]) -> None:
    recorded = run_pytest(project, "-n", "2", "--recording-mode", "record", variables=company)
    assert recorded.returncode == 0, recorded.stdout
    assert summary(recorded) == "0 replayed, 3 recorded, 0 missed, 0 unused"
    assert len(recordings(project / "recordings")) == 3


POLL = """
from client import ask

attempts = []

def poll():
    return [ask("how far?"), ask("how far?")]

def test_first(openai_replay):
    attempts.append(poll())
    openai_replay.proxy.reset(openai_replay.test_id)
    attempts.append(poll())
    assert attempts[0] == attempts[1] == ["recorded first", "recorded second"]

def test_second(openai_replay):
    assert poll() == ["recorded first", "recorded second"]
"""


def test_each_test_begins_its_repeats_anew_also_when_it_is_run_again(
    project: Path, company: Mapping[str, str]
) -> None:
    (project / "test_it.py").write_text(POLL)
    run_pytest(project, "--recording-mode", "record", "-k", "first", variables=company)
    (name,) = recordings(project / "recordings")
    first = project / "recordings" / name
    content = json.loads(first.read_bytes())
    for path, text in ((first, "recorded first"), (first.with_stem(f"{first.stem}-2"), "recorded second")):
        content["response"]["body"]["__data__"]["choices"][0]["message"]["content"] = text
        path.write_text(json.dumps(content))
    assert run_pytest(project).returncode == 0
    # Twice in one run, as a plugin for reruns does it.
    (project / "conftest.py").write_text(
        "import pytest\n"
        "from _pytest.runner import runtestprotocol\n"
        "def pytest_runtest_protocol(item, nextitem):\n"
        "    runtestprotocol(item, nextitem=nextitem, log=False)\n"
        "    item._initrequest()\n"
    )
    result = run_pytest(project)
    assert result.returncode == 0, result.stdout


def test_a_failing_test_shows_what_it_missed(project: Path) -> None:
    shutil.copytree(ROOT / "recordings", project / "recordings")
    (project / "test_it.py").write_text(
        "from client import ask\ndef test_it(openai_replay):\n    ask('Say hallo from a recording.')\n"
    )
    for arguments in ([], ["-n", "1"]):
        result = run_pytest(project, *arguments)
        assert result.returncode == 1
        assert "- openai-replay: no recording -" in result.stdout
        assert "No recording for POST /v1/chat/completions (request " in result.stdout
        difference = '"Say hello from a recording.", asked "Say hallo from a recording."'
        assert f"    messages[0].content: recorded {difference}" in result.stdout
        assert summary(result).startswith("0 replayed, 0 recorded, 1 missed, ")


def test_an_ini_option_records_every_test(project: Path) -> None:
    shutil.copytree(ROOT / "recordings", project / "elsewhere")
    (project / "pytest.ini").write_text("[pytest]\nopenai_replay = true\nrecording_dir = elsewhere\n")
    (project / "test_it.py").write_text(
        "from client import ask\ndef test_it():\n    ask('Say hello from a recording.')\n"
    )
    result = run_pytest(project)
    assert result.returncode == 0, result.stdout
    assert summary(result).startswith("1 replayed, ")


def test_a_run_that_asks_for_nothing_starts_nothing(project: Path) -> None:
    for arguments in ([], ["-n", "2"]):
        result = run_pytest(project, *arguments, "-k", "without")
        assert result.returncode == 0, result.stdout
        assert summary(result) == ""
        assert "= openai-replay =" not in result.stdout
    assert not (project / ".local").exists()


def test_what_makes_no_sense_fails_the_tests_that_ask(project: Path) -> None:
    result = run_pytest(project)
    assert result.returncode == 1
    assert "openai-replay: recording_dir=" in result.stdout
    assert "expected an existing folder to replay from" in result.stdout
    assert "3 errors" in result.stdout
    result = run_pytest(project, "--recording-mode", "reply")
    assert result.returncode == 4
    assert "invalid choice: 'reply'" in result.stderr
