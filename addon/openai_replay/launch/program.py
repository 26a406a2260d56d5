"""The program `openai-replay`: starts the proxy of a command first, and then looks at the command line.

The proxy takes longer to start than all the rest of a short run, which therefore goes on beside it. A command line that
makes no sense ends the proxy again.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from contextlib import suppress

from .prepared_proxy import PreparedProxy

_NAME = "openai-replay"

# The commands that need a proxy.
_WITH_PROXY = ("run", "proxy")


def main() -> None:
    """Run the command of the command line."""
    _occupy_standard_streams()
    if sys.argv[1:2] in ([name] for name in _WITH_PROXY):
        _run_beside_proxy()
    else:
        _imported_command_line()(prog_name=_NAME)


def _run_beside_proxy() -> None:
    prepared = PreparedProxy(os.environ)
    status: object = 0
    try:
        _imported_command_line()(prog_name=_NAME, obj=prepared)
    except SystemExit as ending:  # as click ends each command
        status = ending.code
    finally:
        prepared.discard()
    _exit_at_once(status if isinstance(status, int) else 1)


def _imported_command_line() -> Callable[..., object]:
    gc.disable()  # imports make nothing but objects that stay: a tenth of their time
    from ..dataclass_code import kept_dataclass_code

    with kept_dataclass_code("command-line"):
        from .cli import main as command_line
    gc.enable()
    return command_line


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
