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
    """The settings of a machine whose only way out is a proxy."""
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
        assert "- openai-replay: no recorded answer -" in result.stdout
        assert "No recording for POST /v1/chat/completions (request " in result.stdout
        difference = '"Say hello from a recording.", asked "Say hallo from a recording."'
        assert f"    messages[0].content: recorded {difference}" in result.stdout
        assert "  Next: record it, with a key: pytest --recording-mode record-if-missing …" in result.stdout
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


# --- clients that a test does not make itself ---

MODULE_CLIENT = """
import openai

client = openai.OpenAI(max_retries=0)

def ask(text):
    answer = client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": text}])
    return answer.choices[0].message.content

def test_one(FIXTURE):
    assert "one" in ask("one")

def test_two(FIXTURE):
    assert "two" in ask("two")
"""


def use_module_client(project: Path, fixture: str = "") -> None:
    (project / "test_it.py").write_text(MODULE_CLIENT.replace("FIXTURE", fixture))


def test_a_client_made_at_import_is_served_and_counts_for_the_test_that_runs(
    project: Path, company: Mapping[str, str]
) -> None:
    use_module_client(project)
    (project / "pytest.ini").write_text("[pytest]\nopenai_replay = true\naddopts = -p no:cacheprovider\n")
    real = {**company, "OPENAI_API_KEY": "sk-test-0123456789abcdef0123456789abcdef"}
    recorded = run_pytest(project, "--recording-mode", "record", variables=real)
    assert summary(recorded) == "0 replayed, 2 recorded, 0 missed, 0 unused", recorded.stdout
    of_tests = {recording["test_id"] for recording in recordings(project / "recordings").values()}
    assert of_tests == {"test_it.py::test_one", "test_it.py::test_two"}
    for arguments in ([], ["-n", "2"], ["--recording-base-url"]):
        replayed = run_pytest(project, *arguments)
        assert replayed.returncode == 0, replayed.stdout
        assert summary(replayed) == "2 replayed, 0 recorded, 0 missed, 0 unused"


def test_a_client_made_before_the_proxy_was_known_fails_its_test_and_says_why(project: Path) -> None:
    shutil.copytree(ROOT / "recordings", project / "recordings")
    use_module_client(project, "openai_replay")
    result = run_pytest(project, variables={"OPENAI_API_KEY": "sk-mine"})
    assert result.returncode == 1
    assert "2 failed" in result.stdout
    assert "a client goes past the proxy to api.openai.com. It was made before the proxy was known" in (
        result.stdout
    )


def test_a_test_that_swallows_the_error_of_a_bypass_fails_all_the_same(project: Path) -> None:
    shutil.copytree(ROOT / "recordings", project / "recordings")
    (project / "test_it.py").write_text(
        "import socket\n"
        "def test_it(openai_replay):\n"
        "    try:\n"
        "        socket.create_connection(('api.openai.com', 443))\n"
        "    except OSError:\n"
        "        pass\n"
    )
    result = run_pytest(project)
    assert result.returncode == 1
    assert "openai-replay: a client goes past the proxy to api.openai.com" in result.stdout


def test_a_test_without_the_fixture_that_goes_past_the_proxy_is_named(project: Path) -> None:
    shutil.copytree(ROOT / "recordings", project / "recordings")
    (project / "test_it.py").write_text(
        "import socket\n"
        "from client import ask\n"
        "def test_served(openai_replay):\n"
        "    ask('Say hello from a recording.')\n"
        "def test_past():\n"
        "    try:\n"
        "        socket.create_connection(('api.example.invalid', 443))\n"
        "    except OSError:\n"
        "        pass\n"
    )
    hosts = {"OPENAI_RECORDING_HOSTS": "api.openai.com, api.example.invalid"}
    for workers in ([], ["-n", "2"]):
        result = run_pytest(project, *workers, variables=hosts)
        assert result.returncode == 0, result.stdout
        line = (
            "Past the proxy to api.example.invalid, without the fixture openai_replay: test_it.py::test_past."
        )
        assert line in result.stdout


def test_a_proxy_that_is_gone_is_said_without_a_traceback(project: Path) -> None:
    shutil.copytree(ROOT / "recordings", project / "recordings")
    (project / "test_it.py").write_text(
        "import os, signal\n"
        "from pathlib import Path\n"
        "def children(pid):\n"
        "    return [int(one) for one in Path(f'/proc/{pid}/task/{pid}/children').read_text().split()]\n"
        "def test_ends_the_proxy(openai_replay):\n"
        "    for child in children(os.getpid()):\n"
        "        for one in (*children(child), child):\n"
        "            os.kill(one, signal.SIGKILL)\n"
        "    os.waitpid(child, 0)\n"
        "def test_next(openai_replay):\n"
        "    pass\n"
    )
    result = run_pytest(project)
    assert result.returncode == 1
    assert "openai-replay: the proxy at 127.0.0.1:" in result.stdout
    assert "Traceback" not in result.stdout + result.stderr
    assert "running_proxy.py" not in result.stdout


