"""How a response ended: whole, left by the client, or cut by the API, read from mitmproxy's error texts."""

from __future__ import annotations

from mitmproxy import connection, http

from ..record.exchange import End
from .tap import Tap

_PROXY_AUTHENTICATION_REQUIRED = 407


def ending_after_error(flow: http.HTTPFlow) -> End:
    """Return which side ended a flow that broke off."""
    message = error_message(flow)
    return End.LEFT_BY_CLIENT if _client_left(flow, message) else End.CUT_BY_UPSTREAM


def error_message(flow: http.HTTPFlow) -> str:
    """Return mitmproxy's words for the break, "" when it has none."""
    return flow.error.msg if flow.error is not None else ""


def reason_without_response(end: End, message: str) -> str:
    """Return why an exchange is not recorded of which no response passed.

    `message` is mitmproxy's: the API was not reached, or its response breaks HTTP so that mitmproxy refuses it.
    """
    if end is End.LEFT_BY_CLIENT:
        return "the client left before the answer began, perhaps by its own time-out"
    return f"the API was not reached, {message}"


def reason_without_tunnel(flow: http.HTTPFlow) -> str:
    """Return why no tunnel was opened to a recorded host: its client gave up, or the API was not reached."""
    if flow.client_conn.state is not connection.ConnectionState.OPEN:
        return "the client left before its tunnel was open, perhaps by its own time-out"
    return f"the API was not reached, {flow.server_conn.error or 'the connection failed'}"


def refusal_of_users_proxy(flow: http.HTTPFlow) -> str:
    """Return why a response is not the API's but a refusal of the user's own proxy, "" when it is the API's.

    Over plain HTTP such a proxy answers in the API's place: with 407 (RFC 9110, 15.5.8), with the reason of RFC 9209,
    or with Squid's header. Over TLS mitmproxy sees its answer to CONNECT, and no response.
    """
    response = flow.response
    if flow.server_conn.via is None or response is None:
        return ""
    is_refusal = (
        response.status_code == _PROXY_AUTHENTICATION_REQUIRED
        or "x-squid-error" in response.headers
        or "error=" in response.headers.get("proxy-status", "")
    )
    return (
        f"the API was not reached, the proxy in between answered {response.status_code}" if is_refusal else ""
    )


def has_all_bytes(response: http.Response, tap: Tap) -> bool:
    """Tell whether all bytes of `content-length` passed: a client that counts them may leave at the last one."""
    return bool(response.headers.get("content-length", "") == str(tap.size))


def _client_left(flow: http.HTTPFlow, message: str) -> bool:
    if message.startswith("Client disconnected"):
        return True
    if message.startswith("stream reset by client"):
        return _reset_by_client(flow, message)
    return flow.client_conn.state is not connection.ConnectionState.OPEN


def _reset_by_client(flow: http.HTTPFlow, message: str) -> bool:
    """Tell whose reset of an HTTP/2 stream this was: mitmproxy says "by client" of both sides."""
    if flow.client_conn.alpn != b"h2" or flow.server_conn.alpn != b"h2":
        return flow.client_conn.alpn == b"h2"
    # Over HTTP/2 on both sides the reason tells: a client gives up with CANCEL (RFC 9113, section 7).
    return message.endswith(("(CANCEL)", "(NO_ERROR)"))
