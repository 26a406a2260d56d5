"""A mitmproxy script that writes down which files are opened and which folders listed, one path a line.

Loaded after the addon: it sees each file that the proxy opens from its start on, without the loading of the addon.
"""

from __future__ import annotations

import os
import sys

_OPENED = "OPENED_FILES"
_EVENTS = ("open", "os.listdir", "os.scandir")

_log = open(os.environ[_OPENED], "a", buffering=1)  # noqa: SIM115  # it lives as long as the process


def _write_down(event: str, arguments: tuple[object, ...]) -> None:
    if event in _EVENTS and arguments and isinstance(arguments[0], str | bytes | os.PathLike):
        _log.write(f"{os.fsdecode(arguments[0])}\n")


sys.addaudithook(_write_down)
