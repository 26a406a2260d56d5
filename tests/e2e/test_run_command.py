"""`openai-replay run`: a proxy in front of any command, and gone with it."""

import json
import os
import pty
import re
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import pytest

from openai_replay.mock import Upstream
from support.proxy import CEILING_S, bare_environment, proxy, recordings, wait_until
from support.requests import chat_body

OPENAI_REPLAY = str(Path(sys.executable).with_name("openai-replay"))
QUOTED = shlex.quote(OPENAI_REPLAY)
CHAT = json.dumps(chat_body("Say hello"))
OTHER_CHAT = CHAT.replace("hello", "goodbye")
KEY = "sk-test-0123456789abcdef0123456789abcdef"


def ask(body: str, more: str = "") -> list[str]:
    """Return a shell's command that asks the API and prints its answer."""
    url = "${OPENAI_BASE_URL:-https://api.openai.com/v1}/chat/completions"
    return ["sh", "-c", f'curl -sS {more} "{url}" -d {shlex.quote(body)}']


def run(
    home: Path,
    *arguments: str,
    command: Sequence[str],
    stdin: bytes = b"",
    variables: Mapping[str, str] = MappingProxyType({}),
    **more: str,
) -> subprocess.CompletedProcess[bytes]:
    """Run a command behind `openai-replay run` in an environment that is otherwise empty."""
    return subprocess.run(
        [OPENAI_REPLAY, "run", *arguments, "--", *command],
        input=stdin,
        capture_output=True,
        env=bare_environment(home, **variables, **more),
        cwd=home,
        timeout=CEILING_S,
        check=False,
    )


def start(
    home: Path, *command: str, program: Sequence[str] = (OPENAI_REPLAY, "run", "--"), **more: str
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*program, *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=bare_environment(home, **more),
        cwd=home,
    )


def processes_with(variable: str) -> list[str]:
    """Return the command lines of the processes that have `NAME=value` in their environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if variable.encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue  # it has ended meanwhile, or is not ours
    return found


def proxies_with(variable: str) -> list[str]:
    return [line for line in processes_with(variable) if "openai_replay.proxy." in line or "mitmdump" in line]


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[Mapping[str, str]]:
    """The environment of a machine whose only way out is a proxy with its own certificate."""
    with proxy(tmp_path_factory.mktemp("company"), "recording_mode=live", upstream=upstream) as running:
        yield {"HTTPS_PROXY": running.url, "SSL_CERT_FILE": str(running.ca_file), "OPENAI_API_KEY": KEY}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, company: Mapping[str, str]) -> Path:
    """A home with a folder `recordings`, recorded once."""
    home = tmp_path_factory.mktemp("recorded")
    result = run(home, "--mode", "record", command=ask(CHAT), variables=company)
    assert result.returncode == 0, result.stderr
    assert result.stderr == b"openai-replay: 0 replayed, 1 recorded, 0 missed, 0 unused\n"
    return home


@pytest.fixture
def home(tmp_path: Path, recorded: Path) -> Path:
    """A home of the test's own with the recordings and the certificate authority of `recorded`."""
    shutil.copytree(recorded, tmp_path / "home", symlinks=True)
    return tmp_path / "home"


# --- record and replay ---


def test_what_was_recorded_behind_a_company_proxy_is_replayed_without_one(
    home: Path, upstream: Upstream
) -> None:
    before = upstream.connections
    result = run(home, command=ask(CHAT))
    assert result.returncode == 0
    assert json.loads(result.stdout)["object"] == "chat.completion"
    assert result.stderr == b"openai-replay: 1 replayed, 0 recorded, 0 missed, 0 unused\n"
    assert upstream.connections == before


