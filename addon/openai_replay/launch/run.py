"""`openai-replay run`: a proxy in front of a command, and gone with it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from ..errors import BadOption, OpenAIReplayError
from ..options import Mode, Settings
from ..options_file import resolve
from ..proxy.certificate_authority import certificate_authority, data_folder
from ..request.rules import Rules
from ..store.index import Index
from ..store.store import Store
from .child import CommandFailed, held_signals, run_command
from .environment import (
    Changes,
    Target,
    applied,
    dummy_key,
    original_base_url,
    target_of,
    through_base_url,
    through_proxy,
)
from .proxy_process import ProxyConfiguration, ProxyFailed, ProxyProcess
from .trust import Trust

# This program itself has failed, before the command could run: as `env`, `timeout` and `docker run` say it.
FAILED = 125

# The command succeeded, and something that was asked for on the command line did not.
NOT_AS_ASKED = 1

# How many unused recordings are named.
_MOST_NAMED = 20

_HINT = """\
The proxy saw no request of the command to {hosts}. Either it asks no API, or it goes past the proxy:
  Node before 22.21 (or 24.0), AI SDK 4, Python's aiohttp without trust_env=True, httpx with trust_env=False or a
  transport of its own, and Java that replaces JAVA_TOOL_OPTIONS do not read the proxy variables.
  {remedy}"""

_USE_BASE_URL = """\
Try `openai-replay run --base-url`, which sets OPENAI_BASE_URL instead. AI SDK 4, .NET and PHP read no variable for it:
  there, put it into the code."""

_USE_PROXY = """\
AI SDK 4, .NET and PHP read no variable for the base URL, and a base URL in the code comes first everywhere: put
  OPENAI_BASE_URL into the code, or try `openai-replay run` without --base-url."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What `openai-replay run` is told on its command line. None: the environment says, or the default holds."""

    mode: str | None = None
    directory: str | None = None
    test_id: str | None = None
    base_url: bool = False
    fail_on_miss: bool = False
    fail_on_unused: bool = False
    fail_on_no_request: bool = False
    prune: bool = False
    against_mock: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """A run that makes sense: its settings, and how the command is to reach the API."""

    options: RunOptions
    given: dict[str, str]
    settings: Settings
    added_hosts: tuple[str, ...]
    target: Target | None
    own_base_url: str


def say(text: str) -> None:
    """Tell the person something, on standard error; there may be nobody."""
    if sys.stderr is None:  # closed by the caller; print would take standard output instead
        return
    try:
        print(f"openai-replay: {text}", file=sys.stderr, flush=True)
    except OSError:
        pass


