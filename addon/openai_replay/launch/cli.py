"""openai-replay: the command line."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from ..proxy.certificate_authority import certificate_authority, data_folder
from . import collection_commands, mock_command
from .command_line import DIRECTORY, MODES, guarded
from .environment import FORMATS, dummy_key, through_base_url, through_proxy
from .proxy_process import PROXY_PROGRAM, addon_script
from .run import RunOptions, planned, run
from .trust import Trust


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="openai-replay")
def main() -> None:
    """Record what programs say to the OpenAI API, and replay it: no key, no network, no cost."""


@main.command("run", context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False})
@click.option("--mode", type=MODES, help="What to do with requests; replay without this.")
@DIRECTORY
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
@click.option(
    "--against-mock", is_flag=True, help="Record from the mock API: made-up answers, no key, no network."
)
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
    against_mock: bool,
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
        against_mock=against_mock,
    )
    sys.exit(guarded(lambda: run(options, command, os.environ)))


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
@click.option("--mode", type=MODES, help="The proxy's mode: in replay, a key is set where there is none.")
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

    sys.exit(guarded(written))


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


def _occupy_standard_streams() -> None:
    """Put something where a caller has closed a standard stream, before a pipe of ours takes its place.

    The command finds it closed all the same: what Python opens is not inherited.
    """
    while (opened := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(opened)


for command in (*collection_commands.COMMANDS, mock_command.mock_command):
    main.add_command(command)