def test_base_url_mode_replays_what_the_proxy_recorded_under_a_test_id(home: Path) -> None:
    command = ["sh", "-c", 'echo "$OPENAI_BASE_URL $HTTPS_PROXY"; ' + ask(CHAT)[2]]
    result = run(home, "--base-url", "--test-id", "tests/a.py::b[c d]", command=command)
    variables, _, answer = result.stdout.partition(b"\n")
    assert re.fullmatch(rb"http://127\.0\.0\.1:\d+/@tests%2Fa\.py%3A%3Ab%5Bc%20d%5D/v1 ", variables), (
        variables
    )
    assert json.loads(answer)["object"] == "chat.completion"
    assert result.stderr == b"openai-replay: 1 replayed, 0 recorded, 0 missed, 0 unused\n"


def test_base_url_mode_records_the_api_that_the_users_own_base_url_names(tmp_path: Path) -> None:
    with Upstream(plain=True) as upstream:
        variables = {
            "OPENAI_BASE_URL": f"http://127.0.0.1:{upstream.plain_port}/v1",
            "OPENAI_API_KEY": KEY,
        }
        result = run(tmp_path, "--mode", "record", "--base-url", command=ask(CHAT), variables=variables)
        assert b"1 recorded" in result.stderr, result.stderr
        requests = len(upstream.requests)
        replayed = run(tmp_path, "--base-url", command=ask(CHAT), variables=variables)
        assert replayed.returncode == 0
        assert replayed.stderr == b"openai-replay: 1 replayed, 0 recorded, 0 missed, 0 unused\n"
        assert len(upstream.requests) == requests


def test_a_run_within_a_run_records_through_the_outer_one(home: Path, company: Mapping[str, str]) -> None:
    inner = [OPENAI_REPLAY, "run", "--mode", "record", "--dir", "inner", "--", *ask(CHAT)]
    result = run(home, command=inner, variables=company)
    assert result.returncode == 0
    assert result.stderr.splitlines() == [
        b"openai-replay: 0 replayed, 1 recorded, 0 missed, 0 unused",
        b"openai-replay: 1 replayed, 0 recorded, 0 missed, 0 unused",
    ]
    assert len(recordings(home / "inner")) == 1


@pytest.mark.parametrize(
    ("outer", "inner"), [([], []), (["--base-url"], []), (["--base-url"], ["--base-url"])]
)
def test_a_run_within_a_run_replays(home: Path, outer: list[str], inner: list[str]) -> None:
    result = run(home, *outer, command=[OPENAI_REPLAY, "run", *inner, "--", *ask(CHAT)])
    assert json.loads(result.stdout)["object"] == "chat.completion"
    first_line, *_ = result.stderr.splitlines()
    assert first_line == b"openai-replay: 1 replayed, 0 recorded, 0 missed, 0 unused"


def test_options_come_from_the_environment_too_and_the_command_line_wins(home: Path) -> None:
    (home / "recordings").rename(home / "elsewhere")
    result = run(home, command=ask(CHAT), OPENAI_RECORDING_DIR="elsewhere")
    assert b"1 replayed" in result.stderr
    result = run(home, "--dir", "elsewhere", command=ask(CHAT), OPENAI_RECORDING_DIR="nowhere")
    assert b"1 replayed" in result.stderr


# --- the end of a run ---


def test_a_miss_is_explained_and_fails_the_run_only_if_that_was_asked_for(home: Path) -> None:
    result = run(home, command=ask(OTHER_CHAT))
    assert result.returncode == 0
    lines = result.stderr.decode().splitlines()
    assert lines[0].startswith("openai-replay: No recording for POST /v1/chat/completions (request ")
    assert lines[1] == '    messages[0].content: recorded "Say hello", asked "Say goodbye"'
    assert lines[2:] == [
        "  Next: record it, with a key: openai-replay run --mode record-if-missing …",
        "openai-replay: 0 replayed, 0 recorded, 1 missed, 1 unused",
    ]
    result = run(home, "--fail-on-miss", command=ask(OTHER_CHAT))
    assert result.returncode == 1
    assert result.stderr.endswith(
        b"openai-replay: failed because of --fail-on-miss: there were requests without a recording\n"
    )


