"""uvicorn (https://uvicorn.dev), embedded in this process's event loop."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import override

import uvicorn
import uvloop

from .application import Application
from .connection import Configuration, Connection, SocketConnection
from .http2 import Http2Server

# uvicorn would close idle connections after 5 s, and a client whose request is on its way would fail.
_MOST_IDLE_S = 24 * 3600

# Sessions are recorded with messages of any size.
_MOST_MESSAGE_BYTES = 2**62

new_event_loop = uvloop.new_event_loop


class UvicornServer(uvicorn.Server):
    """Serves an application until `stop` is called."""

    def __init__(
        self,
        application: Application,
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
        self._http2_server = Http2Server(application)
        super().__init__(
            Configuration(
                application,
                self._http2_server,
                http=Connection,
                ws=SocketConnection if upgrades else "none",
                ws_max_size=_MOST_MESSAGE_BYTES,
                ws_ping_interval=None,
                ws_per_message_deflate=False,
                interface="asgi3",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                date_header=False,
                timeout_keep_alive=_MOST_IDLE_S,
                timeout_graceful_shutdown=0,
                ssl_certfile=certificate,
                ssl_keyfile=certificate,
            )
        )
        self._listening = listening

    def stop(self) -> None:
        """Let `serve` end, with all connections."""
        self.should_exit = True

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._listening()

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        await self._http2_server.close()

    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to this process."""
        yield
