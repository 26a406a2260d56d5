"""Several workers on one port, and several machines behind a load balancer that routes by test id."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from openai_replay.front_end import FRONT_END, FrontEnd
from support.proxy import (
    CEILING_S,
    PROGRAM,
    PROGRAM_NAME,
    ROOT,
    Proxy,
    bare_environment,
    curl,
    mitmdump_command,
    proxy,
    wait_until,
)
from support.requests import chat_body
from support.websocket import WebSocket, direct

WORKERS = 3
BASE_URL_MODE = "reverse:https://api.openai.com"
REQUEST = json.dumps(chat_body("Is it done?"))


def recording(text: str, test_id: str | None = None) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {
        "test_id": test_id,
        "request": {
            "method": "POST",
            "url": "https://api.openai.com/v1/chat/completions",
            "headers": {},
            "body": json.loads(REQUEST),
            "endpoint": "/v1/chat/completions",
            "model": "gpt-4o",
        },
        "response": {
            "body": {
                "__type__": "openai.types.chat.chat_completion.ChatCompletion",
                "__data__": {
                    "id": "rec-0",
                    "choices": [{"index": 0, "message": message}],
                    "object": "chat.completion",
                },
            },
            "is_streaming": False,
        },
        "id_normalization_mapping": {},
    }


def write_sequence(
    folder: Path, texts: Sequence[str], test_id: str | None = None, base: str = "poll"
) -> None:
    folder.mkdir(exist_ok=True)
    for number, text in enumerate(texts, 1):
        name = f"{base}.json" if number == 1 else f"{base}-{number}.json"
        (folder / name).write_text(json.dumps(recording(text, test_id)))


@contextmanager
def workers(home: Path, *options: str, count: int = WORKERS) -> Iterator[Proxy]:
    """Serve with several workers until the block ends; the process is their supervisor's."""
    home.mkdir(exist_ok=True)
    log_file = home / "workers.log"
    arguments = mitmdump_command(*options, mode=BASE_URL_MODE)[len(PROGRAM) :]
    command = [sys.executable, "-m", "openai_replay.proxy.serve", "--workers", str(count), *arguments]
    with open(log_file, "wb") as log:
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=bare_environment(home, **{FRONT_END: FrontEnd.SERVE.value}),
            cwd=home,
        )
    running = Proxy(process, 0, home, log_file)
    try:
        ports = wait_until(lambda: listening(running, count), "all workers listen") or []
        assert len(set(ports)) == 1
        running.port = int(ports[0])
        yield running
    finally:
        running.stop()


def listening(running: Proxy, count: int) -> list[str] | None:
    assert running.process.poll() is None, running.log()
    ports = re.findall(r"listening at 127\.0\.0\.1:(\d+)", running.log())
    return ports if len(ports) >= count else None


def ask(running: Proxy, *arguments: str, path: str = "/v1/chat/completions") -> str:
    answer = curl(running, f"{running.url}{path}", "--noproxy", "*", "-d", REQUEST, *arguments)
    assert answer.returncode == 0, answer.stderr
    content = json.loads(answer.stdout)["choices"][0]["message"]["content"]
    assert isinstance(content, str)
    return content


def own(running: Proxy, path: str, *arguments: str) -> Any:
    return json.loads(curl(running, f"{running.url}/@{path}", "--noproxy", "*", *arguments).stdout)


def pids(running: Proxy) -> list[int]:
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(running.process.pid)], capture_output=True, text=True, check=True
    )
    return [int(pid) for pid in listed.stdout.split()]


