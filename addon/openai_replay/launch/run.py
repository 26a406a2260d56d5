"""`openai-replay run`: start a proxy, run a command through it, and end the proxy with the command.

Most of the time of a short run is the start of the proxy, so the rest is prepared meanwhile.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from ..errors import OpenAIReplayError
from ..front_end import FrontEnd
from ..options import Mode
from ..proxy.certificate_authority import CertificateAuthority, certificate_authority, data_folder
from ..report_files.by_test import changed_answers
from ..report_files.summary import summary
from .child import CommandFailed, held_signals, run_command
from .description import of_run
from .environment import Changes, applied, dummy_key, through_base_url, through_proxy, tls_at_base_url
from .hint import hint
from .keys import missing_key, real_keys, replaced_keys
from .old_node import old_node
from .outcome import Conditions, failures, other_apis, recorded_failures, saw_request
from .plan import Plan, RunOptions, planned
from .prepared_proxy import PreparedProxy
from .printed import message_without_secrets
from .proxy_process import ProxyConfiguration, ProxyProcess
from .running_proxy import ProxyFailed
from .title_counter import TitleCounter
from .trust import Trust
from .upstream_proxy import UpstreamProxy, upstream_proxy

# This program itself has failed, before the command could run: the status that `env`, `timeout` and `docker run` give.
FAILED = 125

# The command succeeded, and a condition of --fail-on-… did not hold, or a report or a recording could not be written.
NOT_AS_ASKED = 1


def say(text: str) -> None:
    """Tell the person something, on standard error; it may be closed."""
    if sys.stderr is None:  # closed by the caller; print would take standard output instead
        return
    try:
        print(f"openai-replay: {message_without_secrets(text)}", file=sys.stderr, flush=True)
    except OSError:
        pass


def run(
    options: RunOptions,
    command: Sequence[str],
    environment: Mapping[str, str],
    prepared: PreparedProxy | None = None,
) -> int:
    """Run a command behind a proxy, and return the exit status for both.

    Args:
        prepared: the process of the proxy, None to start one.

    Raises:
        BadOption: an option, or the variable for one, makes no sense.
        OpenAIReplayError: the proxy could not be started.
    """
    plan = planned(_with_base_url_for_old_node(options, command, environment), environment)
    authority = certificate_authority(data_folder(environment))
    trust = trust_of(authority)
    proxy = ProxyProcess(configuration(plan, trust, authority, environment), prepared)
    # From here on a signal is for the command: the proxy ends after it, in any case.
    with held_signals() as held_before:
        with proxy:
            # Made now, for any port, so that the files that it needs are there when the port is known.
            changes_of_run(plan, 0, trust, environment)
            port = proxy.wait().port
            changes = changes_of_run(plan, port, trust, environment)
            changed = applied({**changes, **of_run(plan, port, changes)}, environment)
            try:
                with TitleCounter(partial(_totals, proxy), _terminal(plan)):
                    status = run_command(command, changed, held_before, _watch(proxy))
            except CommandFailed as exc:
                say(str(exc))
                return exc.status
            return _closed(plan, status, proxy, environment)


def _with_base_url_for_old_node(
    options: RunOptions, command: Sequence[str], environment: Mapping[str, str]
) -> RunOptions:
    """Return the options of a run, with the base URL where the command is a Node that reads no proxy variables."""
    version = "" if options.base_url else old_node(command, environment)
    if not version:
        return options
    say(
        f"Node {version} does not read proxy variables (22.21 and 24.0 are the first that do): OPENAI_BASE_URL leads "
        "it to the proxy, as with --base-url."
    )
    return replace(options, base_url=True)


def trust_of(authority: CertificateAuthority) -> Trust:
    """Return the maker of the files that make clients trust an authority."""
    return Trust(authority.folder / "trust", authority.certificate_file)


def configuration(
    plan: Plan, trust: Trust, authority: CertificateAuthority, environment: Mapping[str, str]
) -> ProxyConfiguration:
    """Return the configuration of the proxy of a run."""
    options = list(plan.given)
    if plan.settings.mode is not Mode.REPLAY:
        # mitmproxy knows Mozilla's list alone; the user may trust a company's proxy, or that of a run around this one.
        own = environment.get("SSL_CERT_FILE", "")
        options.append(("ssl_verify_upstream_trusted_ca", str(trust.bundle(own))))
    mode = f"reverse:{plan.target.origin}" if plan.target else "regular"
    direct_hosts: tuple[str, ...] = ()
    upstream = _upstream(plan, environment)
    if upstream is not None:
        mode, direct_hosts = f"upstream:{upstream.url}", upstream.direct_hosts
        options += [("upstream_auth", upstream.credentials)] if upstream.credentials else []
    replaced = _replaced_keys(plan, environment)
    return ProxyConfiguration(
        confdir=authority.folder,
        mode=mode,
        options=options,
        environment={name: value for name, value in environment.items() if name not in replaced},
        real_keys=real_keys(environment, replaced, plan.settings.mode),
        direct_hosts=direct_hosts,
        against_mock=plan.options.against_mock,
        request_log=_request_log(plan, environment),
        front_end=FrontEnd.of_command_line(environment),
    )


def _upstream(plan: Plan, environment: Mapping[str, str]) -> UpstreamProxy | None:
    """Return the proxy that the machine has to use. None with a base URL: the API would get its credentials."""
    if plan.target is not None or plan.options.against_mock:
        return None
    upstream, warning = upstream_proxy(environment, plan.settings.hosts)
    if warning:
        say(f"warning: {warning}")
    return upstream


def _request_log(plan: Plan, environment: Mapping[str, str]) -> str:
    if not plan.options.log:
        return "none"
    is_coloured = sys.stderr is not None and sys.stderr.isatty() and "NO_COLOR" not in environment
    return "coloured" if is_coloured else "plain"


def without_key(plan: Plan, environment: Mapping[str, str]) -> str:
    """Return a warning if a run records from OpenAI's API without a key, else ""."""
    if plan.options.against_mock or plan.own_base_url:
        return ""
    return missing_key(environment, plan.settings.mode, plan.settings.hosts)