def test_a_request_that_could_not_be_recorded_fails_a_run_that_wants_none_without(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    # No server listens there any more.
    nobody = f"https://localhost:{port}/v1"
    command = ["sh", "-c", f"{ask(CHAT)[2]}; true"]
    for more, status in (((), 0), (("--fail-on-miss",), 1)):
        result = run(
            tmp_path,
            *("--mode", "record", *more),
            command=command,
            OPENAI_BASE_URL=nobody,
            OPENAI_RECORDING_HOSTS=f"localhost:{port}",
        )
        assert result.returncode == status
        assert b"openai-replay: 0 replayed, 0 recorded, 0 missed, 1 not recorded, 0 unused\n" in result.stderr


def test_a_run_that_asked_nothing_fails_only_if_that_was_asked_for(home: Path) -> None:
    assert run(home, "--fail-on-miss", command=["true"]).returncode == 0
    result = run(home, "--fail-on-no-request", command=["true"])
    assert result.returncode == 1
    assert result.stderr.endswith(
        b"openai-replay: failed because of --fail-on-no-request: the proxy saw no request\n"
    )
    assert run(home, "--fail-on-no-request", command=ask(CHAT)).returncode == 0


def test_an_unused_recording_fails_the_run_only_if_that_was_asked_for(home: Path) -> None:
    (recording,) = (home / "recordings").glob("*.json")
    shutil.copy(recording, recording.with_name("another.json"))
    recording.with_name("another.json").write_text(recording.read_text().replace("Say hello", "Say nothing"))
    assert run(home, command=ask(CHAT)).returncode == 0
    result = run(home, "--fail-on-unused", command=ask(CHAT))
    assert result.returncode == 1
    assert b"openai-replay: 1 replayed, 0 recorded, 0 missed, 1 unused\n" in result.stderr
    assert result.stderr.endswith(
        b'openai-replay: unused recordings:\nopenai-replay:     another.json  "Say nothing"\n'
        b"openai-replay: failed because of --fail-on-unused: there are unused recordings\n"
    )
    assert run(home, "--fail-on-unused", command=["sh", "-c", "exit 3"]).returncode == 3


def test_prune_leaves_the_recordings_of_other_tests(home: Path) -> None:
    folder = home / "recordings"
    shutil.rmtree(folder)
    shutil.copytree(Path(__file__).resolve().parents[2] / "recordings", folder)
    for path in folder.glob("*.json"):
        value = json.loads(path.read_bytes())
        path.write_text(
            json.dumps({**value, "test_id": "one" if path.name.startswith(("0ea", "1ff")) else "other"})
        )
    said = chat_body("Say hello from a recording.")
    result = run(home, "--prune", "--test-id", "one", command=ask(json.dumps(said)))
    assert result.returncode == 0
    assert b"kept 3 unused recordings of tests that made no request: other" in result.stderr
    assert b"1 pruned" in result.stderr
    assert len([*folder.glob("*.json")]) == 4


def test_prune_after_recording_leaves_the_files_of_this_run(tmp_path: Path) -> None:
    poll = 'curl -sS https://api.openai.com/v1/poll -H "authorization: Bearer x"; '
    retried = ask(json.dumps(chat_body("[scenario: rate-limited-once]")), '-H "authorization: Bearer x"')[2]
    command = ["sh", "-c", f"{poll * 5} {retried} >/dev/null; {retried}"]
    recorded = run(tmp_path, "--mode", "record", "--against-mock", "--prune", command=command)
    assert recorded.stderr.endswith(
        b"openai-replay: 0 replayed, 4 recorded, 0 missed, 0 unused, 2 recorded as equal to the one before, "
        b"1 retried with success\n"
    )
    assert len(list((tmp_path / "recordings").glob("*.json"))) == 4
    assert b"7 replayed, 0 recorded, 0 missed, 0 unused" in run(tmp_path, command=command).stderr


def test_prune_removes_what_nobody_asked_for_and_nothing_after_a_failure(home: Path) -> None:
    (recording,) = (home / "recordings").glob("*.json")
    unused = recording.with_name("unused.json")
    unused.write_text(recording.read_text().replace("Say hello", "Say nothing"))
    no_recording = recording.with_name("package.json")
    no_recording.write_text("{}")

    failing = ["sh", "-c", ask(CHAT)[2] + "; exit 3"]
    result = run(home, "--prune", command=failing)
    assert result.returncode == 3
    assert b"pruned nothing: the command ended with status 3" in result.stderr
    result = run(home, "--prune", command=["true"])
    assert b"pruned nothing: the proxy saw no request" in result.stderr
    result = run(home, "--prune", command=ask(OTHER_CHAT))
    assert b"pruned nothing: requests without a recorded answer" in result.stderr
    assert unused.exists()

    result = run(home, "--prune", "--fail-on-unused", command=ask(CHAT))
    assert result.returncode == 0
    assert result.stderr.decode().splitlines() == [
        f"openai-replay: Cannot read a recording: {no_recording}: expected an object, got nothing @ $.request",
        f"openai-replay: pruned {unused}",
        "openai-replay: 1 replayed, 0 recorded, 0 missed, 0 unused, 1 pruned",
    ]
    assert {path.name for path in (home / "recordings").glob("[!.]*")} == {recording.name, "package.json"}


def test_rules_without_effect_are_pointed_out_before_the_summary(home: Path) -> None:
    rules = ("recording_ignore=metadata.runid", "recording_faults=error=503;path=/v1/nope")
    options = [word for rule in rules for word in ("--set", rule)]
    result = run(home, *options, command=ask(CHAT))
    assert result.stderr.decode().splitlines()[-3:] == [
        "openai-replay: recording_ignore='metadata.runid' matched nothing in this run's requests.",
        "openai-replay: recording_faults='error=503;path=/v1/nope' changed no answer of this run.",
        "openai-replay: 1 replayed, 0 recorded, 0 missed, 0 unused",
    ]


def test_a_command_that_goes_past_the_proxy_is_pointed_out(home: Path) -> None:
    result = run(home, command=["true"])
    text = result.stderr.decode()
    assert text.startswith("openai-replay: The proxy saw no request to api.openai.com, *.api.openai.com. ")
    assert "--base-url" in text
    assert text.endswith("openai-replay: 0 replayed, 0 recorded, 0 missed, 1 unused\n")


def test_a_client_that_does_not_trust_the_proxy_is_told_what_to_do(home: Path) -> None:
    result = run(home, command=ask(CHAT, "--cacert /etc/ssl/certs/ca-certificates.crt"))
    assert result.returncode == 60
    text = result.stderr.decode()
    assert "A client ended the TLS handshake for api.openai.com" in text
    assert "SSL_CERT_FILE" in text
    assert str(home / ".local/share/openai-replay/mitmproxy-ca-cert.pem") in text


# --- the environment of the command ---


def variables_of(home: Path, *arguments: str, **more: str) -> dict[str, str]:
    command = [sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))"]
    result = run(home, *arguments, command=command, variables=more)
    values: dict[str, str] = json.loads(result.stdout)
    return values


