"""The proxy as a child process: started on free ports, awaited until it listens, asked, and ended by its handle.

It is in a session of its own, so that what a terminal sends to the command (Ctrl-C) does not end the proxy under it,
and it ends by itself when this process is gone, however that came about: its standard input is a pipe from here.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from ..errors import OpenAIReplayError
from ..proxy.companion import ANNOUNCE_FD, MOCK_SCRIPT, SCRIPT
from ..service.control import HOST
from .environment import ADDRESS

# A proxy that was told to end and has not after this long is ended the hard way.
_LONGEST_END_S = 30

_LONGEST_ANSWER_S = 120

# What the proxy is to believe is in its options. Python's own variables stay: they may be how it is installed.
_NOT_FOR_THE_PROXY = ("SSLKEYLOGFILE", "MITMPROXY_SSLKEYLOGFILE", "PYTHONWARNINGS", "PYTHONDEVMODE")

# Which program the proxy is, said here alone. -P: what lies about in the working directory is no module of ours.
PROXY_PROGRAM = (sys.executable, "-P", "-m", "openai_replay.proxy.serve")


class ProxyFailed(OpenAIReplayError):
    """The proxy did not start, or did not answer."""


def addon_script() -> Path:
    """Return the script that mitmdump loads: in an installed package inside it, in a checkout above it."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "_script" / "replay.py"
    return installed if installed.exists() else package.parent / "replay.py"


@dataclass(frozen=True, slots=True)
class RunningProxy:
    """A proxy that runs, in whatever process: where it listens, and what can be asked of it."""

    port: int
    is_reverse: bool

    def report(self, test_id: str | None = None) -> dict[str, Any]:
        """Return the report of the run so far, or of one test.

        Raises:
            ProxyFailed: the proxy does not answer.
        """
        reported: dict[str, Any] = self._ask("GET", f"/report{_scope(test_id)}")
        return reported

    def reset(self, test_id: str) -> None:
        """Begin the repeats of a test anew.

        Raises:
            ProxyFailed: the proxy does not answer.
        """
        self._ask("POST", f"/reset{_scope(test_id)}")

    def _ask(self, method: str, path: str) -> Any:
        target = f"/@{path}" if self.is_reverse else f"http://{HOST}{path}"
        connection = http.client.HTTPConnection(ADDRESS, self.port, timeout=_LONGEST_ANSWER_S)
        try:
            connection.request(method, target)
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as exc:
            raise ProxyFailed(f"the proxy at {ADDRESS}:{self.port} does not answer: {exc}") from exc
        finally:
            connection.close()
        if response.status != 200:
            raise ProxyFailed(
                f"the proxy at {ADDRESS}:{self.port} answers {method} {path} with {response.status}"
            )
        return json.loads(content)


@dataclass(frozen=True, slots=True)
class ProxyConfiguration:
    """What a proxy is started with.

    Attributes:
        confdir: the folder of its certificate authority.
        mode: mitmproxy's, `regular`, `upstream:URL` or `reverse:URL`.
        options: the options, as (name, value); a list has its name several times.
        environment: what it runs in.
        log: the file descriptor that warnings and errors are written to, None for this process's standard error.
        against_mock: the mock API takes the place of every host.
    """

    confdir: Path
    mode: str
    options: Sequence[tuple[str, str]]
    environment: Mapping[str, str]
    log: int | None = None
    against_mock: bool = False

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
    """A proxy that runs from `with` to the end of the block, or from `start` to `stop`."""

    configuration: ProxyConfiguration
    _maybe_running: RunningProxy | None = field(default=None, init=False)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def __enter__(self) -> Self:
        self.start()
        return self

    @property
    def running(self) -> RunningProxy:
        """The proxy, which has been started."""
        assert self._maybe_running is not None
        return self._maybe_running

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the proxy, and return when it listens.

        Raises:
            ProxyFailed: it ended instead; it has said why on standard error.
        """
        configuration = self.configuration
        reading, writing = os.pipe()
        environment = {
            name: value for name, value in configuration.environment.items() if name not in _NOT_FOR_THE_PROXY
        }
        try:
            self._process = subprocess.Popen(
                configuration.command(),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=configuration.log,
                pass_fds=(writing,),
                env={**environment, ANNOUNCE_FD: str(writing)},
                start_new_session=True,
            )
        finally:
            os.close(writing)
        try:
            # Ends when the proxy has written it, or has itself ended.
            with open(reading, "rb") as announcement:
                text = announcement.read()
            if not text:
                raise ProxyFailed("the proxy did not start")
            is_reverse = configuration.mode.startswith("reverse:")
            self._maybe_running = RunningProxy(int(text), is_reverse)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> int:
        """End the proxy and return its exit status. It finishes what it is writing."""
        process = self._process
        assert process is not None
        assert process.stdin is not None
        process.stdin.close()
        try:
            return process.wait(_LONGEST_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def has_ended(self) -> bool:
        """Tell whether the proxy has ended by itself."""
        return self._process is not None and self._process.poll() is not None


def _scope(test_id: str | None) -> str:
    return "" if test_id is None else f"?test_id={quote(test_id, safe='')}"
