"""`openai-replay env`, `addon` and `serve`: the uses of the command line besides a run."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.proxy import CEILING_S, ROOT, Proxy, bare_environment, proxy

OPENAI_REPLAY = str(Path(sys.executable).with_name("openai-replay"))
CHAT = '{"model": "gpt-4o", "messages": [{"role": "user", "content": "Say hello from a recording."}]}'
ASK = f"""curl -sS "${{OPENAI_BASE_URL:-https://api.openai.com/v1}}/chat/completions" -d '{CHAT}'"""


@pytest.fixture(scope="module")
def replayer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """A proxy that runs already, over the recordings of the checkout."""
    home = tmp_path_factory.mktemp("replayer")
    with proxy(home, f"recording_dir={ROOT / 'recordings'}") as running:
        yield running


def sh(script: str, home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", script.replace("openai-replay", shlex.quote(OPENAI_REPLAY))],
        capture_output=True,
        text=True,
        env=bare_environment(home, **more),
        cwd=home,
        timeout=CEILING_S,
        check=False,
    )


def test_eval_leads_a_shell_to_a_proxy_that_runs_already(replayer: Proxy) -> None:
    result = sh(f'set -e; eval "$(openai-replay env --port {replayer.port})"; {ASK}', replayer.home)
    assert json.loads(result.stdout)["object"] == "chat.completion", result.stderr
    again = f'eval "$(openai-replay env --port {replayer.port})"; '
    twice = sh(f"{again}{again}env", replayer.home).stdout.splitlines()
    once = sh(f"{again}env", replayer.home).stdout.splitlines()
    assert [line for line in twice if not line.startswith("_=")] == [
        line for line in once if not line.startswith("_=")
    ]


def test_a_test_id_is_in_the_proxys_url(replayer: Proxy) -> None:
    script = f'eval "$(openai-replay env --port {replayer.port} --test-id "a/b::c d")"; {ASK}'
    assert json.loads(sh(script, replayer.home).stdout)["object"] == "chat.completion"
    assert replayer.ask("/report?test_id=a%2Fb%3A%3Ac%20d")["totals"]["replayed"] == 1


def test_base_url_is_for_a_proxy_in_reverse_mode(tmp_path: Path) -> None:
    folder = f"recording_dir={ROOT / 'recordings'}"
    with proxy(tmp_path, folder, mode="reverse:https://api.openai.com") as running:
        result = sh(f'eval "$(openai-replay env --port {running.port} --base-url)"; {ASK}', tmp_path)
    assert json.loads(result.stdout)["object"] == "chat.completion", result.stderr


def test_the_authority_is_there_before_the_proxy_starts(tmp_path: Path) -> None:
    assert sh("openai-replay env", tmp_path).returncode == 0
    made = (tmp_path / ".mitmproxy/mitmproxy-ca-cert.pem").read_bytes()
    with proxy(tmp_path, f"recording_dir={ROOT / 'recordings'}") as running:
        assert running.ca_file.read_bytes() == made
        result = sh(f'eval "$(openai-replay env --port {running.port})"; {ASK}', tmp_path)
    assert json.loads(result.stdout)["object"] == "chat.completion", result.stderr


def test_all_formats_say_the_same(tmp_path: Path) -> None:
    variables = json.loads(sh("openai-replay env --format json", tmp_path).stdout)
    assert variables["HTTPS_PROXY"] == "http://127.0.0.1:8080"
    assert variables["OPENAI_API_KEY"] == "sk-replay-needs-no-key-0"
    for style in ("sh", "dotenv"):
        lines = sh(f"openai-replay env --format {style} >file; set -a; . ./file; env", tmp_path).stdout
        for name, value in variables.items():
            assert f"{name}={value}\n" in lines
    powershell = sh("openai-replay env --format powershell", tmp_path).stdout
    assert [line.partition(" = ")[0] for line in powershell.splitlines()] == [
        f"$env:{name}" for name in (*variables, "OPENAI_REPLAY_EARLIER_ENVIRONMENT")
    ]


def test_addon_prints_the_script_that_mitmdump_loads(tmp_path: Path) -> None:
    assert sh("openai-replay addon", tmp_path).stdout == f"{ROOT / 'addon' / 'replay.py'}\n"


def test_serve_is_a_proxy_that_takes_mitmdumps_options(tmp_path: Path) -> None:
    result = sh("openai-replay serve --version", tmp_path)
    assert result.stdout.startswith("Mitmproxy: ")
    assert "--workers N" in sh("openai-replay serve --help", tmp_path).stdout


@pytest.mark.parametrize("arguments", ["", "run", "env", "addon", "serve", "list", "show"])
def test_help_is_there(tmp_path: Path, arguments: str) -> None:
    result = sh(f"openai-replay {arguments} --help", tmp_path)
    assert result.returncode == 0
    assert result.stdout.startswith("Usage: ")
    assert os.linesep in result.stdout


IN_CI = os.environ.get("CI") == "true"
COMPANY = "http://it's \\ company.example:3128"
EVALUATE = {
    **dict.fromkeys(("dash", "bash", "zsh"), ('eval "$({})"', "")),
    "fish": ("{} | source", " --format fish"),
}


@pytest.mark.parametrize("shell", EVALUATE)
def test_each_shell_gets_the_variables_and_the_earlier_values_back(tmp_path: Path, shell: str) -> None:
    if shutil.which(shell) is None and not IN_CI:
        pytest.skip(f"{shell} is not installed")
    evaluate, style = EVALUATE[shell]
    program = f"{shlex.quote(OPENAI_REPLAY)} env{style}"
    there, back = evaluate.format(program), evaluate.format(f"{program} --unset")
    result = subprocess.run(
        [shell, "-c", f"{there}; {there}; env -0; printf '\\0'; {back}; env -0"],
        capture_output=True,
        text=True,
        env=bare_environment(tmp_path, HTTPS_PROXY=COMPANY),
        cwd=tmp_path,
        timeout=CEILING_S,
        check=True,
    )
    led, restored = (
        dict(line.partition("=")[::2] for line in part.split("\0") if line)
        for part in result.stdout.split("\0\0")
    )
    assert led["HTTPS_PROXY"] == led["https_proxy"] == "http://127.0.0.1:8080"
    assert restored["HTTPS_PROXY"] == COMPANY
    added = restored.keys() - bare_environment(tmp_path).keys() - {"HTTPS_PROXY"}
    assert not [name for name in added if "proxy" in name.lower() or "OPENAI" in name or "CERT" in name]
