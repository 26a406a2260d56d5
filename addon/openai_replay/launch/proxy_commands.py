"""Commands for a proxy that runs by itself: env, proxy, addon, serve, completion."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from ..front_end import FRONT_END, FrontEnd
from ..options import Mode
from ..proxy.certificate_authority import certificate_authority, data_folder, in_home
from .command_line import DIRECTORY, MODES, guarded
from .earlier_environment import before, remembering, restoring
from .environment import (
    FORMATS,
    Changes,
    base_url,
    dummy_key,
    proxy_url,
    taken_back,
    through_base_url,
    through_proxy,
)
from .plan import Plan, RunOptions, planned
from .prepared_proxy import PreparedProxy
from .proxy_process import ProxyProcess, addon_script
from .run import changes_of_run, configuration, trust_of, without_key
from .trust import Trust

_PROGRAM = "openai-replay"
_COMPLETE_VARIABLE = "_OPENAI_REPLAY_COMPLETE"
_SHELLS = ("bash", "zsh", "fish")

# The formats that a shell evaluates, which can restore its variables later.
_SHELL_FORMATS = ("sh", "fish", "powershell")

# mitmproxy listens on all interfaces unless it is told otherwise.
_LISTEN_HERE = ("--listen-host", "127.0.0.1")


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
    """Print the variables that lead programs to a proxy that runs already.

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
        return 0

    sys.exit(guarded(written))


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


@click.command("proxy")
@click.option("--mode", type=MODES, help="How requests are answered; replay without this.")
@DIRECTORY
@click.option("--base-url", is_flag=True, help="Be the API for OPENAI_BASE_URL, not a proxy.")
@click.option("--pass-key", is_flag=True, help="Do not replace real API keys by dummies while recording.")
@click.option(
    "--against-mock", is_flag=True, help="Record from the mock API: made-up answers, no key, no network."
)
@click.option("--test-id", metavar="ID", help="A test id to have in the printed variables.")
@click.pass_obj
def proxy_command(
    prepared: PreparedProxy | None,
    mode: str | None,
    directory: str | None,
    base_url: bool,
    pass_key: bool,
    against_mock: bool,
    test_id: str | None,
) -> None:
    """Run a proxy for another program, such as a test runner: on a free port, until standard input ends.

    Prints one line of JSON when the proxy listens: its port, its URL, whether it is a base URL's, its mode, the
    recorded hosts, a warning if a key is missing, and the environment that leads a program to it (null stands for a
    variable to be unset).
    """

    def held() -> int:
        options = RunOptions(mode, directory, base_url=base_url, pass_key=pass_key, against_mock=against_mock)
        plan = planned(options, os.environ)
        authority = certificate_authority(data_folder(os.environ))
        trust = trust_of(authority)
        with ProxyProcess(configuration(plan, trust, authority, os.environ), prepared) as proxy:
            changes_of_run(
                plan, 0, trust, os.environ, test_id
            )  # the files that it needs, while the proxy starts
            port = proxy.wait().port
            changes = changes_of_run(plan, port, trust, os.environ, test_id)
            click.echo(json.dumps(_description(plan, port, test_id) | {"environment": changes}))
            sys.stdin.buffer.read()
        return 0

    sys.exit(guarded(held))


def _description(plan: Plan, port: int, test_id: str | None) -> dict[str, object]:
    target = plan.target
    return {
        "port": port,
        "url": proxy_url(port, test_id) if target is None else base_url(port, target.path, test_id),
        "is_reverse": target is not None,
        "mode": plan.settings.mode.value,
        "hosts": [] if plan.settings.mode is Mode.LIVE else [host.text for host in plan.settings.hosts],
        "unrecorded_base_url": plan.unrecorded_base_url(),
        "without_key": without_key(plan, os.environ),
    }


@click.command("addon")
def addon_command() -> None:
    """Print the path of the script for mitmdump, mitmproxy and mitmweb: mitmdump -s "$(openai-replay addon)"."""
    click.echo(addon_script())


# mitmdump's parts that the addon needs. -P: a file in the working directory is no module of the program's.
_MITMDUMP = (sys.executable, "-P", "-m", "openai_replay.proxy.serve")

# The engine for load tests, in place of mitmproxy.
_ENGINE = (sys.executable, "-P", "-m", "openai_replay.engine")


@click.command("serve", context_settings={"ignore_unknown_options": True})
@click.option(
    "--engine",
    type=click.Choice(["mitmproxy", "uvicorn"]),
    default="mitmproxy",
    show_default=True,
    help="The server: uvicorn answers many times as many requests a second, replays by base URL only, and needs the "
    "extra [load].",
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[MITMDUMP'S OPTIONS]")
def serve_command(engine: str, arguments: Sequence[str]) -> None:
    """Run the proxy until Ctrl-C: mitmdump with the addon, without the parts that the addon does not need, and faster.

    \b
    --workers N               run N processes on one port; in replay only
    --listen-host 0.0.0.0     answer other machines, too; without it, this one alone
    -p, --listen-port N       the port, 8080 without this
    --mode reverse:URL        be the API for OPENAI_BASE_URL, not a proxy
    --set recording_mode=…    and each other option of the addon

    \b
    Examples:
      openai-replay serve --set recording_mode=record
      openai-replay serve --mode reverse:https://api.openai.com -p 9000
      openai-replay serve --engine uvicorn --workers 4

    `mitmdump --help` has the rest.
    """
    # The last of two counts, so a user's own address does.
    program = _ENGINE if engine == "uvicorn" else (*_MITMDUMP, "-s", str(addon_script()))
    environment = {**os.environ, FRONT_END: FrontEnd.SERVE.value}
    os.execve(sys.executable, [*program, *_LISTEN_HERE, *arguments], environment)


@click.command("completion")
@click.argument("shell", type=click.Choice(_SHELLS))
def completion_command(shell: str) -> None:
    """Print the completion of this command for a shell.

    \b
    Examples:
      eval "$(openai-replay completion bash)"    in ~/.bashrc
      eval "$(openai-replay completion zsh)"     in ~/.zshrc
      openai-replay completion fish >~/.config/fish/completions/openai-replay.fish
    """
    complete = get_completion_class(shell)
    assert complete is not None
    group = click.get_current_context().find_root().command
    click.echo(complete(group, {}, _PROGRAM, _COMPLETE_VARIABLE).source())
