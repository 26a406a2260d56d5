"""The examples of addon/PACING_AND_FAULTS.md are run as they stand, and meet the faults and pauses that they name."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from clients.toolchains import client_named
from openai_replay.trouble.fault_rules import parse_fault
from openai_replay.trouble.pacing import parse_pacing
from support.proxy import CEILING_S, ROOT, bare_environment

PAGE = (ROOT / "addon" / "PACING_AND_FAULTS.md").read_text(encoding="utf-8")
[RECORD, REPLAY_IN_PYTHON, REPLAY_IN_NODE] = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
[LAST_LINE] = re.findall(r"Both runs end with `(.*)`", PAGE)


def example(language: str) -> str:
    [code] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(code)


def ran(folder: Path, script: str, *program_folders: Path) -> subprocess.CompletedProcess[str]:
    """Run commands of the page with the checkout's programs, and with other programs in front of them."""
    path = os.pathsep.join(map(str, (*program_folders, ROOT / ".venv" / "bin", os.environ["PATH"])))
    return subprocess.run(
        ["sh", "-ec", script],
        cwd=folder,
        env={**bare_environment(folder), "PATH": path},
        capture_output=True,
        text=True,
        timeout=CEILING_S,
        check=False,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the page's recordings were made."""
    path = tmp_path_factory.mktemp("page")
    recorded = ran(path, RECORD)
    assert "0 replayed, 2 recorded, 0 missed, 0 unused" in recorded.stderr
    return path


def assert_met_trouble(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"openai-replay: {LAST_LINE}\n" in done.stderr
    assert "0 missed" in done.stderr


def test_the_python_example(folder: Path) -> None:
    (folder / "test_trouble.py").write_text(example("python"))
    done = ran(folder, REPLAY_IN_PYTHON)
    assert "2 passed" in done.stdout
    assert_met_trouble(done)


def test_the_node_example(folder: Path) -> None:
    client = client_named("openai-node")
    if (reason := client.available()) and os.environ.get("CI") != "true":
        pytest.skip(reason)
    executable, program = client.build()
    (folder / "node_modules").symlink_to(Path(program).parent / "node_modules")
    (folder / "trouble.test.mjs").write_text(example("js"))
    assert_met_trouble(ran(folder, REPLAY_IN_NODE, Path(executable).parent))


def test_a_run_says_at_its_start_at_each_request_and_at_its_end_that_answers_are_changed(
    folder: Path,
) -> None:
    options = (
        "--set recording_pacing=ttft=10ms,gap=3ms --set 'recording_faults=error=503;first=1;model=gpt-4o'"
    )
    said = ran(folder, f"openai-replay run --log {options} -- sh hello.sh || true").stderr
    ours = [line for line in said.splitlines() if line.startswith("openai-replay: ")]

    assert ours[0].endswith(
        "Recorded answers are not sent as they were: recording_pacing=ttft=10ms,gap=3ms, "
        "recording_faults=error=503;first=1;model=gpt-4o."
    )
    assert ours[1].endswith("ms  fault error=503;first=1;model=gpt-4o")
    assert "openai-replay: answers were changed on purpose: 2 with error" in ours
    assert ours[-1].endswith(", 2 faulted")


ASKING_TEST = """
import openai, pytest

def test_it(openai_replay):
    with pytest.raises(openai.RateLimitError):
        hello = [{"role": "user", "content": "Hello"}]
        openai.OpenAI(max_retries=0).chat.completions.create(model="gpt-4o", messages=hello)
"""


def test_pytest_says_in_its_summary_that_answers_were_changed(folder: Path) -> None:
    (folder / "test_asking.py").write_text(ASKING_TEST)
    said = ran(folder, "OPENAI_RECORDING_FAULTS=rate_limit pytest test_asking.py").stdout

    assert "Recorded answers are not sent as they were: recording_faults=rate_limit." in said
    assert "\nanswers were changed on purpose: 1 with rate_limit\n" in said
    assert "1 passed" in said


def test_each_fault_of_the_table_is_one() -> None:
    table = PAGE.partition("| fault |")[2].partition("\n\n")[0]
    rules = re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)
    assert len({parse_fault(rule).kind for rule in rules}) == len(rules) == 8


def test_each_condition_of_the_table_is_one() -> None:
    table = PAGE.partition("| condition |")[2].partition("\n\n")[0]
    conditions = re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)
    assert [parse_fault(f"rate_limit;{condition}").text for condition in conditions] != []


def test_each_pacing_of_the_table_is_one() -> None:
    table = PAGE.partition("## Pacing\n")[2].partition("\n\nRecorded delays")[0]
    values = [
        value for row in re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE) for value in row.split(", ")
    ]
    assert [parse_pacing(value.strip("`")).text for value in values] == [value.strip("`") for value in values]
