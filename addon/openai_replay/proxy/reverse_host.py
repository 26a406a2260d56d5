"""The Host header in base-URL mode: seen as the client sent it, and sent upstream as the API's.

mitmproxy replaces it before any addon sees it. A web page whose name was rebound to this address (DNS rebinding) shows
itself by nothing but its Host, so here mitmproxy keeps the header and it is replaced afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mitmproxy import connection, ctx, http
from mitmproxy.net.http import url
from mitmproxy.proxy import mode_specs


@dataclass(slots=True)
class ReverseHost:
    """`is_replaced` unless the user has set `keep_host_header`."""

    is_replaced: bool = False

    def options(self) -> dict[str, Any]:
        """Return the options to set: mitmproxy is to leave the header alone."""
        self.is_replaced = self.is_replaced or not ctx.options.keep_host_header
        is_reverse = any(text.startswith("reverse:") for text in ctx.options.mode)
        return {"keep_host_header": True} if is_reverse and self.is_replaced else {}

    def replace(self, flow: http.HTTPFlow) -> None:
        """Name the API in the Host header of a request, as mitmproxy does it."""
        mode = flow.client_conn.proxy_mode
        if self.is_replaced and isinstance(mode, mode_specs.ReverseMode):
            flow.request.host_header = url.hostport(mode.scheme, *mode.address)

    def name_server(self, server: connection.Server, client: connection.Client) -> None:
        """Name the API in the TLS handshake (SNI), as mitmproxy does it."""
        mode = client.proxy_mode
        if self.is_replaced and isinstance(mode, mode_specs.ReverseMode) and server.address == mode.address:
            server.sni = server.sni or mode.address[0]
