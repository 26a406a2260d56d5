"""`openai-replay run` as a command: its options and its help. The run itself is in `run.py`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from .command_line import DIRECTORY, MODES, guarded
from .plan import RunOptions
from .prepared_proxy import PreparedProxy
from .run import run


@click.command("run", context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False})
@click.option("--mode", type=MODES, help="How requests are answered; replay without this.")
@DIRECTORY
@click.option("--test-id", metavar="ID", help="The test id of requests that bring none themselves.")
@click.option(
    "--base-url", is_flag=True, help="Set OPENAI_BASE_URL, instead of proxy variables and certificates."
)
@click.option(
    "--pass-key",
    is_flag=True,
    help="Leave the real API keys to the command; without this it gets dummies, and while recording the proxy puts the "
    "real keys into its requests.",
)
@click.option(
    "--set",
    "more",
    metavar="NAME=VALUE",
    multiple=True,
    help="Set another option of the proxy, the addon's or mitmproxy's; repeatable.",
)
@click.option(
    "--fail-on-miss", is_flag=True, help="Fail when a request had no recording, though the command succeeds."
)
@click.option("--fail-on-unused", is_flag=True, help="Fail when a recording was not used.")
@click.option(
    "--fail-on-no-request",
    is_flag=True,
    help="Fail when the proxy saw no request (the program may be bypassing it).",
)
@click.option(
    "--prune",
    is_flag=True,
    help="After a success, remove the unused recordings of the tests that ran, and all unused ones without a test id.",
)
@click.option("--against-mock", is_flag=True, help="Record from a mock of the API: made-up answers, no key.")
@click.option("--log", is_flag=True, help="Show a line per request on standard error.")
@click.option(
    "--report",
    "reports",
    metavar="FILE",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Write the report of the run: a page for .html, JUnit for .xml, JSON for .json; repeatable.",
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_obj
def run_command(
    prepared: PreparedProxy | None,
    mode: str | None,
    directory: str | None,
    test_id: str | None,
    base_url: bool,
    pass_key: bool,
    more: tuple[str, ...],
    fail_on_miss: bool,
    fail_on_unused: bool,
    fail_on_no_request: bool,
    prune: bool,
    against_mock: bool,
    log: bool,
    reports: Sequence[Path],
    command: Sequence[str],
) -> None:
    """Run a command, and record or replay its OpenAI traffic.

    The proxy listens on a free port of 127.0.0.1, and ends with the command. Standard streams, signals and the exit
    status are the command's; a line on standard error says at the end how many requests were replayed, recorded and
    missed, and how many recordings are unused.

    \b
    Examples:
      openai-replay run --mode record -- npm test
      openai-replay run --fail-on-miss --fail-on-no-request -- go test ./...
      openai-replay run --base-url -- ./my-program
      openai-replay run --set recording_hosts=openrouter.ai -- ./my-program

    The exit status is the command's, or else 127 when the command is not there, 126 when it cannot be run, 128 + n when
    signal n ended it, 125 when the proxy did not start, 2 when this command line makes no sense, and 1 when the command
    succeeded and a condition of --fail-on-… did not hold, or a report or a recording could not be written.

    The other options of the proxy are given with --set, by environment variables such as OPENAI_RECORDING_HOSTS, or in
    the file openai-replay.toml beside the recordings.
    """
    options = RunOptions(
        mode,
        directory,
        test_id,
        base_url=base_url,
        pass_key=pass_key,
        more=more,
        fail_on_miss=fail_on_miss,
        fail_on_unused=fail_on_unused,
        fail_on_no_request=fail_on_no_request,
        prune=prune,
        against_mock=against_mock,
        log=log,
        reports=tuple(path.absolute() for path in reports),
    )
    sys.exit(guarded(lambda: run(options, command, os.environ, prepared)))