def test_workers_share_positions_and_the_report_even_when_one_is_killed(tmp_path: Path) -> None:
    texts = [f"answer {number}" for number in range(1, 25)]
    write_sequence(tmp_path / "recordings", texts)
    report = tmp_path / "report.json"
    with workers(
        tmp_path / "home", f"recording_dir={tmp_path / 'recordings'}", f"recording_report={report}"
    ) as running:
        assert [ask(running) for _ in range(8)] == texts[:8]
        victim = pids(running)[0]
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: victim not in pids(running) and len(pids(running)) == WORKERS, "it is replaced")
        wait_until(lambda: listening(running, WORKERS + 1), "the new one listens")
        assert [ask(running) for _ in range(8)] == texts[8:16]
        assert f"worker {victim} ended with status -9; another one takes its place." in running.log()
        totals = own(running, "/report")["totals"]
        assert (totals["replayed"], totals["unused"]) == (16, 8)
        assert own(running, "/reset", "-X", "POST") == {"reset": True}
        assert own(running, "/report")["totals"]["replayed"] == 0
        assert [ask(running) for _ in range(4)] == texts[:4]
        for test_id in ("a", "b"):  # each request is a new connection, so any worker may get it
            own(running, f"/alias?alias=openai-replay-process-1&test_id={test_id}", "-X", "POST")
            path = "/@openai-replay-process-1/v1/chat/completions"
            assert [ask(running, path=path) for _ in range(6)] == texts[:6]
            assert own(running, f"/report?test_id={test_id}")["totals"]["replayed"] == 6
        children = pids(running)
        assert running.stop() == 0
    assert json.loads(report.read_text())["totals"]["replayed"] == 4 + 12
    assert running.log().splitlines()[-1].endswith("] 16 replayed, 0 recorded, 0 missed, 18 unused")
    for child in children:
        with pytest.raises(ProcessLookupError):
            os.kill(child, 0)


def session(text: str) -> dict[str, Any]:
    """Return the recording of a WebSocket on which the server says a text."""
    return {
        "test_id": None,
        "request": {
            "method": "GET",
            "url": "https://api.openai.com/v1/realtime?model=gpt-realtime",
            "headers": {},
            "body": {"__websocket__": {"subprotocols": []}},
            "endpoint": "/v1/realtime",
            "model": "",
        },
        "response": {
            "body": [{"from": "server", "data": {"type": "said", "text": text}}],
            "is_streaming": True,
            "status": 101,
            "wire": {"close": {"by": "client", "code": 1000, "reason": ""}},
        },
        "id_normalization_mapping": {},
    }


def test_workers_share_the_order_of_sessions_and_answer_over_websockets(tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    for name, text in (("session", "one"), ("session-2", "two")):
        (folder / f"{name}.json").write_text(json.dumps(session(text)))
    said = []
    with workers(tmp_path / "home", f"recording_dir={folder}", count=2) as running:
        for _ in range(5):  # each is a new connection, so any worker may get it
            with direct(running) as connection:
                socket = WebSocket(connection, "/v1/realtime?model=gpt-realtime")
                socket.accepted()
                said.append(socket.receive()["text"])
                socket.close()
        totals = own(running, "/report")["totals"]

    assert said == ["one", "two", "two", "two", "two"]
    assert (totals["replayed"], totals["missed"]) == (5, 0)


def test_every_worker_gets_connections(tmp_path: Path) -> None:
    write_sequence(tmp_path / "recordings", ["the one answer"])
    with workers(tmp_path / "home", f"recording_dir={tmp_path / 'recordings'}") as running:
        served: set[int] = set()

        def have_all_served() -> bool:
            assert ask(running) == "the one answer"
            served.update(
                number for number, pid in enumerate(sorted(pids(running))) if cpu_ticks(pid) > started[pid]
            )
            return len(served) == WORKERS

        started = {pid: cpu_ticks(pid) for pid in pids(running)}
        wait_until(have_all_served, "each worker has worked")


def cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_a_start_that_fails_ends_all(tmp_path: Path) -> None:
    arguments = mitmdump_command("recording_mode=record", mode=BASE_URL_MODE)[len(PROGRAM) :]
    ended = subprocess.run(
        [sys.executable, "-m", "openai_replay.proxy.serve", "--workers", "2", *arguments],
        capture_output=True,
        text=True,
        env=bare_environment(tmp_path),
        cwd=tmp_path,
        timeout=CEILING_S,
        check=False,
    )
    assert ended.returncode == 1
    assert (
        "recording_mode='record': expected replay, for one of several workers" in ended.stdout + ended.stderr
    )


@pytest.mark.parametrize("count", ["0", "x", "-1"])
def test_a_number_of_workers_that_makes_no_sense_is_refused(tmp_path: Path, count: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "openai_replay.proxy.serve", "--workers", count],
        capture_output=True,
        text=True,
        env=bare_environment(tmp_path),
        timeout=CEILING_S,
        check=False,
    )
    assert ended.returncode == 2
    assert "--workers" in ended.stderr
    assert "expected" in ended.stderr


