"""`reverse_host`: in base-URL mode the client's Host is seen, and the API's is sent."""

from __future__ import annotations

import pytest
from mitmproxy.proxy import mode_specs
from mitmproxy.test import taddons, tflow

from openai_replay.proxy.reverse_host import ReverseHost


@pytest.mark.parametrize(
    ("mode", "host"),
    [
        ("reverse:https://api.openai.com", "api.openai.com"),
        ("reverse:http://127.0.0.1:8000", "127.0.0.1:8000"),
        ("regular", "localhost"),
    ],
)
def test_the_api_is_named_upstream(mode: str, host: str) -> None:
    flow = tflow.tflow()
    flow.client_conn.proxy_mode = mode_specs.ProxyMode.parse(mode)
    flow.request.host_header = "localhost"

    ReverseHost(is_replaced=True).replace(flow)

    assert flow.request.host_header == host


def test_a_user_who_keeps_the_header_keeps_it() -> None:
    flow = tflow.tflow()
    flow.client_conn.proxy_mode = mode_specs.ProxyMode.parse("reverse:https://api.openai.com")
    flow.request.host_header = "localhost"
    with taddons.context() as context:
        context.options.add_option("keep_host_header", bool, True, "")
        reverse_host = ReverseHost()
        assert reverse_host.options() == {}
        reverse_host.replace(flow)

    assert flow.request.host_header == "localhost"
