"""Mistakes end mitmdump at its start; else it starts with any options, environment, folders and packages."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

from openai_replay.mock import Upstream
from openai_replay.options import OPTIONS
from support.proxy import (
    CEILING_S,
    MITMDUMP,
    REPLAY_SCRIPT,
    ROOT,
    Proxy,
    bare_environment,
    curl,
    mitmdump_command,
    proxy,
    recordings,
    wait_until,
)
from support.requests import CHAT_URL, chat_body

CHAT = json.dumps(chat_body("Say hello"))
MODES = "expected one of replay, record, record-if-missing, live"
MATCHES = "expected one of prefer, require"
NAMES = ", ".join(sorted(option.name for option in OPTIONS))
HOST_FORM = "expected a host name without scheme or path, such as api.openai.com, *.openai.azure.com or localhost:11434"

# Mistakes in an option's value: the option, its value, and the line that says so. {cwd} is where mitmdump runs.
WRONG_VALUES = [
    ("recording_mode", "replya", f"recording_mode='replya': {MODES}"),
    ("recording_mode", "Record", f"recording_mode='Record': {MODES}"),
    (
        "recording_dir",
        "nowhere",
        "recording_dir='nowhere': expected an existing folder to replay from, {cwd}/nowhere does not exist "
        "(record first, with mitmdump --set recording_mode=record …)",
    ),
    ("recording_dir", "a-file", "recording_dir='a-file': expected a folder, {cwd}/a-file is a file"),
    (
        "recording_hosts",
        "https://api.openai.com/v1",
        f"recording_hosts='https://api.openai.com/v1': {HOST_FORM}",
    ),
    ("recording_hosts", "api.*.com", f"recording_hosts='api.*.com': {HOST_FORM}"),
    ("recording_test_match", "always", f"recording_test_match='always': {MATCHES}"),
    (
        "recording_ignore",
        "messages[",
        "recording_ignore='messages[': expected a path such as metadata.run_id or messages[*].content, "
        "stopped at character 9",
    ),
    (
        "recording_ignore",
        "user=(",
        "recording_ignore='user=(': expected a regular expression after '=', "
        "missing ), unterminated subpattern at position 0",
    ),
    (
        "recording_redact",
        "[",
        "recording_redact='[': expected a regular expression, unterminated character set at position 0",
    ),
    (
        "recording_redact",
        "a*",
        "recording_redact='a*': expected an expression that does not match the empty text",
    ),
    (
        "recording_report",
        "nowhere/report.json",
        "recording_report='nowhere/report.json': expected a file in an existing folder",
    ),
]

# Unknown names, and the remark on each in the line.
WRONG_NAMES = [
    ("recording_moed", "did you mean recording_mode?"),
    ("recordings_dir", "did you mean recording_dir?"),
    ("recoding_mode", "did you mean recording_mode?"),
    ("recording_zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz", f"expected one of {NAMES}"),
]


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    """A folder with all files for a correct start, and a file."""
    (tmp_path / "recordings").mkdir()
    (tmp_path / "a-file").touch()
    return tmp_path


def refused_start(cwd: Path, *options: str, mode: str = "", **environment: str) -> list[str]:
    """Start mitmdump, which must end by itself with a failure; return its log."""
    ended = subprocess.run(
        mitmdump_command(*options, mode=mode),
        capture_output=True,
        env=bare_environment(cwd, **environment),
        cwd=cwd,
        timeout=CEILING_S,
        check=False,
    )
    assert ended.returncode == 1, (ended.returncode, ended.stdout, ended.stderr)
    lines = [re.sub(r"^\[[\d:.]+\] ", "", line) for line in ended.stdout.decode().splitlines()]
    return [line for line in lines if not line.startswith("Loading script ") and " listening at " not in line]


@pytest.mark.parametrize(("name", "value", "line"), WRONG_VALUES)
@pytest.mark.parametrize("source", ["option", "environment"])
def test_a_value_that_makes_no_sense_ends_mitmdump_with_one_line(
    cwd: Path, source: str, name: str, value: str, line: str
) -> None:
    expected = [line.format(cwd=cwd) if "{cwd}" in line else line]
    if source == "option":
        assert refused_start(cwd, f"{name}={value}") == expected
    else:
        assert refused_start(cwd, **{f"OPENAI_{name.upper()}": value}) == expected


@pytest.mark.parametrize(("name", "hint"), WRONG_NAMES)
def test_a_misspelt_option_ends_mitmdump(cwd: Path, name: str, hint: str) -> None:
    assert refused_start(cwd, f"{name}=record") == [f"unknown option {name}: {hint}"]


@pytest.mark.parametrize(("name", "hint"), WRONG_NAMES)
def test_a_misspelt_variable_ends_mitmdump(cwd: Path, name: str, hint: str) -> None:
    variable = f"OPENAI_{name.upper()}"
    upper_hint = re.sub(r"recording_\w+", lambda match: f"OPENAI_{match[0].upper()}", hint)
    line = f"unknown environment variable {variable}: {upper_hint}"
    assert refused_start(cwd, **{variable: "record"}) == [line]


def test_two_values_for_one_option_end_mitmdump_instead_of_passing_everything_on(cwd: Path) -> None:
    line = "recording_mode: expected one value, got 'replay', 'live'"
    assert refused_start(cwd, "recording_mode=replay", "recording_mode=live") == [line]


def test_a_base_url_proxy_of_a_host_that_is_not_recorded_ends_mitmdump(cwd: Path) -> None:
    assert refused_start(cwd, mode="reverse:https://other.example") == [
        "mode=reverse:https://other.example: other.example:443 is none of recording_hosts (api.openai.com, "
        "*.api.openai.com), so nothing would be recorded or replayed: add --set recording_hosts=other.example:443"
    ]


def test_an_empty_list_of_hosts_ends_mitmdump(cwd: Path) -> None:
    assert refused_start(cwd, "recording_hosts=") == [f"recording_hosts='': {HOST_FORM}"]


def test_the_folder_need_not_exist_to_record(cwd: Path) -> None:
    with (
        Upstream() as upstream,
        proxy(cwd, "recording_dir=not/yet/there", "recording_mode=record", upstream=upstream) as recorder,
    ):
        assert curl(recorder, CHAT_URL, "-d", CHAT).returncode == 0
    assert len(recordings(cwd / "not" / "yet" / "there")) == 1


def test_the_command_line_wins_over_the_environment(cwd: Path) -> None:
    """Every option comes from the environment first, then some of them from the command line."""
    variables = {
        "OPENAI_RECORDING_MODE": "record",
        "OPENAI_RECORDING_DIR": "by-environment",
        "OPENAI_RECORDING_HOSTS": "api.openai.com, *.openai.azure.com\nvllm.example:443",
        "OPENAI_RECORDING_TEST_ID": "by environment",
        "OPENAI_RECORDING_REDACT": "hel+o",
        "OPENAI_RECORDING_REPORT": "report.json",
    }
    with Upstream() as upstream:
        with proxy(cwd, upstream=upstream, environment=variables) as recorder:
            for host in ("api.openai.com", "x.openai.azure.com", "vllm.example"):
                assert curl(recorder, f"https://{host}/v1/chat/completions", "-d", CHAT).returncode == 0
        with proxy(
            cwd,
            "recording_dir=by-option",
            "recording_test_id=by option",
            upstream=upstream,
            environment=variables,
        ) as recorder:
            assert curl(recorder, CHAT_URL, "-d", CHAT).returncode == 0
    by_environment = recordings(cwd / "by-environment").values()
    assert len(by_environment) == 3
    assert {recording["test_id"] for recording in by_environment} == {"by environment"}
    contents = {recording["request"]["body"]["messages"][0]["content"] for recording in by_environment}
    (content,) = contents  # the same secret has the same digits
    assert re.fullmatch("Say REDACTED-[0-9a-f]{4}", content)
    assert [recording["test_id"] for recording in recordings(cwd / "by-option").values()] == ["by option"]
    assert json.loads((cwd / "report.json").read_bytes())["totals"]["recorded"] == 1


def test_matching_options_come_from_the_environment_as_well(cwd: Path) -> None:
    with Upstream() as upstream:
        with proxy(cwd, "recording_mode=record", "recording_test_id=one", upstream=upstream) as recorder:
            assert curl(recorder, CHAT_URL, "-d", CHAT).returncode == 0
        body = json.dumps({**json.loads(CHAT), "metadata": {"run_id": "r-1"}})
        ignoring = {"OPENAI_RECORDING_IGNORE": "user\nmetadata"}
        with proxy(cwd, environment=ignoring) as replayer:
            assert b"chat.completion" in curl(replayer, CHAT_URL, "-d", body).stdout
        with proxy(cwd, environment={**ignoring, "OPENAI_RECORDING_TEST_MATCH": "require"}) as replayer:
            missed = curl(replayer, CHAT_URL, "-d", body, test_id="two")
            assert json.loads(missed.stdout)["error"]["code"] == "recording_not_found"


@contextmanager
def started(command: list[str], home: Path, cwd: Path) -> Iterator[Proxy]:
    """Run a command that becomes a mitmdump, until the block ends."""
    log_file = home / "log"
    with open(log_file, "wb") as log:
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=bare_environment(home, PYTHONUNBUFFERED="1"),
            cwd=cwd,
        )
    running = Proxy(process, 0, home, log_file)
    try:
        wait_until(lambda: process.poll() is not None or " listening at " in running.log(), "it listens")
        found = re.search(r" listening at 127\.0\.0\.1:(\d+)", running.log())
        assert found, running.log()
        running.port = int(found[1])
        yield running
    finally:
        running.stop()


def code_of_miss(running: Proxy) -> str:
    return str(json.loads(curl(running, CHAT_URL, "-d", CHAT).stdout)["error"]["code"])


@pytest.mark.parametrize(
    ("folder", "script"),
    [(".", "addon/replay.py"), ("addon", "replay.py"), ("tests/e2e", "../../addon/replay.py")],
)
def test_it_starts_from_any_folder(tmp_path: Path, folder: str, script: str) -> None:
    (tmp_path / "recordings").mkdir()
    listen = ["--listen-host", "127.0.0.1", "-p", "0", "--set", f"recording_dir={tmp_path}/recordings"]
    with started([str(MITMDUMP), *listen, "-s", script], tmp_path, ROOT / folder) as running:
        assert code_of_miss(running) == "recording_not_found"


# Runs mitmdump where nothing can be imported but the standard library and the given top-level modules, and without
# the .pth file that an editable install leaves.
ONLY = """
import importlib.abc, sys

