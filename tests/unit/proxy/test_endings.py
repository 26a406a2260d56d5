"""How a response ended, and why there is none."""

import pytest
from mitmproxy import http
from mitmproxy.connection import ConnectionState
from mitmproxy.test import tflow

from openai_replay.proxy.endings import (
    reason_without_response,
    reason_without_tunnel,
    refusal_of_users_proxy,
)
from openai_replay.record.exchange import End


def test_a_client_that_gave_up_is_told_from_an_api_that_was_not_reached() -> None:
    assert "perhaps by its own time-out" in reason_without_response(
        End.LEFT_BY_CLIENT, "Client disconnected."
    )
    assert reason_without_response(End.CUT_BY_UPSTREAM, "no route") == "the API was not reached, no route"


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
    ("status", "headers", "is_refusal"),
    [
        (407, {}, True),
        (403, {"X-Squid-Error": "ERR_ACCESS_DENIED 0"}, True),
        (502, {"Proxy-Status": "proxy.example; error=connection_refused"}, True),
        (200, {"Proxy-Status": "proxy.example; received-status=200"}, False),
        (403, {}, False),
        (200, {}, False),
    ],
)
def test_a_refusal_of_the_users_own_proxy_is_no_answer_of_the_api(
    status: int, headers: dict[str, str], is_refusal: bool
) -> None:
    flow = tflow.tflow(resp=http.Response.make(status, b"", headers))
    assert refusal_of_users_proxy(flow) == "", "no proxy in between"
    flow.server_conn.state = ConnectionState.CLOSED
    flow.server_conn.via = ("http", ("proxy.example", 3128))
    reason = refusal_of_users_proxy(flow)
    assert reason == (
        f"the API was not reached, the proxy in between answered {status}" if is_refusal else ""
    )
