"""The program `openai-replay proxy` as a child process, for a test runner: the runner needs the standard library alone.

So mitmproxy need not be installed beside the tests: the program may be one that pipx or `uv tool` has installed.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Self
from urllib.parse import quote

from .running_proxy import ProxyFailed, RunningProxy

_PROGRAM = "openai-replay"

# Packages that the program needs besides its own.
_NEEDED = ("mitmproxy", "orjson", "click", "cryptography")

_ERROR = f"{_PROGRAM}: error: "

# The environment variable in which `openai-replay run` describes its proxy to a test runner, as `openai-replay proxy`
# prints it.
RUN = "OPENAI_REPLAY_RUN"

# Stands in the described variables and URLs for a test id.
PLACEHOLDER = "openai-replay-test-id"


@dataclass(frozen=True, slots=True)
class ProxyDescription:
    """A running proxy, and how a program reaches it.

    Attributes:
        running: the control page of the proxy.
        url: its URL, or the base URL that it stands for, with a placeholder for the test id.
        mode: its `recording_mode`.
        directory: the folder of the recordings.
        hosts: the recorded hosts, none in mode live.
        environment: variables for a program that uses it, None for a variable to be unset; with the same placeholder.
        unrecorded_base_url: OPENAI_BASE_URL where it leads to a host that is not recorded, "" otherwise.
        without_key: a warning that a key is missing while recording, "" otherwise.
    """

    running: RunningProxy
    url: str
    mode: str
    directory: str
    hosts: tuple[str, ...]
    environment: Mapping[str, str | None] = field(repr=False)
    unrecorded_base_url: str = ""
    without_key: str = ""

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> Self:
        """Return the description that the program prints."""
        return cls(
            RunningProxy(described["port"], described["is_reverse"]),
            described["url"],
            described["mode"],
            described["directory"],
            tuple(described["hosts"]),
            described["environment"],
            described["unrecorded_base_url"],
            described["without_key"],
        )

    def url_for(self, test_id: str) -> str:
        """Return the URL for a test."""
        return _for_test(self.url, test_id)

    def environment_for(self, test_id: str, environment: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of a test: `environment`, with the variables that lead to the proxy."""
        result = {name: value for name, value in environment.items() if name not in self.environment}
        set_here = {name: value for name, value in self.environment.items() if value is not None}
        return result | {name: _for_test(value, test_id) for name, value in set_here.items()}


class ProxyProgram:
    """The program, from `start` to `stop`.

    Args:
        command: the program and its first arguments, as `program` gives it.
        arguments: of `openai-replay proxy`.
        environment: its variables.
    """

    def __init__(
        self, command: Sequence[str], arguments: Sequence[str], environment: Mapping[str, str]
    ) -> None:
        self._command = [*command, "proxy", "--test-id", PLACEHOLDER, *arguments]
        self._environment = environment
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed by `stop`
        self._maybe_process: subprocess.Popen[bytes] | None = None

    def start(self) -> dict[str, Any]:
        """Start the program, and return its description of the proxy, which listens then; see `ProxyDescription`.

        Raises:
            ProxyFailed: there is no such program, or it ended instead; the message has its log.
        """
        try:
            process = self._maybe_process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                env=dict(self._environment),
                start_new_session=True,  # Ctrl-C is for the tests, which still need the proxy when they end
            )
        except OSError as exc:
            raise ProxyFailed(f"{self._command[0]} cannot be run: {exc.strerror}") from exc
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            process.wait()
            raise ProxyFailed(_reason(self.log()))
        described: dict[str, Any] = json.loads(line)
        return described

    def log(self) -> list[str]:
        """Return the lines that the program and the proxy have written to standard error."""
        # pread, for else the proxy would go on writing where this process has read to.
        log = self._log.fileno()
        return os.pread(log, os.fstat(log).st_size, 0).decode(errors="replace").splitlines()

    def stop(self) -> None:
        """End the program, and the proxy with it."""
        if self._maybe_process is not None:
            self._maybe_process.communicate()
        self._log.close()


def program(configured: str) -> list[str]:
    """Return the program that runs the proxy: the configured one, else this package's, else one on PATH.

    Raises:
        ProxyFailed: this environment lacks packages that it needs, and PATH has no other.
    """
    if configured:
        return [configured]
    lacking = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if not lacking:
        return [sys.executable, "-P", "-m", "openai_replay"]
    # The script beside this Python lacks the same packages.
    folders = [folder for folder in os.get_exec_path() if Path(folder) != Path(sys.executable).parent]
    if found := shutil.which(_PROGRAM, path=os.pathsep.join(folders)):
        return [found]
    raise ProxyFailed(
        f"this environment has no {lacking[0]}, and PATH no other {_PROGRAM}: install it with pipx or `uv tool`, or "
        "name it by the ini option openai_replay_program"
    )


def _reason(log: Sequence[str]) -> str:
    """Return why the program ended: its own error, or else all that it has written."""
    errors = [line.removeprefix(_ERROR) for line in log if line.startswith(_ERROR)]
    return errors[0] if errors else "\n".join(["the proxy did not start", *log])


def _for_test(text: str, test_id: str) -> str:
    return text.replace(PLACEHOLDER, quote(test_id, safe=""))