def test_replay_sets_a_dummy_key(home: Path) -> None:
    assert variables_of(home)["OPENAI_API_KEY"] == "sk-replay-needs-no-key-0"
    given = {"OPENAI_API_KEY": KEY}
    assert variables_of(home, **given)["OPENAI_API_KEY"] == "sk-replay-no-real-openai-api-key"
    assert variables_of(home, "--pass-key", **given)["OPENAI_API_KEY"] == KEY
    assert variables_of(home, "--mode", "live", **given)["OPENAI_API_KEY"] == KEY
    assert "OPENAI_API_KEY" not in variables_of(home, "--mode", "record")


def test_no_proxy_never_exempts_a_recorded_host(home: Path) -> None:
    more = "intranet,.openai.com,10.0.0.0/8"
    result = run(home, command=["sh", "-c", "echo $NO_PROXY; " + ask(CHAT)[2]], NO_PROXY=more, no_proxy=more)
    assert result.stdout.startswith(b"intranet,10.0.0.0/8,localhost,127.0.0.1,::1\n")
    assert b"1 replayed" in result.stderr


def test_the_private_key_is_its_owners_alone(recorded: Path) -> None:
    folder = recorded / ".local/share/openai-replay"
    for name in ("mitmproxy-ca.pem", "mitmproxy-ca.p12"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600


# --- exit statuses, streams and signals ---


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (["sh", "-c", "exit 3"], 3),
        (["sh", "-c", "kill -KILL $$"], 137),
        (["no-such-program"], 127),
        (["/"], 126),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else str(value),
)
def test_the_exit_status_is_the_commands(home: Path, command: list[str], status: int) -> None:
    result = run(home, command=command)
    assert result.returncode == status
    assert result.stdout == b""
    if status in (126, 127):
        assert result.stderr.startswith(f"openai-replay: {command[0]}: ".encode())


