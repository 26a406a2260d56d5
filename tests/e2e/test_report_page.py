"""`run --report`: the page in a real browser, JUnit and JSON beside it, and the summary of a GitHub step."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from support.proxy import CEILING_S, bare_environment
from support.requests import chat_body

from .test_against_mock import OPENAI_REPLAY, ask, run

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ASKED = json.dumps(chat_body("Say hello"))
OTHER = ASKED.replace("hello", "<i>goodbye</i>")


@pytest.fixture(scope="module")
def browser() -> str:
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is not None:
        return found
    message = f"no browser: expected one of {', '.join(BROWSERS)} on PATH"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the reports of a run in which one request was answered and one missed."""
    home = tmp_path_factory.mktemp("report")
    for body in (ASKED, ASKED.replace("hello", "nothing")):
        assert run(home, "--mode", "record", "--against-mock", command=ask(body)).returncode == 0
    program = f"{ask(ASKED)[2]}; {ask(OTHER)[2]}"
    command = [OPENAI_REPLAY, "run"]
    for name in ("run.html", "run.xml", "run.json"):
        command += ["--report", name]
    subprocess.run(
        [*command, "--", "sh", "-c", program],
        env=bare_environment(home, GITHUB_STEP_SUMMARY=str(home / "step.md")),
        cwd=home,
        capture_output=True,
        timeout=CEILING_S,
        check=True,
    )
    return home


def rendered(browser: str, home: Path, fragment: str = "") -> str:
    """Return the page's elements as the browser has them after the page's script ran."""
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    command += [f"--user-data-dir={home / 'browser'}", "--dump-dom", f"file://{home}/run.html{fragment}"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=CEILING_S, check=True)
    return ran.stdout


def shown(dom: str) -> list[str]:
    """Return the outcomes of the entries that the filters leave."""
    entries = re.findall(r"<details ([^>]*)>", dom)
    return [
        match[1]
        for entry in entries
        if "hidden" not in entry and (match := re.search(r'data-outcome="(\w+)"', entry))
    ]


def test_the_browser_shows_the_miss_and_the_conversation(browser: str, home: Path) -> None:
    dom = rendered(browser, home)
    assert shown(dom) == ["missed", "replayed"]
    assert "Hello! How can I assist you today?" in dom
    assert 'asked "Say &lt;i&gt;goodbye&lt;/i&gt;"' in dom


@pytest.mark.parametrize(
    ("fragment", "left"),
    [("#outcome=missed", ["missed"]), ("#word=assist+you", ["replayed"]), ("#word=no+such+text", [])],
)
def test_the_filters_leave_only_matching_entries(
    browser: str, home: Path, fragment: str, left: list[str]
) -> None:
    assert shown(rendered(browser, home, fragment)) == left


def test_json_junit_and_the_step_summary_agree(home: Path) -> None:
    reported = json.loads((home / "run.json").read_text())
    assert reported["totals"]["missed"] == reported["totals"]["replayed"] == 1
    assert 'failures="1"' in (home / "run.xml").read_text()
    assert "| 1 | 0 | 1 | 0 | 1 |" in (home / "step.md").read_text()


def test_a_report_that_cannot_be_written_fails_the_run(home: Path) -> None:
    result = run(home, "--report", "/dev/full", command=["true"])
    assert result.returncode == 1
    assert b"error: the report could not be written" in result.stderr


def test_a_report_in_no_folder_is_refused_before_the_command_runs(home: Path) -> None:
    result = run(home, "--report", "no/such/run.html", command=["touch", "ran"])
    expected = (
        f"openai-replay: error: --report {home}/no/such/run.html: expected a file in an existing folder\n"
    )
    assert (result.returncode, result.stderr) == (2, expected.encode())
    assert not (home / "ran").exists()
