"""The pytest plugin: each test has its own recordings, through one proxy for the whole run.

It does nothing until a test uses the fixture `openai_replay`, or all do, by the ini option of that name. Then the
first such test starts the proxy. With pytest-xdist it is the controller that starts it, when a worker asks for it.
"""

from __future__ import annotations

import json
import os
import socket
import tempfile
import threading
from collections.abc import Generator, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Protocol, cast

import pytest

from ..errors import OpenAIReplayError
from ..options import Mode
from ..proxy.certificate_authority import certificate_authority, data_folder
from .environment import applied, base_url, dummy_key, proxy_url, through_base_url, through_proxy
from .plan import Plan, RunOptions, planned
from .proxy_process import ProxyProcess
from .run import configuration, trust_of
from .running_proxy import ProxyFailed, RunningProxy
from .trust import Trust

_WORKER_INPUT = "openai_replay_controller"


# --- options ---


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the options."""
    group = parser.getgroup("openai-replay", "recordings of the OpenAI API")
    group.addoption(
        "--recording-mode", choices=[mode.value for mode in Mode], help="What to do with requests to the API."
    )
    group.addoption("--recording-dir", metavar="DIR", help="The folder of the recordings.")
    group.addoption(
        "--recording-base-url",
        action="store_true",
        help="Set OPENAI_BASE_URL for the tests, instead of proxy variables and certificates.",
    )
    parser.addini("openai_replay", "Use the fixture openai_replay in every test.", type="bool", default=False)
    parser.addini("recording_mode", "What to do with requests to the API; replay without this.")
    parser.addini(
        "recording_dir", "The folder of the recordings, from the root directory; recordings without this."
    )
    parser.addini("recording_base_url", "As --recording-base-url.", type="bool", default=False)


def _plan(config: pytest.Config) -> Plan:
    """Read the options: of the command line first, then of the environment, then of the ini file."""
    mode = config.getoption("--recording-mode") or (
        os.environ.get("OPENAI_RECORDING_MODE") or config.getini("recording_mode") or None
    )
    return planned(RunOptions(mode, _directory(config), base_url=_uses_base_url(config)), os.environ)


def _directory(config: pytest.Config) -> str:
    if given := config.getoption("--recording-dir"):
        return str(config.invocation_params.dir / given)
    configured = os.environ.get("OPENAI_RECORDING_DIR") or config.getini("recording_dir") or "recordings"
    return str(config.rootpath / configured)


def _uses_base_url(config: pytest.Config) -> bool:
    return bool(config.getoption("--recording-base-url") or config.getini("recording_base_url"))


# --- the proxy of the run ---


class Proxies(Protocol):
    """Knows the proxy of the run."""

    def running(self) -> RunningProxy:
        """Return it, having started it if need be.

        Raises:
            ProxyFailed: it does not start.
        """


class OwnProxy:
    """A proxy that this process starts when it is asked for the first time."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._maybe_proxy: ProxyProcess | None = None
        self._maybe_log: IO[bytes] | None = None
        self._failure = ""

    def running(self) -> RunningProxy:
        """Return the proxy, having started it if need be.

        Raises:
            ProxyFailed: it does not start, or did not when it was to.
        """
        with self._lock:
            if self._failure:
                raise ProxyFailed(self._failure)
            if self._maybe_proxy is None:
                self._maybe_proxy = self._started()
            return self._maybe_proxy.running

    def _started(self) -> ProxyProcess:
        plan = _plan(self._config)
        authority = certificate_authority(data_folder(os.environ))
        self._maybe_log = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the run
        configured = configuration(plan, trust_of(authority), authority, os.environ)
        proxy = ProxyProcess(replace(configured, log=self._maybe_log.fileno()))
        proxy.start()
        try:
            proxy.wait()
        except ProxyFailed as exc:
            proxy.stop()
            self._failure = "\n".join([str(exc), *self._logged()])
            raise ProxyFailed(self._failure) from exc
        return proxy

    def warnings(self) -> list[str]:
        """Return what the proxy's log says to a person, misses apart, which the tests that missed show."""
        lines = (line for line in self._logged() if line.startswith("openai-replay: "))
        return [line for line in lines if ": No recording for " not in line]

    def _logged(self) -> list[str]:
        if self._maybe_log is None:
            return []
        # pread, for else the proxy would go on writing where this process has read to.
        log = self._maybe_log.fileno()
        return os.pread(log, os.fstat(log).st_size, 0).decode(errors="replace").splitlines()

    def totals(self) -> Mapping[str, int] | None:
        """Return the totals of the run's report, None when the proxy was never needed."""
        if self._maybe_proxy is None:
            return None
        totals: Mapping[str, int] = self._maybe_proxy.running.report()["totals"]
        return totals

    def stop(self) -> None:
        """End the proxy."""
        if self._maybe_proxy is not None:
            self._maybe_proxy.stop()
        if self._maybe_log is not None:
            self._maybe_log.close()


