"""The examples of addon/PACING_AND_FAULTS.md are run as they stand, and meet the faults and pauses that they name."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clients.toolchains import client_named
from openai_replay.trouble.fault_rules import parse_fault
from openai_replay.trouble.pacing import parse_pacing
from support.both import Both, both
from support.proxy import CEILING_S, ROOT, Proxy, curl, proxy
from support.requests import CHAT_URL, chat_body

PAGE = (ROOT / "addon" / "PACING_AND_FAULTS.md").read_text(encoding="utf-8")
HELLO: dict[str, Any] = chat_body("Hello")


def example(language: str) -> str:
    [code] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(code)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    with both(tmp_path_factory.mktemp("page")) as proxies:
        for body in (HELLO, {**HELLO, "stream": True}):
            url = CHAT_URL
            assert curl(proxies.recorder, url, "-d", json.dumps(body)).returncode == 0
        proxies.recorder.ask("/report")
        yield proxies


@pytest.fixture
def replayer(recorded: Both, tmp_path: Path) -> Iterator[Proxy]:
    with proxy(tmp_path / "home", f"recording_dir={recorded.folder}") as running:
        yield running


def assert_met_trouble(replayer: Proxy) -> None:
    report = replayer.ask("/report")
    assert report["faulted"] == [{"fault": "rate_limit", "test_id": None, "times": 2}]
    assert report["paced"] == [{"test_id": None, "times": 1}]


def test_the_python_example(replayer: Proxy, tmp_path: Path) -> None:
    (tmp_path / "test_trouble.py").write_text(example("python"))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:openai_replay", "test_trouble.py"],
        cwd=tmp_path,
        env=replayer.environment(),
        capture_output=True,
        timeout=CEILING_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout.decode()
    assert b"2 passed" in done.stdout
    assert_met_trouble(replayer)


def test_the_node_example(replayer: Proxy) -> None:
    client = client_named("openai-node")
    if (reason := client.available()) and os.environ.get("CI") != "true":
        pytest.skip(reason)
    executable, program = client.build()
    done = subprocess.run(
        [executable, "--input-type=module", "-"],
        input=example("js").encode(),
        cwd=Path(program).parent,  # where the package is found
        env=replayer.environment(NODE_USE_ENV_PROXY="1"),
        capture_output=True,
        timeout=CEILING_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout.decode()
    assert_met_trouble(replayer)


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
