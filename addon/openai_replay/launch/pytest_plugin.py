"""The pytest plugin: each test has its own recordings, through one proxy for the whole run.

It does nothing until a test uses the fixture `openai_replay`, unless the ini option of that name or an option of the
command line turns it on: then the proxy starts before test modules are imported, so that clients made at import use it.
With pytest-xdist the controller starts it, when a worker asks for it.

A test that has clients of any age needs one environment for the process and one for the test. Clients made at import
use an alias for a test id, and the proxy is told before each test which test it stands for.
"""

from __future__ import annotations

import json
import os
import socket
import tempfile
import threading
import uuid
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pytest

from ..errors import OpenAIReplayError
from ..front_end import FRONT_END, FrontEnd
from ..modes import Mode
from ..report_files.by_test import changed_answers, explained
from .bypass import BypassGuard, explanation
from .outcome import Conditions, failures, other_apis, recorded_failures, saw_request, summary
from .proxy_program import ProxyDescription, ProxyProgram, program
from .running_proxy import ALIAS_PREFIX, ProxyFailed, RunningProxy

# How a worker of xdist finds the controller: it needs the proxy before pytest gives it the controller's input.
_CONTROLLER = "OPENAI_REPLAY_PYTEST_CONTROLLER"

# How many exchanges that were not recorded are named at the end.
_MOST_NAMED = 20


# --- options ---


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the options."""
    group = parser.getgroup("openai-replay", "recordings of the OpenAI API")
    group.addoption(
        "--recording-mode",
        choices=[mode.value for mode in Mode],
        help="How requests to the API are answered.",
    )
    group.addoption("--recording-dir", metavar="DIR", help="The folder of the recordings.")
    group.addoption(
        "--recording-base-url",
        action="store_true",
        help="Set OPENAI_BASE_URL for the tests, instead of proxy variables and certificates.",
    )
    group.addoption(
        "--recording-pass-key",
        action="store_true",
        help="Leave the real API keys to the tests, in place of dummies.",
    )
    group.addoption(
        "--recording-against-mock",
        action="store_true",
        help="Record from the mock API: made-up answers, no key, no network.",
    )
    group.addoption("--fail-on-miss", action="store_true", help="Fail when a request had no recording.")
    group.addoption("--fail-on-unused", action="store_true", help="Fail when a recording was not used.")
    group.addoption(
        "--fail-on-no-request",
        action="store_true",
        help="Fail when no request of the tests reached the proxy.",
    )
    parser.addini("openai_replay", "Use the fixture openai_replay in every test.", type="bool", default=False)
    parser.addini("recording_mode", "How requests to the API are answered; replay without this.")
    parser.addini(
        "recording_dir", "The folder of the recordings, from the root directory; recordings without this."
    )
    parser.addini("recording_base_url", "As --recording-base-url.", type="bool", default=False)
    parser.addini(
        "openai_replay_program",
        "The program openai-replay that runs the proxy, for tests without mitmproxy in their environment.",
    )


def _option(config: pytest.Config, name: str) -> Any:
    """Return an option of the command line, also while pytest has not read all of it yet."""
    return getattr(config.known_args_namespace, name.removeprefix("--").replace("-", "_"))


def _arguments(config: pytest.Config) -> list[str]:
    """Return the arguments of `openai-replay proxy`."""
    uses_base_url = _option(config, "--recording-base-url") or config.getini("recording_base_url")
    chosen = {
        "--base-url": uses_base_url,
        "--pass-key": _option(config, "--recording-pass-key"),
        "--against-mock": _option(config, "--recording-against-mock"),
    }
    return [flag for flag, is_set in chosen.items() if is_set]


def _variables(config: pytest.Config) -> dict[str, str]:
    """Return the options: of the command line first, then of the environment, then of the ini file."""
    mode = _option(config, "--recording-mode") or (
        os.environ.get("OPENAI_RECORDING_MODE") or config.getini("recording_mode")
    )
    named = {"OPENAI_RECORDING_MODE": mode, "OPENAI_RECORDING_DIR": _directory(config)}
    return {name: value for name, value in named.items() if value}


def _directory(config: pytest.Config) -> str:
    if given := _option(config, "--recording-dir"):
        return str(config.invocation_params.dir / given)
    configured = os.environ.get("OPENAI_RECORDING_DIR") or config.getini("recording_dir") or "recordings"
    return str(config.rootpath / configured)


def _is_on(config: pytest.Config) -> bool:
    """Tell whether the tests are known to use the proxy before any of them has been imported."""
    options = (
        "--recording-mode",
        "--recording-dir",
        "--recording-base-url",
        "--recording-against-mock",
    )
    return bool(config.getini("openai_replay") or any(_option(config, option) for option in options))


# --- the proxy of the run ---


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
                **_variables(self._config),
                FRONT_END: FrontEnd.PYTEST.value,
            }
            self._maybe_program = ProxyProgram(command, _arguments(self._config), environment)
            return self._maybe_program.start()
        except ProxyFailed as exc:
            self._failure = str(exc)
            raise

    def warnings(self) -> list[str]:
        """Return the warnings of the proxy's log, except misses, which the tests that missed show."""
        logged = self._maybe_program.log() if self._maybe_program is not None else []
        lines = (line for line in logged if line.startswith("openai-replay: "))
        return [line for line in lines if ": No recording for " not in line]

    def report(self) -> Mapping[str, Any] | None:
        """Return the report of the run, None when the proxy was never needed.

        Raises:
            ProxyFailed: it does not answer.
        """
        return None if self._maybe_json is None else self.described().running.report()

    def stop(self) -> None:
        """End the proxy."""
        if self._maybe_program is not None:
            self._maybe_program.stop()


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