def test_a_base_url_elsewhere_is_recorded_or_said_to_be_none_of_the_recorded_hosts(project: Path) -> None:
    with Upstream(plain=True) as upstream:
        variables = {"OPENAI_BASE_URL": f"http://127.0.0.1:{upstream.plain_port}/v1"}
        recorded = run_pytest(project, "--recording-mode", "record", variables=variables)
        assert summary(recorded) == "0 replayed, 3 recorded, 0 missed, 0 unused", recorded.stdout
    replayed = run_pytest(project, variables=variables)
    assert summary(replayed) == "3 replayed, 0 recorded, 0 missed, 0 unused", replayed.stdout
    elsewhere = run_pytest(project, variables={**variables, "OPENAI_RECORDING_HOSTS": "other.example"})
    assert "expected one of the recorded hosts, other.example" in elsewhere.stdout
    assert "3 errors" in elsewhere.stdout


# --- a run that fails although its tests do not ---


def test_conditions_fail_a_run_whose_tests_succeed(project: Path) -> None:
    shutil.copytree(ROOT / "recordings", project / "recordings")
    (project / "test_it.py").write_text(
        "from client import ask\n"
        "def test_nothing(openai_replay):\n    pass\n"
        "def test_one(openai_replay):\n    ask('Say hello from a recording.')\n"
        "def test_miss(openai_replay):\n"
        "    try:\n        ask('Say nothing.')\n    except AssertionError:\n        pass\n"
        "def test_without():\n    pass\n"
    )
    cases: tuple[tuple[list[str], str, bool], ...] = (
        (["-k", "nothing"], "--fail-on-no-request", True),
        (["-k", "without"], "--fail-on-no-request", True),
        (["-k", "one"], "--fail-on-no-request", False),
        (["-k", "one"], "--fail-on-unused", False),
        ([], "--fail-on-unused", True),
        (["-k", "one"], "--fail-on-miss", False),
        (["-k", "miss"], "--fail-on-miss", True),
    )
    for arguments, condition, fails in cases:
        result = run_pytest(project, *arguments, condition)
        assert result.returncode == int(fails), result.stdout
        assert (f"failed because of {condition}: " in result.stdout) is fails
        assert " failed" not in result.stdout.splitlines()[-1]
        assert ("miss: test_it.py::test_miss: POST /v1/chat/completions (request " in result.stdout) is (
            arguments in ([], ["-k", "miss"])
        )
    said = "The proxy saw no request of the tests to a recorded host"
    assert said in run_pytest(project, "-k", "nothing").stdout
    assert said not in run_pytest(project, "-k", "one").stdout


def test_a_project_is_recorded_from_the_mock_without_a_key(project: Path) -> None:
    recorded = run_pytest(project, "--recording-mode", "record", "--recording-against-mock")
    assert recorded.returncode == 0, recorded.stdout
    assert (
        "The mock API answers for api.openai.com, *.api.openai.com: its texts are made up" in recorded.stdout
    )
    assert "OPENAI_API_KEY is not set" not in recorded.stdout
    assert summary(recorded) == "0 replayed, 3 recorded, 0 missed, 0 unused"
    assert summary(run_pytest(project)) == "3 replayed, 0 recorded, 0 missed, 0 unused"
    without = run_pytest(project, "--recording-mode", "record", "-k", "without")
    assert "No test used the fixture openai_replay" in without.stdout


def test_a_missing_key_is_said_while_recording(project: Path, company: Mapping[str, str]) -> None:
    said = "OPENAI_API_KEY is not set: expected a key while recording"
    assert said in run_pytest(project, "--recording-mode", "record", variables=company).stdout


def test_an_exchange_that_could_not_be_recorded_is_named(project: Path) -> None:
    nobody = "http://127.0.0.1:9/v1"  # the discard port, which is closed
    result = run_pytest(project, "--recording-mode", "record", variables={"OPENAI_BASE_URL": nobody})
    reason = r"^not recorded: POST /v1/chat/completions: the API was not reached, .* \(3 times\)$"
    assert re.search(reason, result.stdout, re.M), result.stdout
    assert result.stdout.count("the API was not reached") == 1


# --- without mitmproxy beside the tests ---


def test_an_installed_program_serves_tests_whose_environment_has_no_mitmproxy(
    project: Path, tmp_path: Path
) -> None:
    shutil.copytree(ROOT / "recordings", project / "recordings")
    (project / "test_it.py").write_text(
        "from client import ask\ndef test_it(openai_replay):\n    ask('Say hello from a recording.')\n"
    )
    packages = tmp_path / "packages"
    packages.mkdir()
    site = Path(pytest.__file__).parents[1]
    names = ("pytest", "_pytest", "py.py", "pluggy", "iniconfig", "packaging", "pygments")
    for path in (*(site / name for name in names), *site.glob("pluggy-*.dist-info")):
        (packages / path.name).symlink_to(path)
    (packages / "openai_replay").symlink_to(ROOT / "addon" / "openai_replay")
    plugin = ["-p", "openai_replay.launch.pytest_plugin"]

    def run_thin(**more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-S", "-m", "pytest", *plugin],
            capture_output=True,
            text=True,
            env=bare_environment(project, PYTHONPATH=str(packages), **more),
            cwd=project,
            timeout=CEILING_S,
            check=False,
        )

    on_path = tmp_path / "bin"
    on_path.mkdir()
    (on_path / "openai-replay").write_text(
        f'#!/bin/sh\nunset PYTHONPATH\nexec {Path(sys.executable).with_name("openai-replay")} "$@"\n'
    )
    (on_path / "openai-replay").chmod(0o755)
    result = run_thin(PATH=f"{on_path}:/usr/bin:/bin")
    assert result.returncode == 0, result.stdout
    assert summary(result).startswith("1 replayed, ")
    without = run_thin(PATH="/usr/bin:/bin")
    assert "this environment has no mitmproxy, and PATH no other openai-replay" in without.stdout


