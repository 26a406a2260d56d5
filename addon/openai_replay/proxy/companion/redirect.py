"""A mitmproxy script in place of DNS: hosts keep their names, their connections go to the mock API.

    mitmdump -s addon/replay.py -s addon/openai_replay/proxy/companion/redirect.py --set upstream_port=PORT

Not done in `server_connect` by giving the server another address: mitmproxy keeps that address, and from then
on `flow.request.host`, the choice of hosts to decrypt, the names in certificates and the reuse of connections
would all speak of 127.0.0.1. A resolver changes none of these, so this script replaces the event loop's
`create_connection`.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Sequence
from typing import Any

from mitmproxy import ctx
from mitmproxy.addonmanager import Loader

HTTPS, HTTP = 443, 80


class Redirect:
    """Sends new connections to the upstream: any host's port 443, port 80 on request, and the listed routes."""

    def load(self, loader: Loader) -> None:
        """Declare the options."""
        loader.add_option(
            "upstream_port", int, 0, "port of 127.0.0.1 that answers for port 443 of every host"
        )
        loader.add_option("upstream_plain_port", int, 0, "the same for port 80")
        loader.add_option(
            "upstream_routes",
            Sequence[str],
            [],
            "HOST:PORT=PORT: another host that goes to a port of 127.0.0.1; repeatable",
        )

    def running(self) -> None:
        """Put the redirection before the loop's own way to connect."""
        loop = asyncio.get_running_loop()
        connect = loop.create_connection

        async def create_connection(factory: Any, host: Any = None, port: Any = None, **options: Any) -> Any:
            return await connect(factory, *self._target(host, port), **options)

        setattr(loop, "create_connection", create_connection)  # noqa: B010  # mypy forbids assigning to a method

    def _target(self, host: Any, port: Any) -> tuple[Any, Any]:
        targets = {HTTPS: ctx.options.upstream_port, HTTP: ctx.options.upstream_plain_port}
        routes = dict(route.split("=", 1) for route in ctx.options.upstream_routes)
        if f"{host}:{port}" in routes:
            return "127.0.0.1", int(routes[f"{host}:{port}"])
        # Connections to loopback stay: the addon's own server is there.
        if _is_loopback(host) or not targets.get(port):
            return host, port
        return "127.0.0.1", targets[port]


def _is_loopback(host: Any) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


addons = [Redirect()]
