"""Refuse requests to the proxy's own address, which it would pass on to itself again and again.

They come from a program that uses the proxy as a base URL, without `--mode reverse:…`. mitmproxy refuses the connection
in `server_connect`; the answer here says why, and is no status that clients try again.
"""

from __future__ import annotations

import asyncio

from mitmproxy import http

from ..service.answering import Refusal

_LOOPBACK = ("localhost", "127.0.0.1", "::1")

OWN_ADDRESS = Refusal(
    "This is the address of the proxy itself. As OPENAI_BASE_URL it needs --mode reverse:https://api.openai.com when "
    "it is started; without that it goes into HTTPS_PROXY."
)


async def leads_to_itself(flow: http.HTTPFlow) -> bool:
    """Tell whether a request would be passed on to the address that it came to."""
    own_host, own_port, *_ = flow.client_conn.sockname
    host, port = flow.request.host, flow.request.port
    return port == own_port and (
        host in (*_LOOPBACK, own_host) or own_host in await _addresses_of(host, port)
    )


async def _addresses_of(host: str, port: int) -> list[str]:
    """Return the addresses of a name, such as a container's; none if it is unknown."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port)
    except (OSError, UnicodeError):  # the second one for a name that none can have
        return []
    return [str(address[0]) for *_, address in found]
