"""The pytest plugin: each test has its own recordings, through one proxy for the whole run.

It does nothing until a test uses the fixture `openai_replay`, unless the ini option of that name or an option of the
command line turns it on: then the proxy starts before test modules are imported, so that clients made at import use it.
With pytest-xdist the controller starts it, when a worker asks for it.

A test that has clients of any age needs one environment for the process and one for the test. Clients made at import
use an alias for a test id, and the proxy is told before each test which test it stands for.
"""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import astuple, dataclass, field
from typing import Any

import pytest

from ..errors import OpenAIReplayError
from ..report_files.by_test import explained
from .bypass import BypassGuard, explanation
from .pytest_options import (
    add_options,
    conditions,
    is_on,
    mode,
    refuse_options_under_run,
    selects_tests,
)
from .pytest_outcome import Outcome, TestsRun, outcome, outcome_without_proxy, problems
from .pytest_proxies import CONTROLLER, OwnProxy, Proxies, RunsProxy, Switchboard, proxies_of
from .running_proxy import ALIAS_PREFIX, ProxyFailed, RunningProxy


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the options."""
    add_options(parser)


# --- the environment of this process ---


class Process:
    """This process's side of the plugin: its environment, its clients' alias, and the guard against bypasses."""

    def __init__(self, config: pytest.Config, proxies: Proxies) -> None:
        self.proxies = proxies
        self.guard = BypassGuard()
        self.alias = f"{ALIAS_PREFIX}{uuid.uuid4().hex}"
        self.is_on = is_on(config)
        self.is_for_all = bool(config.getini("openai_replay"))
        # Some tests of the run use the fixture, and others do not. Known when the tests are collected.
        self.is_for_some = False

    @contextmanager
    def using_proxy(self) -> Iterator[None]:
        """Lead clients that are made in the block through the proxy, and refuse connections past it."""
        described = self.proxies.described()
        with _environment_set_to(described.environment_for(self.alias, os.environ)):
            with self.guard.watching(described.hosts):
                yield

    @contextmanager
    def noting_bypasses(self) -> Iterator[None]:
        """Note connections to recorded hosts in the block, which belongs to a test that does not use the fixture."""
        with ExitStack() as stack:
            with suppress(OpenAIReplayError):
                stack.enter_context(self.guard.watching(self.proxies.described().hosts, refuses=False))
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
    refuse_options_under_run(early_config)
    with _proxy_from_start(_process(early_config)):
        try:
            yield
        except Exception as exc:
            if _lacks_key(early_config, str(exc)):
                print(f"openai-replay: a conftest file makes a client: {_IN_EVERY_TEST}", file=sys.stderr)
            raise


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Import test modules, and the clients that they make, with the proxy if it is known to be used."""
    with _proxy_from_start(_process(session.config)):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Run a test that uses the fixture with the proxy, and with it the fixtures of a wider scope that start here."""
    process = _process(item.config)
    with ExitStack() as stack:
        if _uses_fixture(item):
            stack.enter_context(_using_proxy_that_starts(process))
        elif process.is_for_some:
            stack.enter_context(process.noting_bypasses())
        return (yield)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Note whether some of the tests use the fixture, and others do not."""
    _process(session.config).is_for_some = len({_uses_fixture(item) for item in session.items}) > 1


def _uses_fixture(item: pytest.Item) -> bool:
    return "openai_replay" in getattr(item, "fixturenames", ())


@contextmanager
def _proxy_from_start(process: Process) -> Iterator[None]:
    """Use the proxy in the block if it is known to be used.

    Raises:
        UsageError: it does not start. The tests would fail with errors that hide the reason.
    """
    with ExitStack() as stack:
        if process.is_on:
            try:
                stack.enter_context(process.using_proxy())
            except OpenAIReplayError as exc:
                raise pytest.UsageError(f"openai-replay: {exc}") from None
        yield


@contextmanager
def _using_proxy_that_starts(process: Process) -> Iterator[None]:
    """Use the proxy in the block. If it does not start, the tests report that and fail."""
    with ExitStack() as stack:
        with suppress(OpenAIReplayError):
            stack.enter_context(process.using_proxy())
        yield


def _process(config: pytest.Config) -> Process:
    """Return this process's side of the plugin, made when it is first needed."""
    if _PROCESS not in config.stash:
        config.stash[_PROCESS] = Process(config, proxies_of(config))
    return config.stash[_PROCESS]


