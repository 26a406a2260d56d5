"""Run the proxy as a child process: start it on free ports, wait until it listens, read its report, and end it.

It has its own session, so that Ctrl-C in a terminal, which is for the command, does not end the proxy under it. It ends
by itself when this process is gone, for any reason: its standard input is a pipe from here.
"""

from __future__ import annotations

import importlib
import json
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from ..errors import BadOption
from ..front_end import FRONT_END, FrontEnd
from ..proxy.companion import DIRECT_HOSTS, MOCK_SCRIPT, REQUEST_LOG, SCRIPT
from .prepared_proxy import PreparedProxy, for_the_proxy
from .running_proxy import ADDRESS, ProxyFailed, RunningProxy

# Seconds that a proxy has to end by itself; after that it is killed.
_LONGEST_END_S = 30


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
    """

    confdir: Path
    mode: str
    options: Sequence[tuple[str, str]]
    environment: Mapping[str, str]
    real_keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    direct_hosts: Sequence[str] = ()
    against_mock: bool = False
    request_log: str = "none"
    front_end: FrontEnd = FrontEnd.RUN

    def arguments(self) -> list[str]:
        """Return the command line, without the program."""
        scripts = ["-s", SCRIPT, "-s", str(addon_script())]
        if self.against_mock:
            scripts += ["-s", MOCK_SCRIPT]
        arguments = ["-q", *scripts, "--listen-host", ADDRESS, "--listen-port", "0"]
        arguments += ["--mode", self.mode, "--set", f"confdir={self.confdir}"]
        for name, value in self.options:
            arguments += ["--set", f"{name}={value}"]
        return arguments

    def variables(self) -> dict[str, str]:
        """Return the environment of the process."""
        return {
            **for_the_proxy(self.environment),
            DIRECT_HOSTS: " ".join(self.direct_hosts),
            REQUEST_LOG: self.request_log,
            FRONT_END: self.front_end.value,
        }


@dataclass(slots=True)
class ProxyProcess:
    """A proxy that runs from `with`, or `start`, to the end of the block, or `stop`. `wait` for it before its use.

    `prepared` is its process, None to start one.
    """

    configuration: ProxyConfiguration
    prepared: PreparedProxy | None = None
    _maybe_running: RunningProxy | None = field(default=None, init=False)

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
        if self.prepared is None:
            self.prepared = PreparedProxy(configuration.environment)
        described = {
            "arguments": configuration.arguments(),
            "environment": configuration.variables() | self.prepared.variables,
        }
        keys = json.dumps(dict(configuration.real_keys)).encode()
        self.prepared.configure(json.dumps(described).encode() + b"\n", keys)
        importlib.import_module("http.client")  # for the report at the end; here it takes no time from a run

    def wait(self) -> RunningProxy:
        """Return the proxy when it listens.

        Raises:
            BadOption: an option makes no sense to the proxy, such as a misspelt name.
            ProxyFailed: it ended instead; it has said why on standard error.
        """
        assert self.prepared is not None
        # Ends when the proxy has written it, or has itself ended.
        with open(self.prepared.announcement, encoding="utf-8", errors="replace") as announcement:
            text = announcement.read()
        if not text:
            raise ProxyFailed("the proxy did not start")
        if not text.isdecimal():
            raise BadOption(text)
        self._maybe_running = RunningProxy(int(text), self.configuration.mode.startswith("reverse:"))
        return self._maybe_running

    def stop(self) -> int:
        """End the proxy and return its exit status. It finishes its writing first."""
        assert self.prepared is not None
        process = self.prepared.process
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended already
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
        return self.prepared is not None and self.prepared.process.poll() is not None