@pytest.mark.parametrize("host", ["127.0.0.1", ""])
def test_a_port_that_other_workers_listen_on_is_not_shared_with_them(tmp_path: Path, host: str) -> None:
    write_sequence(tmp_path / "recordings", ["a"])
    with workers(tmp_path / "home", f"recording_dir={tmp_path / 'recordings'}") as running:
        place = ["--listen-host", host, "-p", str(running.port)]
        ended = subprocess.run(
            [sys.executable, "-m", "openai_replay.proxy.serve", "--workers", "2", *place],
            capture_output=True,
            text=True,
            env=bare_environment(tmp_path),
            timeout=CEILING_S,
            check=False,
        )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        f"openai-replay: error: cannot listen on {host or '*'}:{running.port}, Address already in use; "
        "-p chooses another port\n"
    )


NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


@pytest.fixture
def nginx() -> str:
    """The load balancer's program."""
    if NGINX is None:
        reason = "nginx is not installed: it is the load balancer here (Debian's package nginx-light)"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    return NGINX


@pytest.mark.parametrize("program", [PROGRAM_NAME, "engine"])
def test_two_machines_behind_nginx_keep_each_test_s_sequence(
    tmp_path: Path, nginx: str, program: str
) -> None:
    folder = tmp_path / "recordings"
    tests = [f"test_{number}" for number in range(12)]
    for test in tests:
        write_sequence(folder, [f"{test} first", f"{test} second", f"{test} third"], test, base=test)
    options = (f"recording_dir={folder}",)
    with (
        proxy(tmp_path / "one", *options, mode=BASE_URL_MODE, program=program) as one,
        proxy(tmp_path / "two", *options, mode=BASE_URL_MODE, program=program) as two,
        load_balancer(nginx, tmp_path, one.port, two.port) as balanced,
    ):
        for turn in ("first", "second", "third", "third"):
            for test in tests:
                answer = curl(
                    one,
                    f"http://127.0.0.1:{balanced}/@{test}/v1/chat/completions",
                    "--noproxy",
                    "*",
                    "-d",
                    REQUEST,
                )
                assert json.loads(answer.stdout)["choices"][0]["message"]["content"] == f"{test} {turn}"
        served = [own(machine, "/report")["totals"]["replayed"] for machine in (one, two)]
    assert sum(served) == 4 * len(tests)
    assert all(served), "one machine has had all the tests"


def test_large_bodies_and_websockets_pass_nginx(tmp_path: Path, nginx: str) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    large = recording("large")
    large["request"]["body"] = chat_body("Is it done? " * 200_000)
    (folder / "large.json").write_text(json.dumps(large))
    (folder / "session.json").write_text(json.dumps(session("said")))
    with (
        proxy(tmp_path / "one", f"recording_dir={folder}", mode=BASE_URL_MODE, program="engine") as one,
        load_balancer(nginx, tmp_path, one.port, one.port) as balanced,
    ):
        with closing(http.client.HTTPConnection("127.0.0.1", balanced, timeout=CEILING_S)) as client:
            body = json.dumps(large["request"]["body"])
            client.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
            answer = json.load(client.getresponse())
        with socket.create_connection(("127.0.0.1", balanced), timeout=CEILING_S) as connection:
            web_socket = WebSocket(connection, "/v1/realtime?model=gpt-realtime")
            web_socket.accepted()
            said = web_socket.receive()
            web_socket.close()
    assert answer["choices"][0]["message"]["content"] == "large"
    assert said["text"] == "said"


