"""The program `openai-replay`: starts the proxy of a command first, and then looks at the command line.

The proxy takes longer to start than all the rest of a short run, which therefore goes on beside it. A command line that
makes no sense ends the proxy again.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from .prepared_proxy import PreparedProxy

# The commands that need a proxy.
_WITH_PROXY = ("run", "proxy")


def main() -> None:
    """Run the command of the command line."""
    _occupy_standard_streams()
    if sys.argv[1:2] in ([name] for name in _WITH_PROXY):
        _run_beside_proxy()
    else:
        _run_command_line(None)


def _run_beside_proxy() -> None:
    prepared = PreparedProxy(os.environ)
    status: object = 0
    try:
        _run_command_line(prepared)
    except SystemExit as ending:  # as click ends each command
        status = ending.code
    finally:
        prepared.discard()
    _exit_at_once(status if isinstance(status, int) else 1)


def _run_command_line(prepared: PreparedProxy | None) -> None:
    # Imported here, when the proxy has been started.
    from .cli import main as command_line

    command_line(prog_name="openai-replay", obj=prepared)


def _exit_at_once(status: int) -> None:
    """End the process without freeing each object first, which takes Python 10 ms."""
    for stream in filter(None, (sys.stdout, sys.stderr)):
        with suppress(OSError):  # its reader is gone
            stream.flush()
    os._exit(status)


def _occupy_standard_streams() -> None:
    """Open a file in place of each standard stream that the caller has closed, before a pipe takes its number.

    The command finds it closed all the same: files that Python opens are not inherited.
    """
    while (opened := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(opened)
