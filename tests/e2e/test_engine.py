"""The engine for load tests as a program: its start, its end, TLS and HTTP/2, workers, and streams that break."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from support.proxy import CEILING_S, PROGRAMS, Proxy, bare_environment, wait_until
from support.requests import chat_body

COMMAND = (sys.executable, "-m", "openai_replay", "serve", "--engine", "uvicorn")
ALIASED = "/@openai-replay-process-1/v1/chat/completions"
CHAT = chat_body("Is it done?")


def write_recording(folder: Path, name: str, answer: Any, **response: Any) -> None:
    """Write a recording of `CHAT`."""
    folder.mkdir(exist_ok=True)
    request = {"method": "POST", "url": "https://api.openai.com/v1/chat/completions", "body": CHAT}
    recording = {
        "test_id": None,
        "request": {**request, "headers": {}, "endpoint": "/v1/chat/completions", "model": "gpt-4o"},
        "response": {"body": answer, "is_streaming": False, **response},
        "id_normalization_mapping": {},
    }
    (folder / name).write_text(json.dumps(recording))


@contextmanager
def engine(home: Path, *arguments: str, workers: int = 1) -> Iterator[Proxy]:
    """Run the engine on the recordings of `home` until the block ends."""
    log_file = home / "engine.log"
    (home / "recordings").mkdir(exist_ok=True)
    with open(log_file, "wb") as log:
        process = subprocess.Popen(
            [*COMMAND, "-p", "0", "--workers", str(workers), *arguments],
            stdout=log,
            stderr=subprocess.STDOUT,
            env=bare_environment(home, PYTHONUNBUFFERED="1"),
            cwd=home,
        )
    running = Proxy(process, 0, home, log_file)
    try:
        running.port = int(wait_until(lambda: _ports(running, workers), "the engine listens")[0])
        yield running
    finally:
        running.stop()


def _ports(running: Proxy, workers: int) -> list[str]:
    assert running.process.poll() is None, running.log()
    ports: list[str] = re.findall(r"listening at 127\.0\.0\.1:(\d+)\.", running.log())
    return ports if len(ports) >= workers else []


def ask(running: Proxy, *arguments: str, path: str = "/v1/chat/completions", scheme: str = "http") -> Any:
    """Return curl's answer, as JSON; without other arguments it sends `CHAT`."""
    url = f"{scheme}://127.0.0.1:{running.port}{path}"
    sent = arguments if path.startswith("/@/") else ("-d", json.dumps(CHAT), *arguments)
    answer = subprocess.run(
        ["curl", "-sS", "-N", *sent, url],
        capture_output=True,
        env={"PATH": os.environ["PATH"]},
        timeout=CEILING_S,
        check=True,
    )
    return json.loads(answer.stdout)


def refused(home: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    """Start the engine, which must end by itself; return its exit status and its output."""
    ended = subprocess.run(
        [*COMMAND, "-p", "0", *arguments],
        capture_output=True,
        text=True,
        env=bare_environment(home, **environment),
        cwd=home,
        timeout=CEILING_S,
        check=False,
    )
    return ended.returncode, ended.stdout + ended.stderr


def test_it_says_where_it_listens_and_writes_the_report_at_its_end(tmp_path: Path) -> None:
    write_recording(tmp_path / "recordings", "a.json", {"said": "yes"})
    with engine(tmp_path, "--set", "recording_report=report.json", "--set", "confdir=x") as running:
        assert ask(running) == {"said": "yes"}
        assert "reverse proxy to https://api.openai.com listening at 127.0.0.1:" in running.log()
        assert "The option confdir is none of the addon's, and has no effect on this engine." in running.log()
        assert running.stop() == 0
    assert json.loads((tmp_path / "report.json").read_bytes())["totals"]["replayed"] == 1


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--set", "recording_mode=rewind"], "recording_mode='rewind': expected one of replay"),
        (["--set", "recording_mode=record"], "recording_mode='record': expected replay"),
        (["--set", "recording_dir=nowhere"], "recording_dir='nowhere': expected an existing folder"),
        (["--set", "recoding_dir=x"], "unknown option recoding_dir: did you mean recording_dir?"),
        (["--set", "pacing=2x"], "unknown option pacing: did you mean recording_pacing?"),
        (["-p", "99999"], "-p/--listen-port: expected a number from 0 to 65535, got '99999'"),
        (["--listen-host", "nowhere.invalid"], "cannot listen on nowhere.invalid:"),
        (["--mode", "regular"], "mode=regular: expected reverse:https://HOST"),
        (["--mode", "reverse:https://other.example"], "add --set recording_hosts=other.example:443"),
        (["--workers", "2", "--set", "recording_mode=record"], "recording_mode='record': expected replay"),
    ],
)
def test_an_option_that_makes_no_sense_ends_it_with_one_line(
    tmp_path: Path, arguments: list[str], problem: str
) -> None:
    (tmp_path / "recordings").mkdir()
    status, said = refused(tmp_path, *arguments)
    assert status == 1
    assert problem in said
    assert "Traceback" not in said