class Only(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if path is None and name not in sys.stdlib_module_names and name not in allowed:
            raise ModuleNotFoundError(f"{name} is not installed here", name=name)

allowed = set(sys.argv.pop(2).split(",")) | {"openai_replay", "__mitmproxy_script__"}
sys.path.append(sys.argv.pop(1))
sys.meta_path.insert(0, Only())
from mitmproxy.tools.main import mitmdump
sys.exit(mitmdump())
"""


def modules_of(*distributions: str) -> set[str]:
    """Return the top-level modules of distributions and of all that they require."""
    names, modules = [*distributions], set[str]()
    for name in names:
        try:
            installed = distribution(name)
        except PackageNotFoundError:
            continue  # for another platform or Python
        required = [re.match(r"[\w.-]+", text) for text in installed.requires or () if "extra ==" not in text]
        names += [match[0] for match in required if match and match[0] not in names]
        tops = {path.parts[0] for path in installed.files or () if ".." not in path.parts}
        modules |= {top.split(".")[0] for top in tops if not top.endswith((".dist-info", ".pth"))}
    return modules


def test_it_starts_with_mitmproxy_and_orjson_alone(tmp_path: Path) -> None:
    (tmp_path / "recordings").mkdir()
    allowed = modules_of("mitmproxy", "orjson")
    assert {"mitmproxy", "orjson", "h2"} <= allowed
    assert not {"openai", "pytest", "pydantic", "click_extra"} & allowed
    command = [sys.executable, "-S", "-c", ONLY, sysconfig.get_path("purelib"), ",".join(sorted(allowed))]
    command += ["--listen-host", "127.0.0.1", "-p", "0", "-s", str(REPLAY_SCRIPT)]
    with started(command, tmp_path, tmp_path) as running:
        assert code_of_miss(running) == "recording_not_found"