# --- the environment of this process ---


class Process:
    """This process's side of the plugin: its environment, its clients' alias, and the guard against bypasses."""

    def __init__(self, config: pytest.Config, proxies: Proxies) -> None:
        self.proxies = proxies
        self.guard = BypassGuard()
        self.alias = f"{ALIAS_PREFIX}{uuid.uuid4().hex}"
        self.is_on = _is_on(config)
        self.is_for_all = bool(config.getini("openai_replay"))

    @contextmanager
    def using_proxy(self) -> Iterator[None]:
        """Lead clients that are made in the block through the proxy, and refuse connections past it."""
        described = self.proxies.described()
        with _environment_set_to(described.environment_for(self.alias, os.environ)):
            with self.guard.watching(described.hosts):
                yield

    @contextmanager
    def attributed_to(self, test_id: str) -> Iterator[None]:
        """Attribute requests of earlier made clients to a test, until the block ends."""
        running = self.proxies.described().running
        running.alias(self.alias, test_id)
        try:
            yield
        finally:
            with suppress(ProxyFailed):
                running.alias(self.alias, None)


@contextmanager
def _environment_set_to(environment: Mapping[str, str]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ.keys() - environment.keys():
            patch.delenv(name)
        for name, value in environment.items():
            if os.environ.get(name) != value:
                patch.setenv(name, value)
        yield


_PROCESS = pytest.StashKey[Process]()
_SWITCHBOARD = pytest.StashKey[Switchboard]()


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """Import conftest files, and make the clients in them, with the proxy if it is known to be used."""
    process = _process(early_config)
    with _using_proxy_if(process, process.is_on):
        yield


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Import test modules, and the clients that they make, with the proxy if it is known to be used."""
    process = _process(session.config)
    with _using_proxy_if(process, process.is_on):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Run a test that uses the fixture with the proxy, and with it the fixtures of a wider scope that start here."""
    process = _process(item.config)
    uses_fixture = "openai_replay" in getattr(item, "fixturenames", ())
    with _using_proxy_if(process, uses_fixture):
        return (yield)


@contextmanager
def _using_proxy_if(process: Process, is_used: bool) -> Iterator[None]:
    """Use the proxy in the block. If it does not start, the tests report that and fail."""
    with ExitStack() as stack:
        if is_used:
            with suppress(OpenAIReplayError):
                stack.enter_context(process.using_proxy())
        yield


def _process(config: pytest.Config) -> Process:
    """Return this process's side of the plugin, made when it is first needed."""
    if _PROCESS not in config.stash:
        controller = os.environ.pop(_CONTROLLER, "")  # not for a pytest that a test starts
        proxies: Proxies = ControllersProxy(controller) if controller else OwnProxy(config)
        config.stash[_PROCESS] = Process(config, proxies)
    return config.stash[_PROCESS]


def pytest_configure(config: pytest.Config) -> None:
    """Prepare, without starting anything."""
    process = _process(config)
    if process.is_for_all:
        config.pluginmanager.register(EveryTest(), "openai_replay_every_test")
    if isinstance(process.proxies, OwnProxy) and config.getoption("dist", "no") != "no":
        config.stash[_SWITCHBOARD] = switchboard = Switchboard(process.proxies)
        os.environ[_CONTROLLER] = switchboard.path


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the proxy with the run."""
    if _SWITCHBOARD in config.stash:
        os.environ.pop(_CONTROLLER, None)
        config.stash[_SWITCHBOARD].close()
    proxies = _process(config).proxies
    if isinstance(proxies, OwnProxy):
        proxies.stop()


# --- the tests ---


@dataclass(frozen=True, slots=True)
class RecordedTest:
    """A test as the proxy knows it: the value of the fixture.

    Attributes:
        test_id: the test's node id.
        url: the proxy's URL, or with --recording-base-url the API's base URL, for a client that is told in the code.
        environment: the variables of a program that the test starts; the test's own process has them already.
        proxy: the proxy of the whole run.
    """

    test_id: str
    url: str
    environment: dict[str, str] = field(repr=False)  # it holds keys, and pytest prints fixtures
    proxy: RunningProxy

    def report(self) -> dict[str, Any]:
        """Return the requests of this test that were replayed, recorded and missed."""
        return self.proxy.report(self.test_id)


_RECORDED_TEST = pytest.StashKey[RecordedTest]()


@pytest.fixture
def openai_replay(request: pytest.FixtureRequest) -> Iterator[RecordedTest]:
    """Record or replay the test's requests to the OpenAI API.

    The environment leads clients that the test makes, and programs that it starts, through the proxy under the test's
    own id. Clients made before, with the proxy known, count for the test that runs.
    """
    process = _process(request.config)
    recorded = _recorded_test(process, request.node.nodeid)
    # A rerun of the test must not count as a repeat, nor must earlier requests of its fixtures.
    recorded.proxy.reset(recorded.test_id)
    request.node.stash[_RECORDED_TEST] = recorded
    with process.using_proxy(), process.attributed_to(recorded.test_id):
        with _environment_set_to(recorded.environment):
            yield recorded


class EveryTest:
    """A plugin that is there when the ini file says that every test is recorded."""

    @pytest.fixture(autouse=True)
    def _openai_replay_in_every_test(self, openai_replay: RecordedTest) -> None:
        pass


def _described(process: Process) -> ProxyDescription:
    """Return the proxy; where it does not start, fail the test with the reason alone, without a chain of errors."""
    try:
        return process.proxies.described()
    except OpenAIReplayError as exc:
        reason = f"openai-replay: {exc}"
    pytest.fail(reason, pytrace=False)


def _recorded_test(process: Process, test_id: str) -> RecordedTest:
    described = _described(process)
    if described.unrecorded_base_url:
        pytest.fail(
            f"openai-replay: OPENAI_BASE_URL is {described.unrecorded_base_url}: expected one of the recorded hosts, "
            f"{', '.join(described.hosts)}; see recording_hosts",
            pytrace=False,
        )
    environment = described.environment_for(test_id, os.environ)
    return RecordedTest(test_id, described.url_for(test_id), environment, described.running)


# --- reports ---


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to a failing test its misses, and let a test fail one of whose clients went past the proxy."""
    made = yield
    _fail_for_bypass(made, _process(item.config).guard.taken())
    recorded = item.stash.get(_RECORDED_TEST, None)
    if recorded is not None and made.failed and made.when != "teardown":
        with suppress(ProxyFailed):
            if missed := recorded.report()["missed"]:
                lines = (line for miss in missed for line in explained(miss))
                made.sections.append(("openai-replay: no recorded answer", "\n".join(lines)))
    return made


def _fail_for_bypass(made: pytest.TestReport, hosts: list[str]) -> None:
    reasons = [explanation(host) for host in hosts]
    if reasons and made.passed:
        made.outcome, made.longrepr = "failed", "\n".join(reasons)
    elif reasons:
        made.sections.append(("openai-replay: past the proxy", "\n".join(reasons)))


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a run: lines for the summary, and why the run fails although its tests did not."""

    lines: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


_OUTCOME = pytest.StashKey[Outcome]()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let the run fail where --fail-on-… says so."""
    config = session.config
    proxies = _process(config).proxies
    if not isinstance(proxies, OwnProxy):
        return
    config.stash[_OUTCOME] = outcome = _outcome(config, proxies)
    if outcome.problems and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _outcome(config: pytest.Config, proxies: OwnProxy) -> Outcome:
    fail_on = Conditions(
        *(_option(config, f"--fail-on-{condition}") for condition in ("miss", "unused", "no-request"))
    )
    try:
        reported = proxies.report()
    except ProxyFailed as exc:
        return Outcome(problems=(str(exc),))
    if reported is None:
        unused = ("failed because of --fail-on-no-request: no test used the fixture openai_replay",)
        return Outcome(problems=unused if fail_on.no_request else ())
    unseen = "" if saw_request(reported["totals"]) else _NO_REQUEST
    without_key = proxies.described().without_key
    return Outcome(
        lines=(
            *_not_recorded(reported["not_recorded"]),
            *recorded_failures(reported),
            *other_apis(reported),
            *changed_answers(reported),
            summary(reported["totals"]),
        ),
        warnings=tuple(filter(None, (*proxies.warnings(), without_key, unseen))),
        problems=tuple(failures(fail_on, reported)),
    )


_NO_REQUEST = (
    "The proxy saw no request of the tests to a recorded host: they call no API, or a client goes past the proxy "
    "(addon/CLIENTS.md has the remedy for each)."
)


def _not_recorded(entries: list[Mapping[str, Any]]) -> list[str]:
    lines = [f"not recorded: {entry['request']}: {entry['reason']}" for entry in entries[:_MOST_NAMED]]
    if len(entries) > _MOST_NAMED:
        lines.append(f"not recorded: {len(entries) - _MOST_NAMED} more")
    return lines


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> Generator[None, None, None]:
    """Sum up the run's use of the recordings, if there was any, below the failed tests."""
    yield
    outcome = config.stash.get(_OUTCOME, Outcome())
    if outcome == Outcome():
        return
    terminalreporter.section("openai-replay")
    for line in outcome.warnings:
        terminalreporter.write_line(line, yellow=True)
    for line in outcome.lines:
        terminalreporter.write_line(line)
    for line in outcome.problems:
        terminalreporter.write_line(f"openai-replay: {line}", red=True)
