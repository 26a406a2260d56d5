"""Refuse connections and requests to recorded hosts: in replay, and when the addon failed or was unloaded."""

from __future__ import annotations

from dataclasses import dataclass, field

from mitmproxy import connection, ctx, http
from mitmproxy.proxy import server_hooks

from ..options import Mode, Settings
from ..service import control
from ..service.answering import Refusal
from .connect_targets import ConnectTargets
from .hosts import is_recorded, leads_to_recorded_host
from .responses import refused

_NAME = "openai_replay_guard"


def refusal_to_connect(
    server: connection.Server,
    client: connection.Client,
    settings: Settings | None,
    targets: ConnectTargets,
) -> str | None:
    """Return why a connection upstream must not be opened, None when it may."""
    if server.address is not None and server.address[0] == control.HOST:
        return f"{control.HOST} is the proxy itself, over plain HTTP"
    if settings is None:
        return "the addon did not start: nothing connects"
    # A decrypted request for a recorded host may lead through a proxy of another name.
    wants_recorded_host = settings.is_recorded(client.sni or "", 443)
    leads_there = wants_recorded_host or leads_to_recorded_host(server, settings)
    if settings.mode is Mode.REPLAY and (leads_there or not targets.lets_pass(client)):
        return "replay never connects to a recorded host"
    return None


@dataclass(slots=True)
class Guard:
    """Takes the addon's place when the script is unloaded, for instance to load it again.

    Only then: each addon that mitmproxy knows costs every request about 20 µs.
    """

    settings: Settings | None = None
    targets: ConnectTargets = field(default_factory=ConnectTargets)
    name: str = field(default=_NAME, init=False)

    def http_connect(self, flow: http.HTTPFlow) -> None:
        """Take note of the target of CONNECT."""
        self.targets.note(flow, self.settings)

    def request(self, flow: http.HTTPFlow) -> None:
        """Refuse requests to recorded hosts."""
        self.targets.note(flow, self.settings)
        if self.settings is None or is_recorded(flow.request, self.settings):
            flow.response = refused(
                flow.request, Refusal("The addon was unloaded; the proxy's log says why.")
            )

    def server_connect(self, data: server_hooks.ServerConnectionHookData) -> None:
        """Refuse connections to recorded hosts."""
        if (
            self.settings is None
            or leads_to_recorded_host(data.server, self.settings)
            or not self.targets.lets_pass(data.client)
        ):
            data.server.error = "the addon was unloaded: nothing connects to a recorded host"


def relieve_guard() -> None:
    """Take away the guard that an earlier load of the script left behind."""
    guard = ctx.master.addons.get(_NAME)
    if guard is not None:
        ctx.master.addons.remove(guard)
