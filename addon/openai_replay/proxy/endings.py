"""How a response ended: whole, left by the client, or cut by the API, read from mitmproxy's error texts."""

from __future__ import annotations

import re

from mitmproxy import connection, http

from ..record.exchange import End
from .tap import Tap

# Operations whose streams tell their end by an event.
_STREAMS_WITH_LAST_EVENT = ("/completions", "/responses")

_PROXY_AUTHENTICATION_REQUIRED = 407

# Proxies of companies, which name themselves in the `server` header of their error pages.
_PROXY_PRODUCT = re.compile(
    r"squid|zscaler|blue ?coat|proxysg|mcafee web gateway|skyhigh|netskope|forcepoint|websense|forti(?:gate|proxy)"
    r"|ironport|umbrella|sophos|tinyproxy|privoxy|mitmproxy",
    re.IGNORECASE,
)

# How mitmproxy's messages begin when the API answered, but not in HTTP that mitmproxy accepts.
_NO_HTTP = (
    "Cannot parse HTTP response",
    "unexpected server response",
    "Received ",
    "HTTP/2 protocol error",
    "Invalid HTTP/2 response",
)

# mitmproxy says this of resets by the client and by the API.
_RESET = "stream reset by client"


def ending_after_error(flow: http.HTTPFlow) -> End:
    """Return which side ended a flow that broke off."""
    message = error_message(flow)
    return End.LEFT_BY_CLIENT if _client_left(flow, message) else End.CUT_BY_UPSTREAM


def error_message(flow: http.HTTPFlow) -> str:
    """Return mitmproxy's words for the break, "" when it has none."""
    return flow.error.msg if flow.error is not None else ""


def explained_error(flow: http.HTTPFlow, end: End) -> str:
    """Return the words of a recording and the log for a break; a reset by the API is called that."""
    message = error_message(flow)
    return message.replace(_RESET, "stream reset by the API") if end is End.CUT_BY_UPSTREAM else message


def reason_without_response(end: End, message: str) -> str:
    """Return why an exchange is not recorded of which no response passed.

    `message` is mitmproxy's: the API was not reached, or its response breaks HTTP so that mitmproxy refuses it.
    """
    if message.startswith(_NO_HTTP):
        return f"the API's answer is no HTTP that mitmproxy accepts, {message}"
    if end is End.LEFT_BY_CLIENT:
        return "the client left before the answer began, perhaps by its own time-out"
    return f"the API was not reached, {message}"


def reason_without_tunnel(flow: http.HTTPFlow) -> str:
    """Return why no tunnel was opened to a recorded host: its client gave up, or the API was not reached."""
    if flow.client_conn.state is not connection.ConnectionState.OPEN:
        return "the client left before its tunnel was open, perhaps by its own time-out"
    return f"the API was not reached, {flow.server_conn.error or 'the connection failed'}"


def refusal_of_users_proxy(flow: http.HTTPFlow) -> str:
    """Return why a response is not the API's but a refusal of a proxy in between, "" when it is the API's.

    Over plain HTTP, and where a company decrypts TLS, such a proxy answers in the API's place. Its answer to CONNECT is
    no response for mitmproxy, and never gets here.
    """
    response = flow.response
    if response is None or not (_is_marked_by_proxy(response) or _is_page_of_known_proxy(flow, response)):
        return ""
    return f"the API was not reached, the proxy in between answered {response.status_code}"


def _is_marked_by_proxy(response: http.Response) -> bool:
    """Tell whether a response says that a proxy made it: RFC 9110, 15.5.8, RFC 9209, or by the name of a product."""
    headers = response.headers
    wants_login = response.status_code == _PROXY_AUTHENTICATION_REQUIRED and "proxy-authenticate" in headers
    has_product = response.status_code >= 400 and _PROXY_PRODUCT.match(headers.get("server", ""))
    is_error = "x-squid-error" in headers or "error=" in headers.get("proxy-status", "")
    return wants_login or is_error or bool(has_product)


def _is_page_of_known_proxy(flow: http.HTTPFlow, response: http.Response) -> bool:
    """Tell whether the user's proxy answered over plain HTTP: with 407, or with a page for people, but no success."""
    is_known = flow.server_conn.via is not None and flow.request.scheme == "http"
    is_page = response.status_code >= 300 and "text/html" in response.headers.get("content-type", "").lower()
    return is_known and (is_page or response.status_code == _PROXY_AUTHENTICATION_REQUIRED)


def ending_of(response: http.Response, tap: Tap, end: End, endpoint: str) -> End:
    """Return how a response ended that mitmproxy says ended like `end`."""
    if has_all_bytes(response, tap):
        return End.COMPLETE
    if (
        end is End.COMPLETE
        and endpoint.endswith(_STREAMS_WITH_LAST_EVENT)
        and _ends_with_connection(response)
    ):
        return End.CONNECTION_ENDED
    return end


def _ends_with_connection(response: http.Response) -> bool:
    """Tell whether a stream has no length, so that a break of the connection looks like its end."""
    return (
        response.http_version.startswith("HTTP/1")
        and "event-stream" in response.headers.get("content-type", "")
        and not {"content-length", "transfer-encoding"} & {name.lower() for name in response.headers}
    )


def has_all_bytes(response: http.Response, tap: Tap) -> bool:
    """Tell whether all bytes of `content-length` passed: a client that counts them may leave at the last one."""
    return bool(response.headers.get("content-length", "") == str(tap.size))


def _client_left(flow: http.HTTPFlow, message: str) -> bool:
    if message.startswith("Client disconnected"):
        return True
    if message.startswith(_RESET):
        return _reset_by_client(flow, message)
    return flow.client_conn.state is not connection.ConnectionState.OPEN


def _reset_by_client(flow: http.HTTPFlow, message: str) -> bool:
    """Tell whose reset of an HTTP/2 stream this was: mitmproxy says "by client" of both sides."""
    if flow.client_conn.alpn != b"h2" or flow.server_conn.alpn != b"h2":
        return flow.client_conn.alpn == b"h2"
    # Over HTTP/2 on both sides the reason tells: a client gives up with CANCEL (RFC 9113, section 7).
    return message.endswith(("(CANCEL)", "(NO_ERROR)"))
