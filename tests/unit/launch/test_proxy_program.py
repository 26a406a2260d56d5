"""The program that runs a proxy for a test runner."""

import sys
from pathlib import Path

import pytest

from openai_replay.launch.proxy_program import ProxyDescription, ProxyProgram, program
from openai_replay.launch.running_proxy import ProxyFailed

DESCRIBED = {
    "port": 1,
    "is_reverse": False,
    "url": "http://openai-replay-test-id:any@127.0.0.1:1",
    "mode": "replay",
    "directory": "/recordings",
    "hosts": ["api.openai.com"],
    "environment": {"HTTPS_PROXY": "http://openai-replay-test-id:any@127.0.0.1:1", "GONE": None},
    "unrecorded_base_url": "",
    "without_key": "",
}


def script(folder: Path, text: str) -> list[str]:
    path = folder / "program"
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(0o755)
    return [str(path)]


def test_a_description_has_a_place_for_the_test_id() -> None:
    described = ProxyDescription.from_json(DESCRIBED)
    assert described.url_for("a/b::c d") == "http://a%2Fb%3A%3Ac%20d:any@127.0.0.1:1"
    environment = described.environment_for("t", {"GONE": "x", "KEPT": "y"})
    assert environment == {"KEPT": "y", "HTTPS_PROXY": "http://t:any@127.0.0.1:1"}


def test_the_program_says_where_its_proxy_is_and_ends_with_its_input(tmp_path: Path) -> None:
    text = f"""
import json, sys
print(json.dumps({{**{DESCRIBED!r}, "arguments": sys.argv[1:]}}), flush=True)
print("openai-replay: a warning", file=sys.stderr, flush=True)
sys.stdin.read()
"""
    running = ProxyProgram(script(tmp_path, text), ["--base-url"], {})
    described = running.start()
    assert described["arguments"] == ["proxy", "--test-id", "openai-replay-test-id", "--base-url"]
    running.stop()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "import sys; sys.exit('openai-replay: error: recording_mode=x: expected y')",
            "recording_mode=x: expected y",
        ),
        ("import sys; sys.exit('Traceback')", "the proxy did not start\nTraceback"),
    ],
)
def test_a_program_that_ends_instead_says_why(tmp_path: Path, text: str, reason: str) -> None:
    running = ProxyProgram(script(tmp_path, text), [], {})
    with pytest.raises(ProxyFailed) as caught:
        running.start()
    assert str(caught.value) == reason
    running.stop()


def test_a_program_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    running = ProxyProgram([str(tmp_path / "none")], [], {})
    with pytest.raises(ProxyFailed, match="none cannot be run: No such file or directory"):
        running.start()
    running.stop()


def test_the_configured_program_counts_and_else_this_package() -> None:
    assert program("/opt/openai-replay") == ["/opt/openai-replay"]
    assert program("") == [sys.executable, "-P", "-m", "openai_replay"]