class ControllersProxy:
    """The proxy of xdist's controller, as a worker sees it."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._maybe_running: RunningProxy | None = None

    def running(self) -> RunningProxy:
        """Return the proxy, having asked the controller for it.

        Raises:
            ProxyFailed: the controller could not start it.
        """
        if self._maybe_running is None:
            self._maybe_running = self._asked()
        return self._maybe_running

    def _asked(self) -> RunningProxy:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self._path)
            connection.sendall(Question.WHERE)
            with connection.makefile("rb") as answer:
                answered = json.load(answer)
        if "error" in answered:
            raise ProxyFailed(answered["error"])
        return RunningProxy(**answered)


class Question:
    """What is said to the switchboard."""

    WHERE = b"?"
    END = b"."


class Switchboard:
    """Tells workers, in a thread of the controller's, where its proxy listens."""

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
            return json.dumps(asdict(self._proxy.running())).encode()
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


_PROXIES = pytest.StashKey[Proxies]()
_SWITCHBOARD = pytest.StashKey[Switchboard]()


def pytest_configure(config: pytest.Config) -> None:
    """Prepare, without starting anything."""
    worker_input = getattr(config, "workerinput", {})
    path = worker_input.get(_WORKER_INPUT)
    config.stash[_PROXIES] = ControllersProxy(path) if path else OwnProxy(config)
    if config.getini("openai_replay"):
        config.pluginmanager.register(EveryTest(), "openai_replay_every_test")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of xdist's where to ask for the proxy."""
    config: pytest.Config = node.config
    if _SWITCHBOARD not in config.stash:
        config.stash[_SWITCHBOARD] = Switchboard(cast(OwnProxy, config.stash[_PROXIES]))
    node.workerinput[_WORKER_INPUT] = config.stash[_SWITCHBOARD].path


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the proxy with the run."""
    if _SWITCHBOARD in config.stash:
        config.stash[_SWITCHBOARD].close()
    proxies = config.stash.get(_PROXIES, None)
    if isinstance(proxies, OwnProxy):
        proxies.stop()


# --- the tests ---


@dataclass(frozen=True, slots=True)
class RecordedTest:
    """A test as the proxy knows it: what the fixture gives.

    Attributes:
        test_id: the test's node id.
        url: the proxy's URL, or with --recording-base-url the API's base URL, for a client that is told in the code.
        environment: what a program that the test starts needs; the test's own process has it already.
        proxy: the proxy of the whole run.
    """

    test_id: str
    url: str
    environment: dict[str, str] = field(repr=False)  # it holds keys, and pytest prints fixtures
    proxy: RunningProxy

    def report(self) -> dict[str, Any]:
        """Return what this test replayed, recorded and missed."""
        return self.proxy.report(self.test_id)


_RECORDED_TEST = pytest.StashKey[RecordedTest]()
_TRUST = pytest.StashKey[Trust]()


@pytest.fixture
def openai_replay(request: pytest.FixtureRequest) -> Iterator[RecordedTest]:
    """Record or replay what the test asks of the OpenAI API.

    The environment leads clients that the test makes, and programs that it starts, through the proxy under the test's
    own id. A client made before, by a fixture of a wider scope, does not know of it.
    """
    config = request.config
    recorded = _recorded_test(config, request.node.nodeid)
    # A rerun of the test, and a fixture that asked before, must not count as repeats.
    recorded.proxy.reset(recorded.test_id)
    request.node.stash[_RECORDED_TEST] = recorded
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ.keys() - recorded.environment.keys():
            patch.delenv(name)
        for name, value in recorded.environment.items():
            if os.environ.get(name) != value:
                patch.setenv(name, value)
        yield recorded


class EveryTest:
    """A plugin that is there when the ini file says that every test is recorded."""

    @pytest.fixture(autouse=True)
    def _openai_replay_in_every_test(self, openai_replay: RecordedTest) -> None:
        pass


def _recorded_test(config: pytest.Config, test_id: str) -> RecordedTest:
    try:
        plan = _plan(config)
        proxy = config.stash[_PROXIES].running()
    except OpenAIReplayError as exc:
        pytest.fail(f"openai-replay: {exc}", pytrace=False)
    if plan.target is not None:
        url = base_url(proxy.port, plan.target.path, test_id)
        changes = through_base_url(os.environ, proxy.port, plan.target, test_id)
    else:
        url = proxy_url(proxy.port, test_id)
        changes = through_proxy(os.environ, proxy.port, _trust(config), plan.settings.hosts, test_id)
    changes |= dummy_key(os.environ, plan.settings.mode)
    return RecordedTest(test_id, url, applied(changes, os.environ), proxy)


def _trust(config: pytest.Config) -> Trust:
    if _TRUST not in config.stash:
        authority = certificate_authority(data_folder(os.environ))
        config.stash[_TRUST] = Trust(authority.folder / "trust", authority.certificate_file)
    return config.stash[_TRUST]


# --- what is said ---


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to a failing test what it asked for and nobody had recorded."""
    made = yield
    recorded = item.stash.get(_RECORDED_TEST, None)
    if recorded is not None and made.failed and made.when != "teardown":
        with suppress(ProxyFailed):
            if missed := recorded.report()["missed"]:
                made.sections.append(("openai-replay: no recording", "\n".join(map(_explanation, missed))))
    return made


