"""`client_hello`: the same bytes are parsed once, other bytes as before."""

from __future__ import annotations

import ssl

import pytest
from mitmproxy.addons import next_layer
from mitmproxy.proxy.layers import tls

from openai_replay.proxy.shortcuts.client_hello import parse_client_hello_once


def client_hello(host: str) -> bytes:
    """Return the first bytes that a client sends."""
    outgoing = ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=host)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def test_the_second_look_finds_the_result_of_the_first() -> None:
    undo = parse_client_hello_once()
    try:
        raw = client_hello("api.openai.com")
        tls_parse_of_next_layer = vars(next_layer)["parse_client_hello"]
        first = tls_parse_of_next_layer(raw)
        second = tls.parse_client_hello(bytearray(raw))  # type: ignore[arg-type]  # as the layer does
        third = tls.parse_client_hello(raw)
        assert first is second
        assert third is not second
        assert [hello.sni for hello in (first, third) if hello is not None] == ["api.openai.com"] * 2
        other = tls.parse_client_hello(client_hello("other.example"))
        assert other is not None
        assert other.sni == "other.example"
        assert tls.parse_client_hello(raw[:20]) is None
    finally:
        undo()
    assert vars(next_layer)["parse_client_hello"] is tls.parse_client_hello


def test_connections_that_end_early_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openai_replay.proxy.shortcuts.client_hello._MOST_KEPT", 2)
    undo = parse_client_hello_once()
    try:
        raws = [client_hello(f"host-{number}.example") for number in range(3)]
        first = [tls.parse_client_hello(raw) for raw in raws]
        assert tls.parse_client_hello(raws[2]) is first[2]
        assert tls.parse_client_hello(raws[0]) is not first[0]
    finally:
        undo()
