"""Run the proxy as a child process: start it on free ports, wait until it listens, read its report, and end it.

It has its own session, so that Ctrl-C in a terminal, which is for the command, does not end the proxy under it. It ends
by itself when this process is gone, for any reason: its standard input is a pipe from here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from ..front_end import FRONT_END, FrontEnd
from ..proxy.companion import ANNOUNCE_FD, DIRECT_HOSTS, KEYS_FD, MOCK_SCRIPT, REQUEST_LOG, SCRIPT
from .running_proxy import ADDRESS, ProxyFailed, RunningProxy

# Seconds that a proxy has to end by itself; after that it is killed.
_LONGEST_END_S = 30

# The proxy goes by its options. Python's own variables stay: they may be how it is installed.
_NOT_FOR_THE_PROXY = ("SSLKEYLOGFILE", "MITMPROXY_SSLKEYLOGFILE", "PYTHONWARNINGS", "PYTHONDEVMODE")

# The program of the proxy. -P: a file in the working directory is no module of the proxy's.
PROXY_PROGRAM = (sys.executable, "-P", "-m", "openai_replay.proxy.serve")


def addon_script() -> Path:
    """Return the script that mitmdump loads: in an installed package inside it, in a checkout above it."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "_script" / "replay.py"
    return installed if installed.exists() else package.parent / "replay.py"


@dataclass(frozen=True, slots=True)
class ProxyConfiguration:
    """The options of a proxy.

    Attributes:
        confdir: the folder of its certificate authority.
        mode: mitmproxy's, `regular`, `upstream:URL` or `reverse:URL`.
        options: the options, as (name, value); a list has its name several times.
        environment: its variables, without real keys.
        real_keys: the real key for each dummy that the command has.
        direct_hosts: recorded hosts to connect to directly, past the proxy of `upstream:`.
        against_mock: the mock API takes the place of every host.
        request_log: `plain` or `coloured` for a line per request on standard error.
        front_end: the program that the user has started, for hints in its spelling.
        log: the file descriptor that warnings and errors are written to, None for this process's standard error.
    """

    confdir: Path
    mode: str
    options: Sequence[tuple[str, str]]
    environment: Mapping[str, str]
    real_keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    direct_hosts: Sequence[str] = ()
    log: int | None = None
    against_mock: bool = False
    request_log: str = "none"
    front_end: FrontEnd = FrontEnd.RUN

    def command(self) -> list[str]:
        """Return the command line."""
        scripts = ["-s", str(SCRIPT), "-s", str(addon_script())]
        if self.against_mock:
            scripts += ["-s", str(MOCK_SCRIPT)]
        command = [*PROXY_PROGRAM, "-q", *scripts, "--listen-host", ADDRESS, "--listen-port", "0"]
        command += ["--mode", self.mode, "--set", f"confdir={self.confdir}"]
        for name, value in self.options:
            command += ["--set", f"{name}={value}"]
        return command


@dataclass(slots=True)
class ProxyProcess:
    """A proxy that runs from `with`, or `start`, to the end of the block, or `stop`. `wait` for it before its use."""

    configuration: ProxyConfiguration
    _maybe_running: RunningProxy | None = field(default=None, init=False)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _announcement: int = field(default=-1, init=False)

    def __enter__(self) -> Self:
        self.start()
        return self

    @property
    def running(self) -> RunningProxy:
        """The proxy, which has been started and waited for."""
        assert self._maybe_running is not None
        return self._maybe_running

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the proxy, and return at once: it takes a while until it listens, for which `wait` is there."""
        configuration = self.configuration
        self._announcement, writing = os.pipe()
        keys = _pipe_with(json.dumps(dict(configuration.real_keys)).encode())
        passed = {
            ANNOUNCE_FD: str(writing),
            KEYS_FD: str(keys),
            REQUEST_LOG: configuration.request_log,
            FRONT_END: configuration.front_end.value,
        }
        try:
            self._process = subprocess.Popen(
                configuration.command(),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=configuration.log,
                pass_fds=(writing, keys),
                env={**_environment(configuration), **passed},
                start_new_session=True,
            )
        finally:
            os.close(writing)
            os.close(keys)

    def wait(self) -> RunningProxy:
        """Return the proxy when it listens.

        Raises:
            ProxyFailed: it ended instead; it has said why on standard error.
        """
        # Ends when the proxy has written it, or has itself ended.
        with open(self._announcement, "rb") as announcement:
            text = announcement.read()
        if not text:
            raise ProxyFailed("the proxy did not start")
        self._maybe_running = RunningProxy(int(text), self.configuration.mode.startswith("reverse:"))
        return self._maybe_running

    def stop(self) -> int:
        """End the proxy and return its exit status. It finishes its writing first."""
        process = self._process
        assert process is not None
        assert process.stdin is not None
        process.stdin.close()
        # Popen.wait with a time limit looks at growing intervals, without one it returns at once.
        killing = threading.Timer(_LONGEST_END_S, process.kill)
        killing.start()
        try:
            return process.wait()
        finally:
            killing.cancel()

    def has_ended(self) -> bool:
        """Tell whether the proxy has ended by itself."""
        return self._process is not None and self._process.poll() is not None


def _environment(configuration: ProxyConfiguration) -> dict[str, str]:
    kept = {
        name: value for name, value in configuration.environment.items() if name not in _NOT_FOR_THE_PROXY
    }
    return {**kept, DIRECT_HOSTS: " ".join(configuration.direct_hosts)}


def _pipe_with(content: bytes) -> int:
    """Return the reading end of a pipe that holds a few kilobytes, for a child; no other process can read it."""
    reading, writing = os.pipe()
    with open(writing, "wb") as pipe:
        pipe.write(content)
    return reading
