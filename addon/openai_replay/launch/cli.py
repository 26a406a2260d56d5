"""openai-replay: the command line."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import click

from ..errors import BadOption, OpenAIReplayError
from ..options import Mode
from ..proxy.certificate_authority import certificate_authority, data_folder
from . import listing
from .environment import FORMATS, dummy_key, through_base_url, through_proxy
from .proxy_process import PROXY_PROGRAM, addon_script
from .run import FAILED, RunOptions, failure, planned, run, say
from .trust import Trust

# The exit status for a command line that makes no sense, as click has it.
USAGE = 2

# The exit status for what could not be shown.
NOT_DONE = 1

# The options that the command line has under other names, and the parameter that each is here.
_FLAGS = {
    "recording_mode": ("--mode", "mode"),
    "recording_dir": ("--dir", "directory"),
    "recording_test_id": ("--test-id", "test_id"),
}

_DIRECTORY = click.option(
    "--dir", "directory", metavar="DIR", help="The folder of the recordings; recordings without this."
)
_MODES = click.Choice([mode.value for mode in Mode])


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="openai-replay")
def main() -> None:
    """Record what programs say to the OpenAI API, and replay it: no key, no network, no cost."""


@main.command("run", context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False})
@click.option("--mode", type=_MODES, help="What to do with requests; replay without this.")
@_DIRECTORY
@click.option(
    "--test-id", metavar="ID", help="The test that requests belong to which bring no id of their own."
)
@click.option(
    "--base-url", is_flag=True, help="Set OPENAI_BASE_URL, instead of proxy variables and certificates."
)
@click.option(
    "--fail-on-miss", is_flag=True, help="Fail when a request had no recording, though the command succeeds."
)
@click.option("--fail-on-unused", is_flag=True, help="Fail when nobody asked for a recording.")
@click.option(
    "--fail-on-no-request", is_flag=True, help="Fail when the proxy saw no request: they may go past it."
)
@click.option("--prune", is_flag=True, help="After a success, remove the recordings that nobody asked for.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run_command(
    mode: str | None,
    directory: str | None,
    test_id: str | None,
    base_url: bool,
    fail_on_miss: bool,
    fail_on_unused: bool,
    fail_on_no_request: bool,
    prune: bool,
    command: Sequence[str],
) -> None:
    """Run COMMAND behind a proxy of its own.

    The proxy listens on a free port of 127.0.0.1, and ends with the command. Standard streams, signals and the exit
    status are the command's; a line on standard error says at the end what was replayed, recorded, missed and unused.

    The exit status is the command's, or else 127 when the command is not there, 126 when it cannot be run, 128 + n when
    signal n ended it, 125 when the proxy did not start, 2 when this command line makes no sense, and 1 when the command
    succeeded and what --fail-on-… asks for did not.

    The other options of the proxy are environment variables here, such as OPENAI_RECORDING_HOSTS.
    """
    _occupy_standard_streams()
    options = RunOptions(
        mode,
        directory,
        test_id,
        base_url=base_url,
        fail_on_miss=fail_on_miss,
        fail_on_unused=fail_on_unused,
        fail_on_no_request=fail_on_no_request,
        prune=prune,
    )
    sys.exit(_guarded(lambda: run(options, command, os.environ)))


@main.command("env")
@click.option("--format", "style", type=click.Choice(list(FORMATS)), default="sh", show_default=True)
@click.option(
    "--port", type=click.IntRange(1, 65535), default=8080, show_default=True, help="Where the proxy listens."
)
@click.option(
    "--confdir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("~/.mitmproxy"),
    show_default=True,
    help="The folder of the proxy's certificate authority, mitmproxy's option of that name.",
)
@click.option("--mode", type=_MODES, help="The proxy's mode: in replay, a key is set where there is none.")
@click.option("--test-id", metavar="ID", help="The test that the requests belong to.")
@click.option(
    "--base-url", is_flag=True, help="For a proxy in mitmproxy's reverse mode: set OPENAI_BASE_URL."
)
def env_command(
    style: str, port: int, confdir: Path, mode: str | None, test_id: str | None, base_url: bool
) -> None:
    """Print what leads programs to a proxy that runs already: eval "$(openai-replay env)"."""

    def written() -> int:
        # Where its recordings are is the proxy's business, which may run elsewhere.
        plan = planned(RunOptions(mode, directory=".", base_url=base_url), os.environ)
        if plan.target is not None:
            changes = through_base_url(os.environ, port, plan.target, test_id)
        else:
            authority = certificate_authority(confdir.expanduser().absolute())
            trust = Trust(data_folder(os.environ) / "trust", authority.certificate_file)
            changes = through_proxy(os.environ, port, trust, plan.settings.hosts, test_id)
        click.echo(FORMATS[style]({**changes, **dummy_key(os.environ, plan.settings.mode)}), nl=False)
        return 0

    sys.exit(_guarded(written))


@main.command("addon")
def addon_command() -> None:
    """Print the path of the script that mitmdump loads: mitmdump -s "$(openai-replay addon)"."""
    click.echo(addon_script())


@main.command("serve", context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[MITMDUMP'S OPTIONS]")
def serve_command(arguments: Sequence[str]) -> None:
    """Run the proxy until it is told to end: mitmdump with the addon, less what it does not need, and quicker.

    \b
    --workers N               run N processes on one port; in replay only
    --listen-host 127.0.0.1   answer this machine alone; without it, others too
    -p, --listen-port N       the port, 8080 without this
    --mode reverse:URL        be the API for OPENAI_BASE_URL, not a proxy
    --set recording_mode=…    and each other option of the addon

    `mitmdump --help` has the rest.
    """
    os.execv(sys.executable, [*PROXY_PROGRAM, "-s", str(addon_script()), *arguments])


@main.command("list")
@_DIRECTORY
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def list_command(directory: str | None, as_json: bool) -> None:
    """List the recordings of a folder: what was asked, and what came back.

    Files that cannot be read are named on standard error, and the exit status is 1 then.
    """

    def listed() -> int:
        folder = _folder(directory)
        logging.disable(logging.WARNING)  # what cannot be read is said below
        entries, problems = listing.entries(folder)
        for line in map(_as_json, entries) if as_json else listing.columns(entries):
            click.echo(line)
        if not entries and not problems:
            say(f"there is no recording in {folder}")
        for problem in problems:
            say(problem)
        return NOT_DONE if problems else 0

    sys.exit(_guarded(listed, NOT_DONE))


@main.command("show")
@click.argument("name")
@_DIRECTORY
def show_command(name: str, directory: str | None) -> None:
    """Show a recording as a person reads it: the request's body, and the answer's bytes as clients get them.

    NAME is a file, or the name of a recording in the folder as `list` shows it.
    """

    def shown() -> int:
        file = Path(name)
        for piece in listing.shown(file if file.is_file() else listing.found(_folder(directory), name)):
            click.echo(piece, nl=False)
        return 0

    sys.exit(_guarded(shown, NOT_DONE))


def _folder(directory: str | None) -> Path:
    """Return the folder of the recordings, by the command line or else the environment."""
    return planned(RunOptions(Mode.REPLAY.value, directory), os.environ).settings.directory


def _as_json(entry: listing.Entry) -> str:
    return json.dumps(entry.to_json(), ensure_ascii=False)


def _occupy_standard_streams() -> None:
    """Put something where a caller has closed a standard stream, before a pipe of ours takes its place.

    The command finds it closed all the same: what Python opens is not inherited.
    """
    while (opened := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(opened)


def _of_command_line(problem: BadOption, given: Mapping[str, object]) -> BadOption:
    """Return what is wrong with an option, said of the name that it has on the command line if it was given there."""
    name, _, rest = str(problem).partition("=")
    flag, parameter = _FLAGS.get(name, ("", ""))
    if given.get(parameter) is None:
        return problem
    return BadOption(f"{flag} {rest}".replace("recording_mode=", "--mode "))


def _guarded(work: Callable[[], int], status: int = FAILED) -> int:
    """Do the work of a command; say what is in its way in one line, and return that exit status then."""
    try:
        return work()
    except BadOption as exc:
        return failure(_of_command_line(exc, click.get_current_context().params), USAGE)
    except OpenAIReplayError as exc:
        return failure(exc, status)
