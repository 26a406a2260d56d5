"""`openai-replay env`: print the variables that lead programs to a proxy."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from ..proxy.certificate_authority import certificate_authority, data_folder, in_home
from .command_line import MODES, guarded
from .earlier_environment import before, remembering, restoring
from .environment import FORMATS, Changes, dummy_key, taken_back, through_base_url, through_proxy
from .old_node import node_without_proxy
from .plan import Plan, RunOptions, planned
from .run import say
from .running_proxy import ADDRESS
from .trust import Trust

# The formats that a shell evaluates, which can restore its variables later.
_SHELL_FORMATS = ("sh", "fish", "powershell")


@click.command("env")
@click.option(
    "--format",
    "style",
    type=click.Choice(list(FORMATS)),
    default="sh",
    show_default=True,
    help="How the variables are written; sh is for sh, dash, bash, zsh and ksh.",
)
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
@click.option("--unset", is_flag=True, help="Print the lines that restore the earlier variables.")
def env_command(
    style: str,
    port: int,
    confdir: Path,
    mode: str | None,
    test_id: str | None,
    base_url: bool,
    unset: bool,
) -> None:
    """Print the variables that lead programs to a running proxy.

    \b
    Examples:
      eval "$(openai-replay env)"           for a proxy on port 8080
      eval "$(openai-replay env --unset)"   afterwards: earlier values, such as a company's proxy, come back
      openai-replay env --format fish | source
      openai-replay env --format dotenv >.env
    """

    def written() -> int:
        environment = before(os.environ)
        # The folder of the recordings is the proxy's business, which may run elsewhere.
        plan = planned(RunOptions(mode, directory=".", base_url=base_url), environment)
        changes = _leading_to(plan, port, confdir, test_id, environment)
        if unset:
            changes = restoring(os.environ) or taken_back(changes, os.environ)
        elif style in _SHELL_FORMATS:
            changes = remembering(changes, environment)
        click.echo(FORMATS[style](changes), nl=False)
        if not unset:
            _warn(plan, port, environment)
        return 0

    sys.exit(guarded(written))


def _warn(plan: Plan, port: int, environment: Mapping[str, str]) -> None:
    """Say on standard error why programs may not reach the proxy with the variables."""
    if not _listens(port):
        mode = "" if plan.target is None else f" --mode reverse:{plan.target.origin}"
        say(f"warning: nothing listens on {ADDRESS}:{port} yet; `openai-replay serve{mode} -p {port}` does")
    if plan.target is None and (node := node_without_proxy(environment)):
        say(
            f"warning: the node on PATH, {node}, ignores proxies: for it, start `openai-replay serve --mode "
            f"reverse:https://api.openai.com -p {port}`, and use `openai-replay env --base-url`"
        )


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((ADDRESS, port)) == 0


def _leading_to(
    plan: Plan, port: int, confdir: Path, test_id: str | None, environment: Mapping[str, str]
) -> Changes:
    """Return the variables that lead programs to a proxy at a port, which has its authority in `confdir`."""
    if plan.target is not None:
        changes = through_base_url(environment, port, plan.target, test_id)
    else:
        authority = certificate_authority(in_home(confdir).absolute())
        trust = Trust(data_folder(environment) / "trust", authority.certificate_file)
        changes = through_proxy(environment, port, trust, plan.settings.hosts, test_id)
    return changes | dummy_key(environment, plan.settings.mode)