def test_a_proxy_that_does_not_start_fails_the_tests_that_use_the_fixture(project: Path) -> None:
    result = run_pytest(project)
    assert result.returncode == 1
    said = "(record first, with pytest --recording-mode record …)"
    assert re.findall(r"^openai-replay: recording_dir=.* expected an existing folder .*", result.stdout, re.M)
    assert result.stdout.count(said) == 3, "once for each test"
    assert "3 errors" in result.stdout


def test_a_run_that_is_known_to_use_the_proxy_stops_where_the_proxy_does_not_start(project: Path) -> None:
    (project / "pytest.ini").write_text("[pytest]\nopenai_replay = true\n")
    (project / "wrong").mkdir()
    (project / "wrong" / "openai-replay.toml").write_text('ignor = ["a"]\n')
    mock_in_replay = ("--recording-mode", "replay", "--recording-dir", ".", "--recording-against-mock")
    cases: tuple[tuple[tuple[str, ...], dict[str, str], str], ...] = (
        (mock_in_replay, {}, "--recording-against-mock: expected --recording-mode record"),
        (("--recording-mode", "reply"), {}, "invalid choice: 'reply'"),
        (("--recording-dir", "none"), {}, "expected an existing folder"),
        (("--recording-dir", "wrong"), {}, "unknown option ignor: did you mean ignore?"),
        ((), {"OPENAI_RECORDING_MODE": "foo"}, "recording_mode='foo': expected one of replay, record"),
        (("-n", "1"), {"OPENAI_RECORDING_MODES": "record"}, "did you mean OPENAI_RECORDING_MODE?"),
    )
    for arguments, variables, reason in cases:
        result = run_pytest(project, *arguments, variables=variables)
        assert (result.returncode, result.stdout) == (4, ""), reason
        assert reason in result.stderr
    assert run_pytest(project, "--help").returncode == 0


# --- tests that the proxy does not reach ---


def test_an_error_for_a_missing_key_names_the_remedy(project: Path) -> None:
    (project / "test_it.py").write_text("import os\ndef test_it():\n    os.environ['OPENAI_API_KEY']\n")
    (project / "test_import.py").write_text("import os\nos.environ['OPENAI_API_KEY']\n")
    result = run_pytest(project, "--continue-on-collection-errors")
    remedy = "set openai_replay = true in the ini file"
    assert f"A client is made at import, before a fixture can lead it to the proxy: {remedy}" in result.stdout
    assert (
        f"The test does not use the fixture openai_replay: name it in the test, or {remedy}" in result.stdout
    )
    (project / "conftest.py").write_text("import os\nos.environ['OPENAI_API_KEY']\n")
    assert f"openai-replay: a conftest file makes a client: {remedy}" in run_pytest(project).stderr


# --- under `openai-replay run` ---


def test_tests_under_run_use_its_proxy_with_its_mode_and_folder(project: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        program = [sys.executable, "-m", "openai_replay", "run", "--dir", "fresh"]
        return subprocess.run(
            [*program, *arguments],
            capture_output=True,
            text=True,
            env=bare_environment(project, PYTHONDONTWRITEBYTECODE="1"),
            cwd=project,
            timeout=CEILING_S,
            check=False,
        )

    tests = (sys.executable, "-m", "pytest", "-k", "ask")
    recorded = run("--mode", "record", "--against-mock", "--", *tests)
    assert recorded.stderr.endswith("0 replayed, 3 recorded, 0 missed, 0 unused\n"), recorded.stdout
    of_tests = {recording["test_id"] for recording in recordings(project / "fresh").values()}
    assert of_tests == {f"test_it.py::test_ask[{text}]" for text in ("one", "two/three", "four 100%")}
    replayed = run("--base-url", "--", *tests, "-n", "2", "--fail-on-unused", "--fail-on-no-request")
    assert replayed.returncode == 0, replayed.stdout
    assert replayed.stderr.endswith("3 replayed, 0 recorded, 0 missed, 0 unused\n"), replayed.stdout
    refused = run("--", *tests, "--recording-mode", "record")
    assert refused.returncode == 4
    assert "--recording-mode: pytest runs under `openai-replay run`" in refused.stderr
