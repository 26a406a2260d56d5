"""A real mitmdump with the addon, started on a free port and ended by its own handle."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openai_replay.launch.proxy_process import addon_script
from openai_replay.mock import Upstream

ROOT = Path(__file__).resolve().parents[2]
REPLAY_SCRIPT = addon_script()
REDIRECT_SCRIPT = ROOT / "addon" / "openai_replay" / "proxy" / "companion" / "redirect.py"
MITMDUMP = Path(sys.executable).with_name("mitmdump")

# Two must pass every test here: mitmdump, and mitmproxy's master with only the addons that this job needs. The engine
# must pass the tests that replay by base URL; where a test wants more than that, `serve` takes its place.
PROGRAMS = {
    "mitmdump": (str(MITMDUMP),),
    "serve": (sys.executable, "-m", "openai_replay.proxy.serve"),
    "engine": (sys.executable, "-m", "openai_replay.engine"),
}
PROGRAM_NAME = os.environ.get("OPENAI_REPLAY_TEST_PROGRAM", "mitmdump")
PROGRAM = PROGRAMS["serve" if PROGRAM_NAME == "engine" else PROGRAM_NAME]

# Nothing here takes this long; it only ends a test that would never end.
CEILING_S = 60

_LISTENING = re.compile(r"proxy.* listening at (?:127\.0\.0\.1|\S*?):(\d+)")


def wait_until[T](condition: Callable[[], T], what: str, ceiling_s: float = CEILING_S) -> T:
    """Return the first truthy value of `condition`, asked again and again."""
    end = time.monotonic() + ceiling_s
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"waited in vain until {what}")
        time.sleep(0.01)
    return value


def bare_environment(home: Path, **more: str) -> dict[str, str]:
    """Return an environment with HOME and PATH alone: other settings of this machine would hide faults."""
    return {"HOME": str(home), "PATH": os.environ["PATH"], **more}


@dataclass
class Proxy:
    """A running mitmdump. `home` is its HOME, with its CA and caches in it."""

    process: subprocess.Popen[bytes]
    port: int
    home: Path
    log_file: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ca_file(self) -> Path:
        return self.home / ".mitmproxy" / "mitmproxy-ca-cert.pem"

    def has_ca(self) -> bool:
        return self.ca_file.exists() and "END CERTIFICATE" in self.ca_file.read_text()

    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def environment(self, *, test_id: str = "", **more: str) -> dict[str, str]:
        """Return the variables that make curl, Python and the like go through the proxy and trust it."""
        user = f"{test_id}@" if test_id else ""
        url = f"http://{user}127.0.0.1:{self.port}"
        return bare_environment(
            self.home,
            HTTPS_PROXY=url,
            HTTP_PROXY=url,
            http_proxy=url,
            SSL_CERT_FILE=str(self.ca_file),
            CURL_CA_BUNDLE=str(self.ca_file),
            NODE_EXTRA_CA_CERTS=str(self.ca_file),
            OPENAI_API_KEY="sk-test-0123456789abcdef0123456789abcdef",
            **more,
        )

    def ask(self, path: str, method: str = "GET") -> Any:
        """Ask the proxy itself, through itself."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": self.url}))
        request = urllib.request.Request(f"http://openai-replay.test{path}", method=method)
        with opener.open(request, timeout=CEILING_S) as response:
            return json.load(response)

    def stop(self) -> int:
        """End mitmdump as a person would, and return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(CEILING_S)


def mitmdump_command(
    *options: str,
    scripts: Sequence[Path] = (),
    mode: str = "",
    port: int = 0,
    script: Path = REPLAY_SCRIPT,
    program: str = PROGRAM_NAME,
) -> list[str]:
    """Return the command line of a mitmdump with the addon, or of another program; an option is `name=value`."""
    if program == "engine" and _is_for_engine(options, scripts, mode, script):
        command = [*PROGRAMS["engine"], "--listen-host", "127.0.0.1", "-p", str(port)]
    else:
        started = PROGRAMS["serve" if program == "engine" else program]
        command = [*started, "--listen-host", "127.0.0.1", "-p", str(port), "-s", str(script)]
        for other in scripts:
            command += ["-s", str(other)]
    for option in options:
        command += ["--set", option]
    return [*command, "--mode", mode] if mode else command


def _is_for_engine(options: Sequence[str], scripts: Sequence[Path], mode: str, script: Path) -> bool:
    """Tell whether a proxy only replays, by base URL. It may have the script that stands in for DNS."""
    modes = [option for option in options if option.startswith("recording_mode=")]
    is_replay = all(option == "recording_mode=replay" for option in modes)
    return (
        mode.startswith("reverse:http")
        and is_replay
        and script == REPLAY_SCRIPT
        and set(scripts) <= {REDIRECT_SCRIPT}
    )


@contextmanager
def proxy(
    home: Path,
    *options: str,
    upstream: Upstream | None = None,
    mode: str = "",
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    more_scripts: Sequence[Path] = (),
    script: Path = REPLAY_SCRIPT,
    program: str = PROGRAM_NAME,
) -> Iterator[Proxy]:
    """Run mitmdump with the addon until the block ends.

    `upstream` stands in for every host behind it; without one, mitmdump resolves names as the machine does.
    `more_scripts` are loaded after the addon; `script` is the addon where a test has a copy of its own.
    """
    scripts = tuple(more_scripts)
    if upstream is not None:
        scripts = (*scripts, REDIRECT_SCRIPT)
        options = (
            *options,
            f"upstream_port={upstream.port}",
            f"ssl_verify_upstream_trusted_ca={upstream.ca_file}",
        )
        if upstream.plain_port:
            options = (*options, f"upstream_plain_port={upstream.plain_port}")
    home.mkdir(parents=True, exist_ok=True)
    log_file = home / f"mitmdump-{time.monotonic_ns()}.log"
    with open(log_file, "wb") as log:
        process = subprocess.Popen(
            mitmdump_command(*options, scripts=scripts, mode=mode, script=script, program=program),
            stdout=log,
            stderr=subprocess.STDOUT,
            env=bare_environment(home, PYTHONUNBUFFERED="1", **(environment or {})),
            cwd=cwd or home,
        )
    running = Proxy(process, 0, home, log_file)
    try:
        running.port = wait_until(lambda: _port(running), "mitmdump listens")
        yield running
    finally:
        running.stop()


def _port(running: Proxy) -> int:
    if running.process.poll() is not None:
        raise AssertionError(f"mitmdump ended at start:\n{running.log()}")
    match = _LISTENING.search(running.log())
    # mitmdump says that it listens a moment before its CA is written; the engine has none.
    is_ready = running.has_ca() or "openai_replay.engine" in running.process.args  # type: ignore[operator]
    return int(match[1]) if match and is_ready else 0


def curl(running: Proxy, url: str, *arguments: str, test_id: str = "") -> subprocess.CompletedProcess[bytes]:
    """Run curl through the proxy (or without, for a URL of the proxy's own); -N shows chunks as they come."""
    return subprocess.run(
        ["curl", "-sS", "-N", *arguments, url],
        capture_output=True,
        env=running.environment(test_id=test_id),
        timeout=CEILING_S,
        check=False,
    )


def recordings(folder: Path) -> dict[str, Any]:
    """Return the recordings of a folder by file name."""
    return {path.name: json.loads(path.read_bytes()) for path in sorted(folder.glob("**/*.json"))}
