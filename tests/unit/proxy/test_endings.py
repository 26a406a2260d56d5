"""How a response ended, and why there is none."""

import pytest
from mitmproxy import http
from mitmproxy.connection import ConnectionState
from mitmproxy.test import tflow

from openai_replay.proxy.endings import (
    ending_of,
    explained_error,
    reason_without_response,
    reason_without_tunnel,
    refusal_of_users_proxy,
)
from openai_replay.proxy.tap import Tap
from openai_replay.record.exchange import End


def test_a_client_that_gave_up_is_told_from_an_api_that_was_not_reached() -> None:
    assert "perhaps by its own time-out" in reason_without_response(
        End.LEFT_BY_CLIENT, "Client disconnected."
    )
    assert reason_without_response(End.CUT_BY_UPSTREAM, "no route") == "the API was not reached, no route"


@pytest.mark.parametrize(
    "message",
    [
        "Cannot parse HTTP response: Bad HTTP response line",
        "unexpected server response: b'220'",
        "HTTP/2 protocol error: Received uppercase header name b'X-Upper'.",
    ],
)
def test_an_api_that_answers_in_no_http_was_reached(message: str) -> None:
    reason = reason_without_response(End.CUT_BY_UPSTREAM, message)
    assert reason == f"the API's answer is no HTTP that mitmproxy accepts, {message}"


def test_a_reset_by_the_api_is_not_called_one_by_the_client() -> None:
    flow = tflow.tflow(err=tflow.terr("stream reset by client (INTERNAL_ERROR)"))
    assert explained_error(flow, End.CUT_BY_UPSTREAM) == "stream reset by the API (INTERNAL_ERROR)"
    assert explained_error(flow, End.LEFT_BY_CLIENT) == "stream reset by client (INTERNAL_ERROR)"


@pytest.mark.parametrize("state", [ConnectionState.CLOSED, ConnectionState.CAN_WRITE])
def test_a_client_that_gave_up_within_connect_is_told_from_an_api_that_was_not_reached(
    state: ConnectionState,
) -> None:
    flow = tflow.tflow()
    flow.server_conn.error = "no route"
    assert reason_without_tunnel(flow) == "the API was not reached, no route"
    flow.client_conn.state = state
    assert reason_without_tunnel(flow).startswith("the client left before its tunnel was open")


@pytest.mark.parametrize(
    ("status", "headers", "is_refusal", "is_refusal_of_known_proxy"),
    [
        (407, {"Proxy-Authenticate": "Basic"}, True, True),
        (407, {}, False, True),
        (403, {"X-Squid-Error": "ERR_ACCESS_DENIED 0"}, True, True),
        (502, {"Proxy-Status": "proxy.example; error=connection_refused"}, True, True),
        (200, {"Proxy-Status": "proxy.example; received-status=200"}, False, False),
        (403, {"Server": "Zscaler/6.2"}, True, True),
        (503, {"Server": "squid/5.7"}, True, True),
        (200, {"Server": "squid/5.7"}, False, False),
        (403, {"Content-Type": "text/html; charset=utf-8"}, False, True),
        (502, {"Content-Type": "text/html", "Server": "cloudflare"}, False, True),
        (302, {"Content-Type": "text/html", "Location": "http://login.example/"}, False, True),
        (200, {"Content-Type": "text/html"}, False, False),
        (403, {"Content-Type": "application/json", "Via": "1.1 proxy (squid/5.7)"}, False, False),
        (403, {}, False, False),
        (200, {}, False, False),
    ],
)
def test_a_refusal_of_a_proxy_in_between_is_no_answer_of_the_api(
    status: int, headers: dict[str, str], is_refusal: bool, is_refusal_of_known_proxy: bool
) -> None:
    flow = tflow.tflow(resp=http.Response.make(status, b"", headers))
    reason = f"the API was not reached, the proxy in between answered {status}"
    assert refusal_of_users_proxy(flow) == (reason if is_refusal else "")
    flow.server_conn.state = ConnectionState.CLOSED
    flow.server_conn.via = ("http", ("proxy.example", 3128))
    assert refusal_of_users_proxy(flow) == (reason if is_refusal_of_known_proxy else "")
    flow.request.scheme = "https"
    assert refusal_of_users_proxy(flow) == (reason if is_refusal else "")


@pytest.mark.parametrize(
    ("headers", "endpoint", "end"),
    [
        ({}, "/v1/chat/completions", End.CONNECTION_ENDED),
        ({}, "/v1/responses", End.CONNECTION_ENDED),
        ({}, "/v1/events", End.COMPLETE),
        ({"Transfer-Encoding": "chunked"}, "/v1/responses", End.COMPLETE),
        ({"Content-Length": "5"}, "/v1/responses", End.COMPLETE),
    ],
)
def test_a_stream_without_a_length_is_judged_by_its_last_event(
    headers: dict[str, str], endpoint: str, end: End
) -> None:
    fields = [
        (b"Content-Type", b"text/event-stream"),
        *((k.encode(), v.encode()) for k, v in headers.items()),
    ]
    response = http.Response(b"HTTP/1.1", 200, b"OK", http.Headers(fields), None, None, 0, 0)
    tap = Tap()
    tap(b"abc")
    assert ending_of(response, tap, End.COMPLETE, endpoint) is end
    assert ending_of(response, tap, End.LEFT_BY_CLIENT, endpoint) is End.LEFT_BY_CLIENT
    tap.close()