def test_a_failing_command_ends_a_script_under_set_e(home: Path) -> None:
    script = f"set -e; {QUOTED} run -- true; {QUOTED} run -- false; echo not reached"
    result = subprocess.run(
        ["sh", "-c", script], capture_output=True, env=bare_environment(home), cwd=home, check=False
    )
    assert (result.returncode, result.stdout) == (1, b"")


def test_streams_are_the_commands_to_the_byte(home: Path) -> None:
    data = bytes(range(256)) * 5000
    result = run(home, command=["sh", "-c", "cat; printf 'to\\000err' >&2"], stdin=data)
    assert result.stdout == data
    assert result.stderr.startswith(b"to\x00err")


def test_a_command_whose_output_nobody_reads_ends_as_it_would_alone(home: Path) -> None:
    script = f"{{ {QUOTED} run -- yes; echo $? >status; }} | head -n 1"
    subprocess.run(
        ["sh", "-c", script], capture_output=True, env=bare_environment(home), cwd=home, check=True
    )
    assert int((home / "status").read_text()) == 128 + signal.SIGPIPE


WAITING = """
import os, signal, sys, time
def end(number, frame):
    os.write(1, b"got %d\\n" % number)
    os._exit(40 + number)
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
    signal.signal(number, end)
print("ready", flush=True)
while True:
    time.sleep(1)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_handed_to_the_command_and_the_proxy_outlives_it(
    home: Path, number: signal.Signals
) -> None:
    process = start(home, sys.executable, "-c", WAITING)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(number)
    rest, errors = process.communicate(timeout=CEILING_S)
    assert (rest, process.returncode) == (f"got {number}\n".encode(), 40 + number), errors
    assert b"0 replayed, 0 recorded, 0 missed" in errors


COUNTING = """
import signal, sys, time
count = 0
def end(number, frame):
    global count
    count += 1
