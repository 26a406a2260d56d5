"""`openai-replay serve` and `addon`: run a proxy by itself."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Sequence
from itertools import pairwise

import click

from ..front_end import FRONT_END, FrontEnd
from ..modes import Mode
from .proxy_process import addon_script

# mitmproxy listens on all interfaces unless it is told otherwise.
_LISTEN_HERE = ("--listen-host", "127.0.0.1")

# mitmdump's parts that the addon needs. -P: a file in the working directory is no module of the program's.
_MITMDUMP = (sys.executable, "-P", "-m", "openai_replay.proxy.serve")

# The engine for load tests, in place of mitmproxy.
_ENGINE = (sys.executable, "-P", "-m", "openai_replay.engine")

# Options that mitmdump does not have.
_OWN_OPTIONS = ("--engine", "--workers")

# Options of `run` that are spelt in another way here.
_OPTIONS_OF_RUN = {"--dir": "recording_dir", "--test-id": "recording_test_id", "--report": "recording_report"}

# How alike two options are (by difflib, from 0 to 1) of which one is taken for a misspelling of the other.
_MISSPELT = 0.85


@click.command("addon")
def addon_command() -> None:
    """Print the path of the addon for mitmdump and mitmweb.

    \b
    Example:
      mitmweb -s "$(openai-replay addon)"
    """
    click.echo(addon_script())


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
    """Run the proxy until Ctrl-C.

    It is mitmdump with the addon, faster and without the parts that the addon does not need.

    \b
    --workers N               run N processes on one port; in replay only
    --listen-host 0.0.0.0     answer other machines, too; without it, this one alone
    -p, --listen-port N       the port, 8080 without this
    --mode reverse:URL        be the API for OPENAI_BASE_URL, not a proxy
    --set recording_mode=…    and each other option of the addon
    --certs FILE.pem          TLS by base URL, with the key and the certificates of a file
    -q, --quiet               no log

    \b
    Examples:
      openai-replay serve --set recording_mode=record
      openai-replay serve --mode reverse:https://api.openai.com -p 9000
      openai-replay serve --engine uvicorn --workers 4

    `mitmdump --help` has the rest for the engine mitmproxy; the engine uvicorn has no more.
    """
    _refuse_mistaken(arguments)
    # The last of two counts, so a user's own address does.
    is_engine = engine == "uvicorn"
    program = _ENGINE if is_engine else (*_MITMDUMP, "-s", str(addon_script()))
    front_end = FrontEnd.ENGINE if is_engine else FrontEnd.SERVE
    environment = {**os.environ, FRONT_END: front_end.value}
    os.execve(sys.executable, [*program, *_LISTEN_HERE, *arguments], environment)


def _refuse_mistaken(arguments: Sequence[str]) -> None:
    """Check the options that go on to mitmdump for mistakes that mitmdump would explain badly.

    Raises:
        UsageError: `--mode` has a mode of recording, or an option is one of `run` or a misspelling.
    """
    modes = {mode.value for mode in Mode}
    for word, following in pairwise((*arguments, "")):
        option, equals, text = word.partition("=")
        value = text if equals else following
        if option in ("-m", "--mode") and value in modes:
            raise click.UsageError(
                f"{option} {value}: expected mitmproxy's mode, such as reverse:https://api.openai.com; this is written "
                f"--set recording_mode={value}"
            )
        if option in _OPTIONS_OF_RUN:
            raise click.UsageError(
                f"no such option {option}: write --set {_OPTIONS_OF_RUN[option]}={value or '…'}"
            )
        near = difflib.get_close_matches(option, _OWN_OPTIONS, 1, _MISSPELT)
        if option.startswith("--") and near and option not in _OWN_OPTIONS:
            raise click.UsageError(f"no such option {option}: did you mean {near[0]}?")