def run(options: RunOptions, command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a command behind a proxy, and return the exit status for both.

    Raises:
        BadOption: an option, or the variable for one, makes no sense.
        OpenAIReplayError: the proxy could not be started.
    """
    plan = planned(options, environment)
    authority = certificate_authority(data_folder(environment))
    trust = Trust(authority.folder / "trust", authority.certificate_file)
    proxy = ProxyProcess(configuration(plan, trust, authority.folder, environment))
    # From here on a signal is for the command: the proxy ends after it, in any case.
    with held_signals() as held_before:
        with proxy:
            changes = _changes(plan, proxy, trust, environment)
            try:
                status = run_command(command, applied(changes, environment), held_before, _watch(proxy))
            except CommandFailed as exc:
                say(str(exc))
                return exc.status
            return _closed(plan, status, proxy)


def planned(options: RunOptions, environment: Mapping[str, str]) -> Plan:
    """Check the options, those that come from the environment included.

    Raises:
        BadOption: says which one makes no sense, in one line.
    """
    given = {
        name: value
        for name, value in (
            ("recording_mode", options.mode),
            ("recording_dir", options.directory),
            ("recording_test_id", options.test_id),
        )
        if value is not None
    }
    if "recording_dir" in given:
        given["recording_dir"] = str(Path(given["recording_dir"]).expanduser().absolute())
    target = _target(environment) if options.base_url else None
    checked = resolve(given, environment)
    _refuse_mock_in_replay(options, checked)
    if target is None or checked.is_recorded(*target.authority()):
        return Plan(options, given, checked, (), target, original_base_url(environment))
    host, port = target.authority()
    added = (*(pattern.text for pattern in checked.hosts), f"{host}:{port}")
    checked = resolve({**given, "recording_hosts": added}, environment)
    return Plan(options, given, checked, added, target, original_base_url(environment))


def _refuse_mock_in_replay(options: RunOptions, checked: Settings) -> None:
    if options.against_mock and checked.mode is Mode.REPLAY:
        raise BadOption(
            "--against-mock: expected --mode record, record-if-missing or live; replay asks no API"
        )


def _target(environment: Mapping[str, str]) -> Target:
    try:
        return target_of(environment)
    except ValueError as exc:
        raise BadOption(str(exc)) from exc


def configuration(
    plan: Plan,
    trust: Trust,
    confdir: Path,
    environment: Mapping[str, str],
    log: int | None = None,
) -> ProxyConfiguration:
    """Return what the proxy is started with; `confdir` is the folder of its certificate authority."""
    options = [*plan.given.items(), *(("recording_hosts", host) for host in plan.added_hosts)]
    # mitmproxy knows Mozilla's list alone; what the user trusts may be the proxy of a company, or of a run around us.
    options.append(
        ("ssl_verify_upstream_trusted_ca", str(trust.bundle(environment.get("SSL_CERT_FILE", ""))))
    )
    if plan.target is not None:
        mode = f"reverse:{plan.target.origin}"
        return ProxyConfiguration(confdir, mode, options, environment, log, plan.options.against_mock)
    if plan.options.against_mock:
        return ProxyConfiguration(confdir, "regular", options, environment, log, against_mock=True)
    # Not with a base URL, where mitmproxy would send these credentials to the API.
    if credentials := _upstream_credentials(environment):
        options.append(("upstream_auth", credentials))
    return ProxyConfiguration(confdir, _regular_mode(environment), options, environment, log)


def _regular_mode(environment: Mapping[str, str]) -> str:
    """Return mitmproxy's mode for a proxy: behind the one that the user has to use already, if there is one."""
    upstream = _upstream(environment)
    return f"upstream:{upstream.scheme}://{upstream.netloc.rpartition('@')[2]}" if upstream else "regular"


def _upstream(environment: Mapping[str, str]) -> SplitResult | None:
    names = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
    url = next((environment[name] for name in names if environment.get(name)), "")
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if url and parts.scheme in ("http", "https"):
        return parts
    if url:
        say(
            f"warning: the proxy {parts.scheme}://{parts.hostname} is not used: expected one of http or https"
        )
    return None


def _upstream_credentials(environment: Mapping[str, str]) -> str:
    upstream = _upstream(environment)
    if upstream is None or not upstream.username:
        return ""
    return f"{unquote(upstream.username)}:{unquote(upstream.password or '')}"


def _changes(plan: Plan, proxy: ProxyProcess, trust: Trust, environment: Mapping[str, str]) -> Changes:
    port = proxy.running.port
    test_id = plan.settings.test_id
    if plan.target is not None:
        changes = through_base_url(environment, port, plan.target, test_id)
    else:
        # The proxy knows the test id by its option: a user name is more than Java's properties can hold.
        changes = through_proxy(environment, port, trust, plan.settings.hosts)
    key_mode = Mode.REPLAY if plan.options.against_mock else plan.settings.mode
    return {**changes, **dummy_key(environment, key_mode)}


def _watch(proxy: ProxyProcess) -> Any:
    told = False

    def tell() -> None:
        nonlocal told
        if not told and proxy.has_ended():
            told = True
            say("error: the proxy has ended under the command; its requests fail from here on")

    return tell


# --- the end of a run ---


def _closed(plan: Plan, status: int, proxy: ProxyProcess) -> int:
    """Say what the run did, do what was asked for at its end, and return the exit status."""
    try:
        reported = proxy.running.report()
    except ProxyFailed as exc:
        say(f"error: {exc}")
        return status or NOT_AS_ASKED
    totals = reported["totals"]
    if not _was_asked(totals) and plan.settings.mode is not Mode.LIVE:
        say(_hint(plan))
    pruned = _prune(plan, status, reported) if plan.options.prune else 0
    say(_summary(totals, pruned))
    return status or _as_asked(plan.options, reported, pruned)


def _was_asked(totals: Mapping[str, int]) -> bool:
    return any(totals[name] for name in ("replayed", "recorded", "missed", "not_recorded"))


def _hint(plan: Plan) -> str:
    hosts = ", ".join(host.text for host in plan.settings.hosts)
    text = _HINT.format(hosts=hosts, remedy=_USE_PROXY if plan.options.base_url else _USE_BASE_URL)
    if plan.own_base_url and plan.target is None:
        text += f"\n  OPENAI_BASE_URL is {plan.own_base_url}: expected one of the recorded hosts, see recording_hosts."
    return text


def _summary(totals: Mapping[str, int], pruned: int) -> str:
    parts = [f"{totals[name]} {name}" for name in ("replayed", "recorded", "missed")]
    if totals["not_recorded"]:
        parts.append(f"{totals['not_recorded']} not recorded")
    parts.append(f"{totals['unused'] - pruned} unused")
    if pruned:
        parts.append(f"{pruned} pruned")
    return ", ".join(parts)


def _prune(plan: Plan, status: int, reported: Mapping[str, Any]) -> int:
    """Remove the recordings that nobody asked for, and return how many; a run that is not whole tells nothing."""
    totals = reported["totals"]
    reasons = (
        (status != 0, f"the command ended with status {status}"),
        (not _was_asked(totals), "the proxy saw no request"),
        (totals["missed"] > 0, "requests without a recording may have kept the command from asking on"),
    )
    for applies, reason in reasons:
        if applies and reported["unused"]:
            say(f"pruned nothing: {reason}")
            return 0
    directory = plan.settings.directory
    rules = Rules(plan.settings.ignore, plan.settings.redactor)
    store = Store(directory, rules, Index(directory, rules, None))
    for name in reported["unused"]:
        store.remove(directory / name)
        say(f"pruned {directory / name}")
    return len(reported["unused"])


def _as_asked(options: RunOptions, reported: Mapping[str, Any], pruned: int) -> int:
    totals = reported["totals"]
    if options.fail_on_no_request and not _was_asked(totals):
        say("failed, as --fail-on-no-request asks for")
        return NOT_AS_ASKED
    if options.fail_on_miss and (totals["missed"] or totals["not_recorded"]):
        say("failed, as --fail-on-miss asks for: there were requests without a recording")
        return NOT_AS_ASKED
    unused = reported["unused"]
    if options.fail_on_unused and len(unused) > pruned:
        say("failed, as --fail-on-unused asks for: nobody asked for these recordings")
        for name in unused[:_MOST_NAMED]:
            say(f"    {name}")
        if len(unused) > _MOST_NAMED:
            say(f"    … and {len(unused) - _MOST_NAMED} more")
        return NOT_AS_ASKED
    return 0


def failure(exc: OpenAIReplayError, status: int) -> int:
    """Say why nothing was run, and return the exit status for it."""
    say(f"error: {exc}")
    return status