signal.signal(signal.SIGINT, end)
print("tty" if all(sys.__dict__[name].isatty() for name in ("stdin", "stdout", "stderr")) else "no tty")
print("ready", flush=True)
sys.stdin.readline()
print("interrupts:", count, flush=True)
"""


def test_in_a_terminal_the_command_has_it_and_gets_control_c_once(home: Path) -> None:
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(home)
        command = [OPENAI_REPLAY, "run", "--", sys.executable, "-c", COUNTING]
        os.execve(OPENAI_REPLAY, command, bare_environment(home))
    seen = b""

    def shows(text: bytes) -> bool:
        nonlocal seen
        seen += os.read(terminal, 4096)
        return text in seen

    wait_until(lambda: shows(b"ready\r\n"), "the command is ready")
    assert b"tty\r\n" in seen
    assert b"no tty" not in seen
    os.write(terminal, b"\x03")
    wait_until(lambda: shows(b"^C"), "the terminal has taken Control-C")
    os.write(terminal, b"\n")
    wait_until(lambda: shows(b"unused\r\n"), "the run has ended")
    assert b"interrupts: 1\r\n" in seen
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    os.close(terminal)


# --- files that stay behind ---


def test_runs_leave_no_process_and_no_file_behind(home: Path, tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    marker = f"RUN_OF={tmp_path}"
    variables = {"RUN_OF": str(tmp_path), "TMPDIR": str(temporary)}
    assert run(home, command=ask(CHAT), variables=variables).returncode == 0
    files = sorted(path for path in home.rglob("*") if ".cache" not in path.parts)
    for status in (0, 1, 127):
        command = {0: ask(CHAT), 1: ["false"], 127: ["no-such-program"]}[status]
        assert run(home, command=command, variables=variables).returncode == status
    assert processes_with(marker) == []
    assert sorted(path for path in home.rglob("*") if ".cache" not in path.parts) == files
    assert list(temporary.iterdir()) == []


def test_the_proxy_ends_even_when_the_run_is_killed(home: Path, tmp_path: Path) -> None:
    marker = f"RUN_OF={tmp_path}"
    process = start(home, "sh", "-c", "echo ready; read line", RUN_OF=str(tmp_path))
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    assert len(proxies_with(marker)) == 1
    process.kill()
    process.communicate(timeout=CEILING_S)
    wait_until(lambda: not proxies_with(marker), "the proxy has ended")


def test_the_first_runs_ever_side_by_side_share_one_authority(tmp_path: Path, recorded: Path) -> None:
    shutil.copytree(recorded / "recordings", tmp_path / "recordings")
    processes = [start(tmp_path, *ask(CHAT)) for _ in range(4)]
    for process in processes:
        output, errors = process.communicate(timeout=CEILING_S)
        assert process.returncode == 0, errors
        assert json.loads(output)["object"] == "chat.completion"
    assert not list((tmp_path / ".local/share/openai-replay").glob(".unfinished-*"))


def test_a_proxy_that_ends_under_the_command_is_pointed_out(home: Path) -> None:
    # The proxy is the parent's other child.
    script = "kill -KILL $(ps -o pid= --ppid $PPID | grep -v -w $$ | head -n 1); sleep 0.5; true"
    result = run(home, command=["sh", "-c", script])
    assert result.returncode == 1
    assert b"the proxy has ended under the command" in result.stderr
    assert b"does not answer" in result.stderr


# --- options that make no sense ---


@pytest.mark.parametrize(
    ("arguments", "variables", "status", "text"),
    [
        (["--mode", "reply"], {}, 2, "Invalid value for '--mode': 'reply' is not one of 'replay', 'record'"),
        ([], {"OPENAI_RECORDING_MODE": "reply"}, 2, "recording_mode='reply': expected one of replay, record"),
        ([], {"OPENAI_RECORDING_MOD": "replay"}, 2, "unknown environment variable OPENAI_RECORDING_MOD"),
        (["--dir", "nowhere"], {}, 2, "--dir '{home}/nowhere': expected an existing folder to replay from"),
        (
            ["--base-url"],
            {"OPENAI_BASE_URL": "ftp://x"},
            2,
            "OPENAI_BASE_URL='ftp://x': expected a URL such as",
        ),
        (
            [],
            {"XDG_DATA_HOME": "/proc/none"},
            125,
            "The proxy's certificate authority cannot be kept in /proc",
        ),
    ],
)
def test_what_makes_no_sense_runs_nothing(
    home: Path, arguments: list[str], variables: dict[str, str], status: int, text: str
) -> None:
    result = run(home, *arguments, command=["touch", "ran"], variables=variables)
    assert result.returncode == status
    assert text.format(home=home) in result.stderr.decode()
    assert not (home / "ran").exists()


def test_a_lost_recording_fails_a_run_whose_command_succeeds(tmp_path: Path) -> None:
    command = ask(CHAT)
    command[-1] = f"touch recordings; {command[-1]}"
    result = run(tmp_path, "--mode", "record", "--against-mock", command=command)
    assert result.returncode == 1
    assert b"chat.completion" in result.stdout
    assert result.stderr.endswith(b"openai-replay: failed because 1 recording could not be written\n")