def test_without_the_extra_it_says_how_to_install_it(tmp_path: Path) -> None:
    (tmp_path / "recordings").mkdir()
    (tmp_path / "uvicorn.py").write_text("raise ImportError('not installed')\n")
    ended = subprocess.run(
        [*PROGRAMS["engine"], "-p", "0"],
        capture_output=True,
        text=True,
        env=bare_environment(tmp_path, PYTHONPATH=str(tmp_path)),
        cwd=tmp_path,
        timeout=CEILING_S,
        check=False,
    )
    assert ended.returncode == 1
    assert "in a clone of the project, pip install '.[load]'" in ended.stderr


def test_a_port_that_is_taken_is_not_shared(tmp_path: Path) -> None:
    with engine(tmp_path) as running:
        status, said = refused(tmp_path, "-p", str(running.port))
    assert status == 1
    assert f"cannot listen on 127.0.0.1:{running.port}, Address already in use" in said


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_tls_with_a_certificate_of_the_user(tmp_path: Path, version: str) -> None:
    write_recording(tmp_path / "recordings", "a.json", {"said": "yes"})
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    with engine(tmp_path, "--certs", "server.pem") as running:
        assert ask(running, version, "--cacert", str(tmp_path / "ca.pem"), scheme="https") == {"said": "yes"}


def test_http2_without_tls(tmp_path: Path) -> None:
    write_recording(tmp_path / "recordings", "a.json", {"said": "yes"})
    with engine(tmp_path) as running:
        assert ask(running, "--http2-prior-knowledge") == {"said": "yes"}


@pytest.mark.parametrize(("version", "code"), [("--http1.1", 18), ("--http2-prior-knowledge", 92)])
@pytest.mark.parametrize("size", [1, 50_000])
def test_a_stream_that_broke_breaks(tmp_path: Path, version: str, code: int, size: int) -> None:
    chunk = {
        "__type__": "openai.types.chat.chat_completion_chunk.ChatCompletionChunk",
        "__data__": {"id": "rec-0", "choices": [], "model": "x" * size, "object": "chat.completion.chunk"},
    }
    failure = {"is_exception": True, "exception_type": "CutByUpstream", "exception_data": {}}
    write_recording(tmp_path / "recordings", "a.json", [chunk] * 40, **{**failure, "is_streaming": True})
    with engine(tmp_path) as running:
        url = f"http://127.0.0.1:{running.port}/v1/chat/completions"
        broken = subprocess.run(
            ["curl", "-sSN", version, "-d", json.dumps(CHAT), url],
            capture_output=True,
            timeout=CEILING_S,
            check=False,
        )
    assert broken.returncode == code
    assert broken.stdout.count(b"data: ") == 40


def test_workers_share_positions_and_the_report_even_when_one_is_killed(tmp_path: Path) -> None:
    for number in range(1, 25):
        name = "poll.json" if number == 1 else f"poll-{number}.json"
        write_recording(tmp_path / "recordings", name, {"said": number})
    with engine(tmp_path, "--set", "recording_report=report.json", workers=3) as running:
        assert [ask(running)["said"] for _ in range(8)] == [*range(1, 9)]
        victim = int(re.findall(r"\d+", _children(running))[0])
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: len(_ports(running, 4)) == 4, "another worker listens")
        assert [ask(running)["said"] for _ in range(8)] == [*range(9, 17)]
        assert ask(running, path="/@/report")["totals"]["replayed"] == 16
        for test_id in ("a", "b"):  # each request is a new connection, so any worker may get it
            ask(running, "-X", "POST", path=f"/@/alias?alias=openai-replay-process-1&test_id={test_id}")
            assert [ask(running, path=ALIASED)["said"] for _ in range(6)] == [*range(1, 7)]
            report = ask(running, path=f"/@/report?test_id={test_id}")
            assert report["totals"]["replayed"] == 6
        ask(running, "-X", "POST", path="/@/reset?test_id=b")
        assert ask(running, path="/@/report?test_id=b")["totals"]["replayed"] == 0
        assert ask(running, path=ALIASED)["said"] == 1
        assert running.stop() == 0
    assert json.loads((tmp_path / "report.json").read_bytes())["totals"]["replayed"] == 29 - 6
    assert running.log().splitlines()[-1].endswith("] 23 replayed, 0 recorded, 0 missed, 8 unused")


def _children(running: Proxy) -> str:
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(running.process.pid)], capture_output=True, text=True, check=True
    )
    return listed.stdout
