"""`openai-replay mock`: the mock API as a server for OPENAI_BASE_URL, until it is told to end."""

from __future__ import annotations

import os
import signal

import click

from ..mock import Upstream

_ENDS = {signal.SIGTERM, signal.SIGINT}


@click.command("mock")
@click.option(
    "-p",
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="The port on 127.0.0.1; any free one without this.",
)
def mock_command(port: int) -> None:
    """Serve a mock of the OpenAI API: made-up answers, no key.

    It listens on 127.0.0.1, and prints the base URL to set. Any key is accepted, and each endpoint answers in the form
    of the real API: a `temperature` of 9 gets status 400, `tools` get a call. Words in the last message of the user get
    other failures:

    \b
      [scenario: rate-limited]          status 429
      [scenario: server-error]          status 500
      [scenario: cut-after-3-chunks]    a stream that breaks off

    To record from it as api.openai.com, use `openai-replay run --mode record --against-mock`.
    """
    # Blocked before the server starts its thread, so that only the wait below receives them.
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)
    try:
        with Upstream(plain=True, plain_port=port) as api:
            click.echo("This is a mock of the OpenAI API: its answers are made up.")
            click.echo(f"OPENAI_BASE_URL=http://127.0.0.1:{api.plain_port}/v1")
            signal.sigwait(_ENDS)
    except OSError as exc:
        reason = os.strerror(exc.errno) if exc.errno else str(exc)
        raise click.ClickException(f"--port {port}: expected a free port, {reason}") from exc
