"""`own_address`: a request to the proxy's own address is known by the connection that it came on."""

from __future__ import annotations

import asyncio

import pytest
from mitmproxy import http
from mitmproxy.test import tflow

from openai_replay.proxy.own_address import leads_to_itself


@pytest.mark.parametrize(
    ("url", "is_own"),
    [
        ("http://127.0.0.1:8080/v1/models", True),
        ("http://localhost:8080/v1/models", True),
        ("http://[::1]:8080/", True),
        ("http://192.0.2.7:8080/v1/models", True),
        ("http://192.0.2.8:8080/v1/models", False),
        ("http://localhost:11434/api/chat", False),
        ("http://192.0.2.007:8080/", True),
    ],
)
def test_the_address_of_a_connection_is_the_proxys(url: str, is_own: bool) -> None:
    flow = tflow.tflow(req=http.Request.make("GET", url))
    flow.client_conn.sockname = ("192.0.2.7", 8080)

    assert asyncio.run(leads_to_itself(flow)) is is_own


def test_a_name_that_none_can_have_is_not_the_proxys() -> None:
    flow = tflow.tflow(req=http.Request.make("GET", "http://localhost:8080/"))
    flow.client_conn.sockname = ("192.0.2.7", 8080)
    flow.request.data.host = "a" * 64

    assert not asyncio.run(leads_to_itself(flow))
