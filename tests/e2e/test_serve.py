"""The addon's own server: mitmdump for this job, with the addons that it needs."""

import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from support.proxy import (
    CEILING_S,
    PROGRAMS,
    REPLAY_SCRIPT,
    bare_environment,
    wait_until,
)

SERVE = PROGRAMS["serve"]

# Each of these is called for every request; a handler that fails must not keep the others from being called.
TELLTALE = """
import logging
from mitmproxy import http

class First:
    def request(self, flow):
        raise ValueError("the first one fails")

class Second:
    async def request(self, flow):
        flow.response = http.Response.make(200, b"the second one answers")

addons = [First(), Second()]
"""


def serve(home: Path, *arguments: str, log: Path) -> subprocess.Popen[bytes]:
    """Start the server on a free port; its output goes to a file."""
    home.mkdir(exist_ok=True)
    with open(log, "wb") as output:
        return subprocess.Popen(
            [*SERVE, "--listen-host", "127.0.0.1", "-p", "0", *arguments],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=bare_environment(home),  # its log can be followed in a file all the same
            cwd=home,
        )


def listening_port(log: Path) -> int:
    """Return the port that the log tells of, 0 before it does."""
    port, line_end, _ = log.read_text().partition("listening at 127.0.0.1:")[2].partition("\n")
    return int(port.rstrip(".")) if line_end else 0


def answered(port: int) -> bytes:
    """Return the answer to a plain request through the proxy."""
    return subprocess.run(
        ["curl", "-sS", "-x", f"http://127.0.0.1:{port}", "http://other.example/"],
        capture_output=True,
        env={"PATH": os.environ["PATH"]},
        timeout=CEILING_S,
        check=True,
    ).stdout


def test_a_handler_that_fails_is_logged_and_the_next_is_called(tmp_path: Path) -> None:
    script, log = tmp_path / "telltale.py", tmp_path / "log"
    script.write_text(TELLTALE)
    process = serve(tmp_path / "home", "-s", str(script), log=log)
    try:
        port = wait_until(lambda: listening_port(log), "the server listens")
        assert answered(port) == b"the second one answers"
        assert "Addon error: the first one fails" in log.read_text()
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(CEILING_S) == 0


def test_a_script_that_is_loaded_again_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    script, log = tmp_path / "telltale.py", tmp_path / "log"
    script.write_text(TELLTALE)
    process = serve(tmp_path / "home", "-s", str(script), log=log)
    try:
        port = wait_until(lambda: listening_port(log), "the server listens")
        assert answered(port) == b"the second one answers"
        beside = tmp_path / "beside"
        beside.write_text(TELLTALE.replace("the second one", "the new one"))
        later = script.stat().st_mtime + 10
        os.utime(beside, (later, later))
        beside.replace(script)
        wait_until(lambda: answered(port) == b"the new one answers", "the new script answers")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(CEILING_S)


def test_each_line_of_its_log_is_one_write(tmp_path: Path) -> None:
    # A datagram for each write.
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    ours.settimeout(CEILING_S)
    with ours:
        with its:
            process = subprocess.Popen(
                [*SERVE, "--listen-host", "127.0.0.1", "-p", "0"],
                stdout=its.fileno(),
                env=bare_environment(tmp_path, PYTHONUNBUFFERED="1"),
                cwd=tmp_path,
            )
        try:
            written = [ours.recv(65536)]
            while b"listening at" not in written[-1]:
                written.append(ours.recv(65536))
        finally:
            process.terminate()
            process.wait()
    assert [text.count(b"\n") for text in written] == [1] * len(written)
    assert all(text.endswith(b"\n") for text in written)


def test_a_wrong_option_ends_it_with_one_line_as_it_ends_mitmdump(tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = serve(tmp_path / "home", "-s", str(REPLAY_SCRIPT), "--set", "recording_mode=rewind", log=log)
    assert process.wait(CEILING_S) == 1
    said = next(line for line in log.read_text().splitlines() if "recording_mode" in line)
    assert said.endswith("recording_mode='rewind': expected one of replay, record, record-if-missing, live")


def test_an_option_that_is_none_is_told_by_the_name_of_the_command(tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = serve(tmp_path / "home", "--wokers", "2", log=log)
    assert process.wait(CEILING_S) == 1
    assert "openai-replay serve: error: unrecognized arguments: --wokers" in log.read_text()


def test_connections_that_come_and_go_are_not_worth_a_line(tmp_path: Path) -> None:
    script, log = tmp_path / "telltale.py", tmp_path / "log"
    script.write_text(TELLTALE)
    process = serve(tmp_path / "home", "-s", str(script), log=log)
    try:
        port = wait_until(lambda: listening_port(log), "the server listens")
        answered(port)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(CEILING_S)
    assert "client connect" not in log.read_text()
    assert "client disconnect" not in log.read_text()


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ("recording_dir=nowhere", "recording_dir='nowhere': expected an existing folder to replay from"),
        ("recording_mod=record", "unknown option recording_mod: did you mean recording_mode?"),
    ],
)
def test_the_log_of_a_failed_start_ends_with_the_reason(tmp_path: Path, option: str, reason: str) -> None:
    (tmp_path / "recordings").mkdir()
    process = serve(tmp_path, "-s", str(REPLAY_SCRIPT), "--set", option, log=tmp_path / "log")
    assert process.wait(CEILING_S) == 1
    assert reason in (tmp_path / "log").read_text().splitlines()[-1]


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = serve(tmp_path, "-p", str(port), log=tmp_path / "log")
        assert process.wait(CEILING_S) == 1
    assert (tmp_path / "log").read_text() == (
        f"openai-replay: error: cannot listen on 127.0.0.1:{port}, Address already in use; -p chooses another port\n"
    )
