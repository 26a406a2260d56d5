"""The Dockerfile and the GitHub Action: built and run where Docker is, and their commands run here in any case."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from support.proxy import CEILING_S, ROOT, bare_environment, wait_until
from support.requests import chat_body

from .test_against_mock import ask, run

BODY = json.dumps(chat_body("Say hello"))


def docker() -> str:
    """Return the path of a docker whose engine answers; skip without one: no installation can start an engine."""
    found = shutil.which("docker")
    if found is None or subprocess.run([found, "info"], capture_output=True, check=False).returncode:
        pytest.skip("no Docker engine answers")
    return found


def instructions() -> list[tuple[str, str]]:
    """Return the instructions of the Dockerfile, lines that continue joined."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in lines)]


def test_the_image_replays_as_another_user_and_says_that_it_is_healthy(tmp_path: Path) -> None:
    engine = docker()
    assert run(tmp_path, "--mode", "record", "--against-mock", command=ask(BODY)).returncode == 0
    image = subprocess.run(
        [engine, "build", "-q", str(ROOT)], capture_output=True, text=True, check=True
    ).stdout.strip()
    command = [
        engine,
        "run",
        "-d",
        "-p",
        "127.0.0.1::8080",
        "-v",
        f"{tmp_path}/recordings:/recordings:ro",
        image,
    ]
    container = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    try:
        state = [engine, "inspect", "-f", "{{.State.Health.Status}}", container]
        wait_until(lambda: subprocess.check_output(state) == b"healthy\n", "the container is healthy")
        address = subprocess.check_output([engine, "port", container, "8080"], text=True).split()[-1]
        request = urllib.request.Request(f"http://{address}/v1/chat/completions", BODY.encode())
        assert json.load(urllib.request.urlopen(request))["object"] == "chat.completion"
        assert subprocess.check_output([engine, "exec", container, "id", "-u"], text=True) == "10001\n"
    finally:
        subprocess.run([engine, "rm", "-f", container], capture_output=True, check=True)


def test_the_entry_point_and_the_health_check_of_the_image_work(tmp_path: Path) -> None:
    """The same commands without a container: on a free port, with the recordings in another folder."""
    found = dict(instructions())
    assert run(tmp_path, "--mode", "record", "--against-mock", command=ask(BODY)).returncode == 0
    entry_point: list[str] = json.loads(found["ENTRYPOINT"])
    check: list[str] = json.loads(found["HEALTHCHECK"].partition("CMD ")[2])
    assert entry_point[0] == "openai-replay"
    arguments = [word.replace("0.0.0.0", "127.0.0.1").replace("8080", "0") for word in entry_point[1:]]
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(Path(sys.executable).with_name("openai-replay")), *arguments],
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=tmp_path,
            env=bare_environment(
                tmp_path, OPENAI_RECORDING_DIR=str(tmp_path / "recordings"), PYTHONUNBUFFERED="1"
            ),
        )
    try:
        found_port = wait_until(lambda: re.search(r"listening at \S*?:(\d+)", log.read_text()), "it listens")
        assert found_port is not None
        program = [word.replace(":8080/", f":{found_port[1]}/") for word in check]
        subprocess.run([sys.executable, *program[1:]], check=True, timeout=CEILING_S)
    finally:
        process.terminate()
        process.wait(CEILING_S)


def test_the_image_does_not_run_as_root() -> None:
    users = [rest for name, rest in instructions() if name == "USER"]
    assert users == ["replay"]
    assert any(
        "useradd" in rest and "--uid 10001 replay" in rest for name, rest in instructions() if name == "RUN"
    )


def action() -> Any:
    return YAML(typ="safe").load(ROOT / "action.yml")


def test_the_action_runs_a_command_in_replay_and_leaves_the_reports(tmp_path: Path) -> None:
    assert run(tmp_path, "--mode", "record", "--against-mock", command=ask(BODY)).returncode == 0
    (step,) = (step for step in action()["runs"]["steps"] if step.get("name") == "Run the tests")
    defaults = {name: given.get("default", "") for name, given in action()["inputs"].items()}
    variables = {
        name: re.sub(
            r"\$\{\{ inputs\.(\w+) \}\}",
            lambda match: str({**defaults, "run": ask(BODY)[2]}[match[1]]),
            value,
        )
        for name, value in step["env"].items()
    }
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = bare_environment(tmp_path, **variables, RUNNER_TEMP=str(tmp_path / "temp"))
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", step["run"]],
        cwd=tmp_path,
        env={**environment, "PATH": path},
        capture_output=True,
        timeout=CEILING_S,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, b"openai-replay: 1 replayed, 0 recorded, 0 missed, 0 unused\n")
    left = sorted(file.name for file in (tmp_path / "temp" / "openai-replay").iterdir())
    assert left == ["report.html", "report.json", "report.xml"]


def test_the_action_uploads_those_reports() -> None:
    upload = action()["runs"]["steps"][-1]
    assert upload["uses"].startswith("actions/upload-artifact@")
    assert upload["with"]["path"] == "${{ runner.temp }}/openai-replay"
