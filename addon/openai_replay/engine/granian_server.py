"""Granian, embedded in this process's event loop: https://github.com/emmett-framework/granian.

It runs by its ASGI interface, because its RSGI interface lacks three things: it decodes the path (`%2F` becomes a
slash), it drops headers that are not ASCII, and it cannot break a response off.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvloop
from granian.constants import Interfaces
from granian.server.embed import Server

from .application import Application
from .sockets import is_listening

# Granian accepts no more connections than this at once: idle streams must not keep others out.
_MOST_CONNECTIONS = 1_000_000
_BACKLOG = 2048

# How often it is looked whether the server listens.
_LISTENING_INTERVAL_S = 0.005

new_event_loop = uvloop.new_event_loop


class GranianServer(Server):
    """Serves an application until `stop` is called."""

    def __init__(
        self,
        application: Application,
        host: str,
        port: int,
        certificate: Path | None,
        listening: Callable[[], None],
        *,
        upgrades: bool,
    ) -> None:
        """Prepare to serve.

        Args:
            certificate: a PEM file with a key and its certificates; None for plain HTTP.
            listening: called once connections are accepted.
            upgrades: upgrade to WebSockets; else the application gets the upgrade as a request.
        """
        super().__init__(
            application,
            host,
            port,
            interface=Interfaces.ASGINL,
            websockets=upgrades,
            backlog=_BACKLOG,
            backpressure=_MOST_CONNECTIONS,
            log_enabled=False,
            ssl_cert=certificate,
            ssl_key=certificate,
        )
        self._listening = listening

    def startup(self, spawn_target: Any, target_loader: Any) -> None:
        """Begin to listen, which the server does in a thread, and say so when it does."""
        super().startup(spawn_target, target_loader)  # type: ignore[no-untyped-call]
        self._announcing = asyncio.get_running_loop().create_task(self._announce())

    async def _announce(self) -> None:
        while not is_listening(self.bind_port):
            await asyncio.sleep(_LISTENING_INTERVAL_S)
        self._listening()