def pytest_configure(config: pytest.Config) -> None:
    """Prepare, without starting anything."""
    process = _process(config)
    config.stash[_SEEN] = seen = TestsSeen()
    config.pluginmanager.register(seen, "openai_replay_tests_seen")
    if process.is_for_all:
        config.pluginmanager.register(EveryTest(), "openai_replay_every_test")
    if isinstance(process.proxies, OwnProxy) and config.getoption("dist", "no") != "no":
        config.stash[_SWITCHBOARD] = switchboard = Switchboard(process.proxies)
        os.environ[CONTROLLER] = switchboard.path


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the proxy with the run."""
    if _SWITCHBOARD in config.stash:
        os.environ.pop(CONTROLLER, None)
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
    with ExitStack() as stack:
        with _failing_with_reason():
            recorded = _recorded_test(process, request.node.nodeid)
            # A rerun of the test must not count as a repeat, nor must earlier requests of its fixtures.
            recorded.proxy.reset(recorded.test_id)
            request.node.stash[_RECORDED_TEST] = recorded
            stack.enter_context(process.using_proxy())
            stack.enter_context(process.attributed_to(recorded.test_id))
        stack.enter_context(_environment_set_to(recorded.environment))
        yield recorded


class EveryTest:
    """A plugin that is there when the ini file says that every test is recorded."""

    @pytest.fixture(autouse=True)
    def _openai_replay_in_every_test(self, openai_replay: RecordedTest) -> None:
        pass


@contextmanager
def _failing_with_reason() -> Iterator[None]:
    """Fail the test where the proxy does not start or answer, with the reason alone, without a chain of errors."""
    try:
        yield
    except OpenAIReplayError as exc:
        raise pytest.fail.Exception(f"openai-replay: {exc}", pytrace=False) from None


def _recorded_test(process: Process, test_id: str) -> RecordedTest:
    described = process.proxies.described()
    if described.unrecorded_base_url:
        pytest.fail(
            f"openai-replay: OPENAI_BASE_URL is {described.unrecorded_base_url}: expected one of the recorded hosts, "
            f"{', '.join(described.hosts)}; see recording_hosts",
            pytrace=False,
        )
    environment = described.environment_for(test_id, os.environ)
    return RecordedTest(test_id, described.url_for(test_id), environment, described.running)


# --- reports ---

# The attribute of a test's report that says that the test used the fixture; xdist hands it to the controller.
_USES_FIXTURE = "uses_openai_replay"

# The attribute that names the recorded host that a test without the fixture looked up.
_PAST_PROXY = "past_openai_replay"

_IN_EVERY_TEST = (
    "set openai_replay = true in the ini file, and the proxy and a key for it are there before any import"
)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Add the remedy to the error of a module whose client, made at import, finds no key."""
    made = yield
    if made.failed and _lacks_key(collector.config, made.longreprtext):
        text = f"A client is made at import, before a fixture can lead it to the proxy: {_IN_EVERY_TEST}"
        made.sections.append(("openai-replay: no key", text))
    return made


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to a failing test its misses, and let a test fail one of whose clients went past the proxy."""
    made = yield
    guard = _process(item.config).guard
    _fail_for_bypass(made, guard.taken())
    if hosts := guard.taken_notes():
        setattr(made, _PAST_PROXY, hosts[0])
    recorded = item.stash.get(_RECORDED_TEST, None)
    if recorded is not None:
        setattr(made, _USES_FIXTURE, True)
        _add_misses(made, recorded)
    elif made.failed and _lacks_key(item.config, made.longreprtext):
        text = f"The test does not use the fixture openai_replay: name it in the test, or {_IN_EVERY_TEST}"
        made.sections.append(("openai-replay: no key", text))
    return made


def _add_misses(made: pytest.TestReport, recorded: RecordedTest) -> None:
    if made.failed and made.when != "teardown":
        with suppress(ProxyFailed):
            if missed := recorded.report()["missed"]:
                lines = (line for miss in missed for line in explained(miss))
                made.sections.append(("openai-replay: no recorded answer", "\n".join(lines)))


def _fail_for_bypass(made: pytest.TestReport, hosts: list[str]) -> None:
    reasons = [explanation(host) for host in hosts]
    if reasons and made.passed:
        made.outcome, made.longrepr = "failed", "\n".join(reasons)
    elif reasons:
        made.sections.append(("openai-replay: past the proxy", "\n".join(reasons)))


def _lacks_key(config: pytest.Config, error: str) -> bool:
    """Tell whether an error is that of an SDK without a key, which the plugin would have given it."""
    return not is_on(config) and "OPENAI_API_KEY" in error and "OPENAI_API_KEY" not in os.environ


_OUTCOME = pytest.StashKey[Outcome]()


class TestsSeen:
    """Notes which tests ran, used the fixture, or went past the proxy, in the process that sums up the run."""

    __test__ = False  # not a test class for pytest

    def __init__(self) -> None:
        self.using_fixture: set[str] = set()
        self.past_proxy: dict[str, str] = {}
        self.have_run = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a test, also one that another process has run."""
        self.have_run = True
        if host := getattr(report, _PAST_PROXY, ""):
            self.past_proxy[report.nodeid] = host
        if getattr(report, _USES_FIXTURE, False):
            self.using_fixture.add(report.nodeid)


_SEEN = pytest.StashKey[TestsSeen]()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let the run fail where --fail-on-… says so, or a recording was lost."""
    session.config.stash[_OUTCOME] = ended = _outcome(session.config)
    if ended.problems and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _outcome(config: pytest.Config) -> Outcome:
    seen = config.stash[_SEEN]
    tests = TestsRun(seen.using_fixture, not selects_tests(config), seen.past_proxy, seen.have_run)
    fail_on = conditions(config)
    try:
        match _process(config).proxies:
            case OwnProxy() as proxy if proxy.has_started():
                return outcome(proxy.described(), proxy.log(), tests, fail_on)
            case OwnProxy():
                return outcome_without_proxy(mode(config), tests, fail_on)
            case RunsProxy() as proxy if any(astuple(fail_on)) and not hasattr(config, "workerinput"):
                return problems(proxy.described(), tests, fail_on, proxy.described().running.report())
    except ProxyFailed as exc:
        return Outcome(problems=(str(exc),))
    return Outcome()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> Generator[None, None, None]:
    """Sum up the run's use of the recordings, if there was any, below the failed tests."""
    yield
    ended = config.stash.get(_OUTCOME, Outcome())
    if ended == Outcome():
        return
    terminalreporter.section("openai-replay")
    for line in ended.warnings:
        terminalreporter.write_line(line, yellow=True)
    for line in ended.lines:
        terminalreporter.write_line(line)
    for line in ended.problems:
        terminalreporter.write_line(f"openai-replay: {line}", red=True)
