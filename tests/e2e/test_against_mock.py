"""The mock API without a key: `run --against-mock` records from it, `mock` serves it for a base URL."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.proxy import CEILING_S, bare_environment, recordings
from support.requests import CHAT_URL, streamed_chat_body

OPENAI_REPLAY = str(Path(sys.executable).with_name("openai-replay"))
STREAM = json.dumps(streamed_chat_body("Say hello"))
SAYS_MOCK = (
    b"openai-replay: The mock API answers for api.openai.com, *.api.openai.com: its texts are made up, "
    b"and no key is needed.\n"
)


def run(home: Path, *arguments: str, command: list[str]) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [OPENAI_REPLAY, "run", *arguments, "--", *command],
        capture_output=True,
        env=bare_environment(home),
        cwd=home,
        timeout=CEILING_S,
        check=False,
    )


def ask(body: str, url: str = CHAT_URL) -> list[str]:
    # A program needs the key that its SDK insists on: one must be set.
    program = f'curl -sSN {shlex.quote(url)} -H "authorization: Bearer ${{OPENAI_API_KEY:?}}" -d {shlex.quote(body)}'
    return ["sh", "-c", program]


def test_an_exchange_recorded_from_the_mock_is_replayed_as_one_of_the_api(tmp_path: Path) -> None:
    recorded = run(tmp_path, "--mode", "record", "--against-mock", command=ask(STREAM))
    assert (recorded.returncode, recorded.stdout.endswith(b"data: [DONE]\n\n")) == (0, True)
    assert recorded.stderr == SAYS_MOCK + b"openai-replay: 0 replayed, 1 recorded, 0 missed, 0 unused\n"
    (recording,) = recordings(tmp_path / "recordings").values()
    assert recording["request"]["url"] == CHAT_URL
    replayed = run(tmp_path, command=ask(STREAM))
    assert replayed.stderr == b"openai-replay: 1 replayed, 0 recorded, 0 missed, 0 unused\n"
    assert replayed.stdout.count(b"data: ") == recorded.stdout.count(b"data: ")


def test_with_a_base_url_the_mock_answers_too(tmp_path: Path) -> None:
    command = [
        "sh",
        "-c",
        f'curl -sS "$OPENAI_BASE_URL/chat/completions" -H "authorization: Bearer x" -d {shlex.quote(STREAM)}',
    ]
    result = run(tmp_path, "--mode", "record", "--against-mock", "--base-url", command=command)
    assert result.stderr == SAYS_MOCK + b"openai-replay: 0 replayed, 1 recorded, 0 missed, 0 unused\n"


def test_the_mock_answers_for_no_other_host_and_other_model_apis_are_refused(tmp_path: Path) -> None:
    command = "curl -sS https://an-ordinary-host.invalid/; curl -sS https://api.anthropic.com/"
    result = run(tmp_path, "--mode", "record", "--against-mock", command=["sh", "-c", command])
    said = (
        b"the mock stands in for api.openai.com, *.api.openai.com; api.anthropic.com is not one of its hosts"
    )
    assert said in result.stderr
    assert b"certificate" not in result.stderr, "the mock's names other hosts"


def test_replay_does_not_take_the_mock(tmp_path: Path) -> None:
    (tmp_path / "recordings").mkdir()
    result = run(tmp_path, "--against-mock", command=["true"])
    expected = b"--against-mock: expected --mode record, record-if-missing or live; replay asks no API"
    assert (result.returncode, result.stderr) == (2, b"openai-replay: error: " + expected + b"\n")


@contextmanager
def mock(home: Path, *arguments: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run `openai-replay mock`, and yield the base URL that it prints."""
    command = [OPENAI_REPLAY, "mock", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=bare_environment(home)) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "This is a mock of the OpenAI API: its answers are made up.\n"
            yield process.stdout.readline().strip().removeprefix("OPENAI_BASE_URL="), process
        finally:
            process.terminate()


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_the_mock_serves_a_base_url_until_it_is_told_to_end(tmp_path: Path, end: signal.Signals) -> None:
    with mock(tmp_path) as (base_url, process):
        curl = ["curl", "-sS", f"{base_url}/chat/completions", "-H", "authorization: Bearer x", "-d", STREAM]
        assert subprocess.run(curl, capture_output=True, check=True).stdout.endswith(b"data: [DONE]\n\n")
        process.send_signal(end)
        assert process.wait(CEILING_S) == 0


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with mock(tmp_path) as (base_url, _):
        port = base_url.removesuffix("/v1").rpartition(":")[2]
        second = subprocess.run(
            [OPENAI_REPLAY, "mock", "--port", port],
            capture_output=True,
            env=bare_environment(tmp_path),
            check=False,
        )
    assert (second.returncode, second.stdout) == (1, b"")
    assert second.stderr == f"Error: --port {port}: expected a free port, Address already in use\n".encode()


def test_log_shows_a_line_per_request(tmp_path: Path) -> None:
    recorded = run(tmp_path, "--mode", "record", "--against-mock", "--log", command=ask(STREAM))
    (name,) = (path.name for path in (tmp_path / "recordings").glob("*.json"))
    shown = rf"POST /v1/chat/completions gpt-4o  {name[:12]}….json  \d+ chunks  \d+ ms\n"
    assert re.search(rf"openai-replay: \d\d:\d\d:\d\d recorded  {shown}", recorded.stderr.decode())
    replayed = run(tmp_path, "--log", command=ask(STREAM))
    assert re.search(rf"openai-replay: \d\d:\d\d:\d\d replayed  {shown}", replayed.stderr.decode())
    missed = run(tmp_path, "--log", command=ask(STREAM.replace("hello", "goodbye")))
    assert re.search(
        r"openai-replay: \d\d:\d\d:\d\d missed  POST /v1/chat/completions gpt-4o\n", missed.stderr.decode()
    )


def test_an_unused_recording_that_fails_the_run_is_named_with_its_prompt(tmp_path: Path) -> None:
    run(tmp_path, "--mode", "record", "--against-mock", "--test-id", "a", command=ask(STREAM))
    (name,) = (path.name for path in (tmp_path / "recordings").glob("*.json"))
    result = run(tmp_path, "--fail-on-unused", command=["true"])
    assert result.returncode == 1
    assert f'    {name}  a  "Say hello"\n' in result.stderr.decode()