def _explanation(miss: Mapping[str, Any]) -> str:
    times = f", {miss['times']} times" if miss["times"] > 1 else ""
    if "endpoint" not in miss:
        return f"No recording for request {miss['request'][:12]}{times}."
    line = f"No recording for {miss['method']} {miss['endpoint']} (request {miss['request'][:12]}){times}."
    if miss["nearest"] is None:
        return f"{line} There is none of this endpoint."
    differences = [
        f"    {difference['path']}: recorded {difference['recorded'] or 'nothing'}, "
        f"asked {difference['asked'] or 'nothing'}"
        for difference in miss["differences"]
    ]
    return "\n".join([f"{line} The nearest is {miss['nearest']}:", *differences])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what the run did with the recordings, if it did anything."""
    proxies = config.stash.get(_PROXIES, None)
    if not isinstance(proxies, OwnProxy):
        return
    try:
        totals = proxies.totals()
    except ProxyFailed as exc:
        terminalreporter.write_line(f"openai-replay: {exc}", red=True)
        return
    if totals is None:
        return
    counts = [f"{totals[name]} {name}" for name in ("replayed", "recorded", "missed", "unused")]
    counts += [f"{totals[name]} {name}" for name in ("paced", "faulted") if totals[name]]
    terminalreporter.section("openai-replay")
    for line in proxies.warnings():
        terminalreporter.write_line(line, yellow=True)
    terminalreporter.write_line(", ".join(counts))
