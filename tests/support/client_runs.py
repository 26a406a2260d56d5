"""Real clients, each run while recording and then in replay, by both ways of connecting."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from clients.toolchains import Client
from openai_replay.mock import Upstream
from support.proxy import CEILING_S, Proxy, bare_environment, proxy

HOST = "api.openai.com"
KEY = "sk-test-0123456789abcdef0123456789abcdef"
CONNECTIONS = ("proxy", "base-url")


@dataclass(frozen=True)
class Run:
    """A running proxy, and the environment that leads clients to it."""

    proxy: Proxy
    connection: str

    def environment(self, *, test_id: str = "") -> dict[str, str]:
        """Return the environment of a client; for a client without a test id, in the URL."""
        if self.connection == "proxy":
            # Node sends a user name only beside a password, and Python's `websockets` refuses one without.
            user = f"{test_id}:x" if test_id else ""
            return self.proxy.environment(test_id=user, NODE_USE_ENV_PROXY="1")
        prefix = f"/@{test_id}" if test_id else ""
        return bare_environment(
            self.proxy.home, OPENAI_API_KEY=KEY, OPENAI_BASE_URL=f"{self.proxy.url}{prefix}/v1"
        )


@contextmanager
def running(top: Path, connection: str, *options: str, upstream: Upstream | None = None) -> Iterator[Run]:
    """Run a proxy for clients that connect in one of CONNECTIONS, on the recordings of `top`."""
    mode = "" if connection == "proxy" else f"reverse:https://{HOST}"
    options = (f"recording_dir={top / 'recordings'}", *options)
    with proxy(top / "home", *options, upstream=upstream, mode=mode) as proxying:
        yield Run(proxying, connection)


def recorded_and_replayed[T](top: Path, connection: str, use: Callable[[Run], T]) -> tuple[T, T]:
    """Return the results of `use` while recording and in replay, of which upstream must hear nothing."""
    with Upstream() as upstream:
        with running(top, connection, "recording_mode=record", upstream=upstream) as recorder:
            recorded = use(recorder)
        assert upstream.requests
        connections = upstream.connections
        with running(top, connection, upstream=upstream) as replayer:
            replayed = use(replayer)
        assert upstream.connections == connections
    return recorded, replayed


def built(client: Client, *, in_ci: bool) -> list[str]:
    """Return the command of a client program; without its toolchain the test is skipped, or fails in CI."""
    reason = client.available()
    if reason is not None:
        if in_ci:
            pytest.fail(f"{client.name}: {reason}")
        pytest.skip(f"{client.name}: {reason}")
    return client.build()


def said_by(command: Sequence[str], environment: Mapping[str, str]) -> Any:
    """Run a client program, which prints one line of JSON, and return its output."""
    ended = subprocess.run(command, capture_output=True, env=environment, timeout=CEILING_S, check=False)
    assert ended.returncode == 0, ended.stderr.decode(errors="replace")
    return json.loads(ended.stdout)


NORMALISED = ("chat.completion", "chat.completion.chunk", "text_completion")


def comparable(value: Any) -> Any:
    """Return the dump of a client's object, without the normalised members and the API's random padding."""
    if isinstance(value, list):
        return [comparable(item) for item in value]
    if not isinstance(value, dict):
        return value
    dropped = ("id", "created", "obfuscation") if value.get("object") in NORMALISED else ()
    return {name: comparable(item) for name, item in value.items() if name not in dropped}