def changes_of_run(
    plan: Plan, port: int, trust: Trust, environment: Mapping[str, str], test_id: str | None = None
) -> Changes:
    """Return the variables of a command that reaches the API through the proxy at `port`.

    Args:
        test_id: for a proxy that serves several tests; the proxy of one knows its id by an option.
    """
    if plan.target is not None:
        test_id = test_id or plan.settings.test_id
        changes = through_base_url(environment, port, plan.target, test_id)
        changes |= tls_at_base_url(environment, trust)
    else:
        # A user name in the proxy's URL is more than Java's properties can hold, so it is left out where it can be.
        changes = through_proxy(environment, port, trust, plan.settings.hosts, test_id)
    key_mode = Mode.REPLAY if plan.options.against_mock else plan.settings.mode
    return {**changes, **dummy_key(environment, key_mode), **_replaced_keys(plan, environment)}


def _replaced_keys(plan: Plan, environment: Mapping[str, str]) -> dict[str, str]:
    if plan.options.pass_key:
        return {}
    return replaced_keys(environment, plan.settings.mode, plan.settings.hosts)


def _terminal(plan: Plan) -> TextIO | None:
    """Return the stream that a long recording is counted on, None for a run that records nothing."""
    return sys.stderr if plan.settings.mode in (Mode.RECORD, Mode.RECORD_IF_MISSING) else None


def _totals(proxy: ProxyProcess) -> Mapping[str, int] | None:
    try:
        totals: Mapping[str, int] = proxy.running.report()["totals"]
    except ProxyFailed:  # said by `_watch`
        return None
    return totals


def _watch(proxy: ProxyProcess) -> Callable[[], None]:
    told = False

    def tell() -> None:
        nonlocal told
        if not told and proxy.has_ended():
            told = True
            say("error: the proxy has ended under the command; its requests fail from here on")

    return tell


# --- the end of a run ---


def _closed(plan: Plan, status: int, proxy: ProxyProcess, environment: Mapping[str, str]) -> int:
    """Write the reports, sum up the run, prune if it is to, and return the exit status."""
    try:
        reported = proxy.running.report()
    except ProxyFailed as exc:
        say(f"error: {exc}")
        return status or NOT_AS_ASKED
    are_written = _write_reports(plan, reported, environment)
    pruned, is_pruned = _prune(plan, status, reported) if plan.options.prune else (0, True)
    _sum_up(plan, reported, pruned, environment)
    is_done = are_written and is_pruned
    return status or _status_by_conditions(plan, reported, pruned) or (0 if is_done else NOT_AS_ASKED)


