"""`connect_targets`: behind another proxy a client may connect as far as its known target goes."""

from __future__ import annotations

from pathlib import Path

from mitmproxy.proxy import mode_specs
from mitmproxy.test import tflow

from openai_replay.options import OPTIONS, Settings, settings
from openai_replay.proxy.connect_targets import ConnectTargets, uses_upstream_proxy


def checked(directory: Path) -> Settings:
    values: dict[str, object] = {option.name: option.default for option in OPTIONS}
    return settings(values | {"recording_dir": str(directory)})


def test_only_known_targets_that_are_not_recorded_let_a_client_pass(tmp_path: Path) -> None:
    targets = ConnectTargets()
    flow = tflow.tflow()
    client = flow.client_conn
    client.proxy_mode = mode_specs.ProxyMode.parse("upstream:http://proxy.example:3128")
    assert uses_upstream_proxy(client)
    assert not targets.lets_pass(client)

    flow.request.host = flow.request.headers["host"] = "other.example"
    targets.note(flow, checked(tmp_path))
    assert targets.lets_pass(client)

    flow.request.host = flow.request.headers["host"] = "api.openai.com"
    targets.note(flow, checked(tmp_path))
    assert not targets.lets_pass(client)

    flow.request.host = flow.request.headers["host"] = "other.example"
    targets.note(flow, None)
    assert not targets.lets_pass(client)


def test_without_another_proxy_the_address_tells(tmp_path: Path) -> None:
    assert ConnectTargets().lets_pass(tflow.tflow().client_conn)


def test_a_connection_that_ended_is_forgotten(tmp_path: Path) -> None:
    targets = ConnectTargets()
    flow = tflow.tflow()
    flow.client_conn.proxy_mode = mode_specs.ProxyMode.parse("upstream:http://proxy.example:3128")
    flow.request.host = flow.request.headers["host"] = "other.example"
    targets.note(flow, checked(tmp_path))
    targets.forget(flow.client_conn.id)
    assert not targets.lets_pass(flow.client_conn)
