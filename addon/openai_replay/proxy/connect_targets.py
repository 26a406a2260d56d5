"""Remember the CONNECT target of each client connection: behind another proxy only the target names the tunnel's host.

In mitmproxy's `upstream:` mode `server_connect` sees the address of the other proxy. Bytes that are neither TLS nor
HTTP, or a ClientHello that breaks off, tell nothing more. So in replay such a connection is opened only for a client
whose target is known and not recorded.
"""

from __future__ import annotations

from mitmproxy import connection, http
from mitmproxy.proxy import mode_specs

from ..options import Settings
from .hosts import is_recorded


class ConnectTargets:
    """The client connections whose requests may leave through another proxy."""

    def __init__(self) -> None:
        self._allowed: set[str] = set()

    def note(self, flow: http.HTTPFlow, settings: Settings | None) -> None:
        """Take note of the target of a CONNECT, or of a request that passes to a host that is not recorded."""
        if settings is not None and not is_recorded(flow.request, settings):
            self._allowed.add(flow.client_conn.id)
        else:
            self._allowed.discard(flow.client_conn.id)

    def forget(self, connection_id: str) -> None:
        """Forget a connection that ended."""
        self._allowed.discard(connection_id)

    def lets_pass(self, client: connection.Client) -> bool:
        """Tell whether a connection for a client may be opened as far as its target goes."""
        return not uses_upstream_proxy(client) or client.id in self._allowed


def uses_upstream_proxy(client: connection.Client) -> bool:
    """Tell whether requests of a client go through another proxy, by `--mode upstream:…`."""
    return isinstance(client.proxy_mode, mode_specs.UpstreamMode)