def _sum_up(plan: Plan, reported: dict[str, Any], pruned: int, environment: Mapping[str, str]) -> None:
    for line in (
        without_key(plan, environment),
        hint(plan, reported),
        *recorded_failures(reported),
        *other_apis(reported),
        *changed_answers(reported),
        *reported.get("rules_without_effect", ()),
    ):
        if line:
            say(line)
    say(summary(reported["totals"], pruned))


def _status_by_conditions(plan: Plan, reported: dict[str, Any], pruned: int) -> int:
    """Return the exit status by lost recordings and the options --fail-on-…, and say why it is no success."""
    options = plan.options
    fail_on = Conditions(options.fail_on_miss, options.fail_on_unused, options.fail_on_no_request)
    problems = failures(fail_on, reported, pruned, partial(_described, plan.settings.directory))
    for line in problems:
        say(line)
    return NOT_AS_ASKED if problems else 0


def _described(folder: Path, name: str) -> str:
    # Imported only to name unused recordings: the import would delay every start.
    from .unused import described

    return described(folder, name)


def _write_reports(plan: Plan, reported: dict[str, Any], environment: Mapping[str, str]) -> bool:
    """Write the report to each file of --report, and add it to the summary of a GitHub Actions step, if this is one.

    Returns False if a file of --report could not be written.
    """
    step = environment.get("GITHUB_STEP_SUMMARY")
    if not step and not plan.options.reports:
        return True
    # Imported only to write a report: the import would delay every start.
    from ..report_files.files import report_file
    from ..report_files.step_summary import step_summary
    from ..request.credentials import searchable
    from ..request.secret_gate import SecretGate

    settings = plan.settings
    gate = SecretGate()
    keys = replaced_keys(environment, settings.mode, settings.hosts)
    gate.learn(searchable(environment[name] for name in keys))
    try:
        for path in plan.options.reports:
            content = report_file(path, reported, settings.directory)
            path.write_bytes(gate.content(content, settings.redactor))
        if step:
            with open(step, "a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(gate.text(step_summary(reported), settings.redactor))
    except OSError as exc:
        say(f"error: the report could not be written: {exc}")
        return not plan.options.reports
    return True


def _prune(plan: Plan, status: int, reported: Mapping[str, Any]) -> tuple[int, bool]:
    """Remove unused recordings of tests that ran; a run that is not whole tells nothing.

    Returns how many are removed, and False if one could not be.
    """
    totals = reported["totals"]
    reasons = (
        (status != 0, f"the command ended with status {status}"),
        (not saw_request(totals), "the proxy saw no request"),
        (totals["missed"] > 0, "requests without a recorded answer may have kept the command from asking on"),
    )
    for applies, reason in reasons:
        if applies and reported["unused"]:
            say(f"pruned nothing: {reason}")
            return 0, True
    # Imported only to remove recordings: the import would delay every start.
    from ..collection import prune
    from ..collection.reports import joined

    test_ids = prune.test_ids_of(plan.settings.directory, reported["unused"])
    planned = prune.plan(joined([reported]), test_ids)
    removed = _removed(plan, planned.remove)
    for line in prune.kept_lines(planned):
        say(line)
    return removed, removed == len(planned.remove)


def _removed(plan: Plan, names: Sequence[str]) -> int:
    """Remove recordings up to the first that cannot be removed, and return how many are gone."""
    from ..collection import prune
    from ..request.rules import Rules

    settings = plan.settings
    removed = 0
    try:
        for name in prune.remove(settings.directory, names, Rules(settings.ignore, settings.redactor)):
            say(f"pruned {settings.directory / name}")
            removed += 1
    except OSError as exc:
        say(f"error: --prune: {file_problem(exc)}")
    return removed


def failure(problem: OpenAIReplayError | str, status: int) -> int:
    """Say why a command did not do its work, and return the exit status for it."""
    say(f"error: {problem}")
    return status


def file_problem(exc: OSError) -> str:
    """Return `<path>: <reason>` for a file that could not be read, written or removed."""
    return f"{exc.filename}: {exc.strerror}"
