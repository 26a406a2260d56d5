"""Instructions of `openai-replay run` for its proxy: real keys in place of dummies, and hosts to connect to directly.

The keys come through a pipe: neither an environment, nor a command line, nor a log ever holds them, and a process that
has them writes no core dump.
"""

from __future__ import annotations

import base64
import binascii
import json
import resource
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field

from mitmproxy import http

from ..options import Settings
from .companion import DIRECT_HOSTS, KEYS_FD

# The headers that carry a credential, for OpenAI's API and for compatible ones, and the
# subprotocols of a browser's WebSocket, which can send no other header.
_CREDENTIAL_HEADERS = frozenset(
    {
        b"authorization",
        b"api-key",
        b"x-api-key",
        b"x-goog-api-key",
        b"ocp-apim-subscription-key",
        b"sec-websocket-protocol",
    }
)

_BASIC = b"basic "


@dataclass(frozen=True, slots=True)
class Launcher:
    """The instructions.

    Attributes:
        real_keys: the real key for each dummy that the command has.
        is_run: there are any: `run` has started this proxy.
        direct_hosts: recorded hosts, as `recording_hosts` has them, to connect to past the proxy of `upstream:`.
    """

    real_keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    direct_hosts: frozenset[str] = frozenset()
    is_run: bool = False

    def prepare(self, request: http.Request) -> None:
        """Put the real keys into the credential headers of a request to a recorded host. Other values stay."""
        if self.real_keys:
            request.headers = http.Headers(
                (name, self._with_real_key(name, value)) for name, value in request.headers.fields
            )

    def connects_directly(self, request: http.Request, settings: Settings) -> bool:
        """Tell whether a request to a recorded host is not for the user's own proxy."""
        return any(
            pattern.text in self.direct_hosts and pattern.matches(request.host, request.port)
            for pattern in settings.hosts
        )

    def _with_real_key(self, name: bytes, value: bytes) -> bytes:
        if name.lower() not in _CREDENTIAL_HEADERS:
            return value
        if value[: len(_BASIC)].lower() == _BASIC:
            return _with_basic_credentials(value, self._replaced)
        return self._replaced(value)

    def _replaced(self, value: bytes) -> bytes:
        for dummy, key in self.real_keys.items():
            value = value.replace(dummy.encode(), key.encode())
        return value


def launcher_of(environment: MutableMapping[str, str]) -> Launcher:
    """Return the instructions, and take the variables that name them away; none for a proxy that a person started."""
    descriptor = environment.pop(KEYS_FD, "")
    direct_hosts = frozenset(environment.pop(DIRECT_HOSTS, "").split())
    if not descriptor:
        return Launcher()
    with open(int(descriptor), "rb") as pipe:
        keys = json.load(pipe)
    if keys:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return Launcher(keys, direct_hosts, is_run=True)


def _with_basic_credentials(value: bytes, replaced: Callable[[bytes], bytes]) -> bytes:
    """Return `Basic …` (RFC 7617) with its user name and password replaced; other text stays."""
    encoded = value[len(_BASIC) :]
    try:
        plain = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return value
    changed = replaced(plain)
    return value if changed == plain else value[: len(_BASIC)] + base64.b64encode(changed)
