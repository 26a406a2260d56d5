"""Start the proxy's process before its configuration is known: its imports take most of the time of a short run.

The process imports its modules, then waits on its standard input for a line, see `proxy/prepared_server.py`. When that
input ends without a line, as it does when this process ends, the process ends, too.

This is the first work of the command line, so it imports little: no `dataclasses`, `json`, `pathlib` or `typing`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress

from ..proxy.companion import ANNOUNCE_FD, KEYS_FD

# -P: a file in the working directory is no module of the proxy's.
_PROGRAM = (sys.executable, "-P", "-m", "openai_replay.proxy.prepared_server")

# The proxy goes by its options. Python's own variables stay: they may be how it is installed.
_NOT_FOR_THE_PROXY = ("SSLKEYLOGFILE", "MITMPROXY_SSLKEYLOGFILE", "PYTHONWARNINGS", "PYTHONDEVMODE")

# A part of the name of each variable with a key that may be left out of the proxy's environment.
_OF_KEYS = "KEY"


class PreparedProxy:
    """A process that becomes the proxy when it is configured.

    Attributes:
        process: it ends with its standard input, a pipe from here.
        announcement: the file descriptor to read the port from on which the proxy listens.
        variables: names of file descriptors, for the proxy's environment.
    """

    def __init__(self, environment: Mapping[str, str], log: int | None = None) -> None:
        """Start the process, and return at once.

        Args:
            environment: its variables until it is configured; variables that may hold a key are left out.
            log: the file descriptor that warnings and errors are written to, None for this process's standard error.
        """
        self.announcement, announcing = os.pipe()
        reading_keys, self._keys = os.pipe()
        self.variables = {ANNOUNCE_FD: str(announcing), KEYS_FD: str(reading_keys)}
        self._is_configured = False
        try:
            self.process = subprocess.Popen(
                _PROGRAM,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
                pass_fds=(announcing, reading_keys),
                env={**_without_keys(for_the_proxy(environment)), **self.variables},
                start_new_session=True,
            )
        finally:
            os.close(announcing)
            os.close(reading_keys)

    def configure(self, line: bytes, keys: bytes) -> None:
        """Let the process become the proxy.

        Args:
            line: its configuration, with a line break at the end.
            keys: the real keys, a few kilobytes. No environment and no command line holds them.
        """
        self._is_configured = True
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended, and will announce no port
            with open(self._keys, "wb") as pipe:
                pipe.write(keys)
            self.process.stdin.write(line)
            self.process.stdin.flush()

    def discard(self) -> None:
        """End the process, unless it was configured."""
        if not self._is_configured:
            self.process.kill()
            self.process.communicate()
            os.close(self.announcement)
            os.close(self._keys)


def for_the_proxy(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a proxy, without variables that would change its work."""
    return {name: value for name, value in environment.items() if name not in _NOT_FOR_THE_PROXY}


def _without_keys(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if _OF_KEYS not in name.upper()}
