"""`openai-replay proxy`: run a proxy for another program, such as a test runner."""

from __future__ import annotations

import json
import os
import sys

import click

from ..proxy.certificate_authority import certificate_authority, data_folder
from .command_line import DIRECTORY, MODES, guarded
from .description import description
from .plan import RunOptions, planned
from .prepared_proxy import PreparedProxy
from .proxy_process import ProxyProcess
from .run import changes_of_run, configuration, trust_of, without_key


@click.command("proxy")
@click.option("--mode", type=MODES, help="How requests are answered; replay without this.")
@DIRECTORY
@click.option("--base-url", is_flag=True, help="Be the API for OPENAI_BASE_URL, not a proxy.")
@click.option("--pass-key", is_flag=True, help="Do not replace real API keys by dummies.")
@click.option(
    "--against-mock", is_flag=True, help="Record from the mock API: made-up answers, no key, no network."
)
@click.option(
    "--set", "more", metavar="NAME=VALUE", multiple=True, help="Set another option of the proxy; repeatable."
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
    more: tuple[str, ...],
    test_id: str | None,
) -> None:
    """Run a proxy for another program, such as a test runner.

    It takes a free port, and ends with its standard input. It prints one line of JSON when it listens: its port, its
    URL, whether it is a base URL's, its mode, its folder, the recorded hosts, a warning if a key is missing, and the
    environment that leads a program to it (null stands for a variable to be unset).
    """

    def held() -> int:
        options = RunOptions(
            mode, directory, base_url=base_url, pass_key=pass_key, against_mock=against_mock, more=more
        )
        plan = planned(options, os.environ)
        authority = certificate_authority(data_folder(os.environ))
        trust = trust_of(authority)
        with ProxyProcess(configuration(plan, trust, authority, os.environ), prepared) as proxy:
            changes_of_run(
                plan, 0, trust, os.environ, test_id
            )  # the files that it needs, while the proxy starts
            port = proxy.wait().port
            changes = changes_of_run(plan, port, trust, os.environ, test_id)
            described = description(plan, port, changes, test_id)
            click.echo(json.dumps({**described, "without_key": without_key(plan, os.environ)}))
            sys.stdin.buffer.read()
        return 0

    sys.exit(guarded(held))
