"""Find the proxy of a pytest run: its own one, that of `openai-replay run`, or that of xdist's controller."""

from __future__ import annotations

import json
import os
import socket
import tempfile
import threading
from pathlib import Path
from typing import Any, Protocol

import pytest

from ..errors import OpenAIReplayError
from ..front_end import FRONT_END, FrontEnd
from .proxy_program import RUN, ProxyDescription, ProxyProgram, program
from .pytest_options import arguments, variables
from .running_proxy import ProxyFailed

# How a worker of xdist finds the controller: it needs the proxy before pytest gives it the controller's input.
CONTROLLER = "OPENAI_REPLAY_PYTEST_CONTROLLER"


class Proxies(Protocol):
    """Knows the proxy of the run."""

    def described(self) -> ProxyDescription:
        """Return it, having started it if need be.

        Raises:
            ProxyFailed: it does not start.
        """


class OwnProxy:
    """A proxy that this process starts when it is first needed."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._environment = dict(os.environ)
        self._maybe_program: ProxyProgram | None = None
        self._maybe_json: dict[str, Any] | None = None
        self._failure = ""

    def described(self) -> ProxyDescription:
        """Return the proxy, having started it if need be.

        Raises:
            ProxyFailed: it does not start, or did not when it was to.
        """
        return ProxyDescription.from_json(self.as_json())

    def as_json(self) -> dict[str, Any]:
        """Return the description of the proxy as the program gave it, having started it if need be.

        Raises:
            ProxyFailed: it does not start, or did not when it was to.
        """
        with self._lock:
            if self._failure:
                raise ProxyFailed(self._failure)
            if self._maybe_json is None:
                self._maybe_json = self._started()
            return self._maybe_json

    def _started(self) -> dict[str, Any]:
        try:
            command = program(self._config.getini("openai_replay_program"))
            environment = {
                **self._environment,
                **variables(self._config),
                FRONT_END: FrontEnd.PYTEST.value,
            }
            self._maybe_program = ProxyProgram(command, arguments(self._config), environment)
            return self._maybe_program.start()
        except ProxyFailed as exc:
            self._failure = str(exc)
            raise

    def has_started(self) -> bool:
        """Tell whether a test, or an option, has needed the proxy."""
        return self._maybe_json is not None

    def log(self) -> list[str]:
        """Return the lines that the proxy has logged."""
        return [] if self._maybe_program is None else self._maybe_program.log()

    def stop(self) -> None:
        """End the proxy."""
        if self._maybe_program is not None:
            self._maybe_program.stop()


class RunsProxy:
    """The proxy of the `openai-replay run` that pytest runs under."""

    def __init__(self, described: str) -> None:
        self._described = ProxyDescription.from_json(json.loads(described))

    def described(self) -> ProxyDescription:
        """Return the proxy."""
        return self._described


class ControllersProxy:
    """The proxy of xdist's controller, as a worker sees it."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._maybe_described: ProxyDescription | None = None

    def described(self) -> ProxyDescription:
        """Return the proxy; the first call gets it from the controller.

        Raises:
            ProxyFailed: the controller could not start it.
        """
        if self._maybe_described is None:
            self._maybe_described = ProxyDescription.from_json(self._asked())
        return self._maybe_described

    def _asked(self) -> dict[str, Any]:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self._path)
            connection.sendall(Question.WHERE)
            with connection.makefile("rb") as answer:
                answered: dict[str, Any] = json.load(answer)
        if "error" in answered:
            raise ProxyFailed(answered["error"])
        return answered


class Question:
    """The questions to the switchboard, a byte each."""

    WHERE = b"?"
    END = b"."


class Switchboard:
    """Tells xdist's workers, in a thread of the controller's, where its proxy listens."""

    def __init__(self, proxy: OwnProxy) -> None:
        self._proxy = proxy
        self._folder = tempfile.TemporaryDirectory(prefix="openai-replay-")
        self.path = str(Path(self._folder.name) / "controller")
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(self.path)
        self._socket.listen()
        self._thread = threading.Thread(target=self._answer_all, name="openai-replay", daemon=True)
        self._thread.start()

    def _answer_all(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            with connection:
                match connection.recv(1):
                    case Question.WHERE:
                        connection.sendall(self._answer())
                    case Question.END:
                        return

    def _answer(self) -> bytes:
        try:
            return json.dumps(self._proxy.as_json()).encode()
        except OpenAIReplayError as exc:
            return json.dumps({"error": str(exc)}).encode()

    def close(self) -> None:
        """End the thread."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self.path)
            connection.sendall(Question.END)
            self._thread.join()
        self._socket.close()
        self._folder.cleanup()


def proxies_of(config: pytest.Config) -> Proxies:
    """Return the proxy of this process's run: the controller's, that of `openai-replay run`, or an own one."""
    if controller := os.environ.pop(CONTROLLER, ""):  # not for a pytest that a test starts
        return ControllersProxy(controller)
    if described := os.environ.get(RUN):
        return RunsProxy(described)
    return OwnProxy(config)