# The test's own folders around the page's example.
NGINX_CONFIGURATION = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  {example}
}}
"""


def nginx_example(addresses: Mapping[str, str]) -> str:
    """Return the example of the page about load tests, with other addresses."""
    page = (ROOT / "addon" / "LOAD_TESTING.md").read_text()
    example = page.partition("```nginx\n")[2].partition("```")[0]
    for old, new in addresses.items():
        assert example.count(old) == 1, example
        example = example.replace(old, new)
    return example


@contextmanager
def load_balancer(nginx: str, tmp_path: Path, one: int, two: int) -> Iterator[int]:
    folder = tmp_path / "nginx"
    folder.mkdir()
    port = free_port()
    configuration = folder / "nginx.conf"
    addresses = {
        "10.0.0.1:8080": f"127.0.0.1:{one}",
        "10.0.0.2:8080": f"127.0.0.1:{two}",
        "listen 8080": f"listen 127.0.0.1:{port}",
    }
    example = nginx_example(addresses)
    configuration.write_text(NGINX_CONFIGURATION.format(folder=folder, example=example))
    process = subprocess.Popen([nginx, "-p", str(folder), "-c", str(configuration)])
    try:
        wait_until(lambda: is_listening(port, process), "nginx listens")
        yield port
    finally:
        process.terminate()
        process.wait(CEILING_S)


def free_port() -> int:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        port: int = holder.getsockname()[1]
        return port


def is_listening(port: int, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "nginx ended at start"
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0


def faults_by_chance(running: Proxy, numbers: Sequence[int]) -> set[int]:
    """Ask each of so many different requests once, eight at a time; return which of them got a fault."""

    def ask_some(some: Sequence[int]) -> list[int]:
        connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=CEILING_S)
        failed = []
        for number in some:
            body = json.dumps({**json.loads(REQUEST), "seed": number})
            connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
            response = connection.getresponse()
            response.read()
            assert response.status in (200, 429)
            if response.status == 429:
                failed.append(number)
        connection.close()
        return failed

    with ThreadPoolExecutor(8) as pool:
        return {
            number
            for failed in pool.map(ask_some, [numbers[first::8] for first in range(8)])
            for number in failed
        }


# Different requests, each made once.
CHANCES = 1000 if os.environ.get("HYPOTHESIS_PROFILE") == "deep" else 300


def test_faults_by_chance_are_the_same_with_any_number_of_workers_and_in_any_order(tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    for number in range(CHANCES):
        one = recording(f"{number}")
        one["request"]["body"]["seed"] = number
        (folder / f"{number}.json").write_text(json.dumps(one))
    options = (f"recording_dir={folder}", "recording_faults=rate_limit;p=0.1;seed=7")
    numbers = range(CHANCES)

    with workers(tmp_path / "two", *options, count=2) as running:
        of_two = faults_by_chance(running, numbers[::-1])
        answered_by = pids(running)
        report = own(running, "/report")
    of_one, of_engine = (
        faults_of_program(tmp_path / program, *options, program=program, numbers=numbers)
        for program in ("serve", "engine")
    )

    assert len(answered_by) == 2
    assert of_one == of_two == of_engine
    # With p=0.1 a tenth of them, give or take five deviations of the binomial distribution.
    assert abs(len(of_one) - 0.1 * CHANCES) < 5 * (CHANCES * 0.1 * 0.9) ** 0.5
    assert report["faulted"] == [{"fault": "rate_limit", "test_id": None, "times": len(of_two)}]


def faults_of_program(home: Path, *options: str, program: str, numbers: Sequence[int]) -> set[int]:
    with proxy(home, *options, mode=BASE_URL_MODE, program=program) as running:
        return faults_by_chance(running, numbers)


def test_the_first_attempts_fail_whichever_worker_gets_them(tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    (folder / "one.json").write_text(json.dumps(recording("yes")))
    options = (f"recording_dir={folder}", "recording_faults=error=503;first=5")
    with workers(tmp_path / "home", *options, count=2) as running:
        url = f"{running.url}/v1/chat/completions"
        arguments = (url, "--noproxy", "*", "-d", REQUEST, "-w", "%{http_code}")
        statuses = [curl(running, *arguments).stdout[-3:].decode() for _ in range(8)]
    assert statuses == ["503"] * 5 + ["200"] * 3
