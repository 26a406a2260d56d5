"""Refuse connections of this process that go past the proxy to a recorded host, or note them alone.

A client that uses the proxy does not resolve the API's host name: the proxy does. So a DNS look-up of a recorded host
means that a client bypasses the proxy: it was made before the proxy was known, or it ignores HTTPS_PROXY and its like.
Python raises an audit event for each look-up (PEP 578), so no library has to be patched.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

_EVENT = "socket.getaddrinfo"

# Hosts of this machine are looked up for much else, and cost nothing.
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


@dataclass(slots=True)
class BypassGuard:
    """Watches the look-ups of this process while it is `watching`."""

    refused: list[str] = field(default_factory=list)
    noted: list[str] = field(default_factory=list)
    _patterns: tuple[str, ...] = ()
    _refuses: bool = True
    _is_installed: bool = False

    @contextmanager
    def watching(self, hosts: Sequence[str], *, refuses: bool = True) -> Iterator[None]:
        """Refuse look-ups of `hosts`, which are as `recording_hosts` has them, or note them, until the block ends."""
        if not self._is_installed:
            sys.addaudithook(self._on_event)
            self._is_installed = True
        earlier = self._patterns, self._refuses
        self._patterns, self._refuses = tuple(_name(host) for host in hosts), refuses
        try:
            yield
        finally:
            self._patterns, self._refuses = earlier

    def taken(self) -> list[str]:
        """Return the hosts that were refused since the last call, each once."""
        refused, self.refused = list(dict.fromkeys(self.refused)), []
        return refused

    def taken_notes(self) -> list[str]:
        """Return the hosts that were looked up and not refused since the last call, each once."""
        noted, self.noted = list(dict.fromkeys(self.noted)), []
        return noted

    def _on_event(self, event: str, arguments: tuple[object, ...]) -> None:
        if event != _EVENT or not self._patterns:
            return
        host = _text(arguments[0]).rstrip(".").lower()
        if host in _LOOPBACK or not any(fnmatchcase(host, pattern) for pattern in self._patterns):
            return
        (self.refused if self._refuses else self.noted).append(host)
        if self._refuses:
            raise ConnectionRefusedError(errno.ECONNREFUSED, explanation(host))


def explanation(host: str) -> str:
    """Return why a connection was refused, and the remedy."""
    return (
        f"openai-replay: a client goes past the proxy to {host}. It was made before the proxy was known (set "
        "openai_replay = true in the ini file, or make it in a fixture or a test), or it reads no proxy variables (try "
        "--recording-base-url)"
    )


def _name(host: str) -> str:
    """Return a pattern of `recording_hosts` without its port."""
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdecimal() else host).lower()


def _text(host: object) -> str:
    return host.decode("latin-1") if isinstance(host, bytes) else str(host)
