"""`websocket_breaks`: no frame for a break, the frame itself for a close."""

from __future__ import annotations

import pytest
from mitmproxy.proxy.layers.websocket import WebsocketConnection
from mitmproxy.test import tflow
from wsproto import ConnectionType
from wsproto.events import CloseConnection

from openai_replay.proxy.shortcuts.guarded import ENVIRONMENT_NAME
from openai_replay.proxy.shortcuts.websocket_breaks import WEBSOCKET_BREAKS, relay_breaks


def sent_for(code: int) -> bytes:
    """Return the bytes that an open WebSocket sends for the end of the other one."""
    socket = WebsocketConnection(ConnectionType.SERVER, conn=tflow.tclient_conn())
    return socket.send2(CloseConnection(code)).data


def test_a_break_is_no_close_frame() -> None:
    before = sent_for(1006)
    undo = relay_breaks()
    try:
        assert sent_for(1006) == b""
        assert sent_for(1011) == b"\x88\x02\x03\xf3"
    finally:
        undo()
    assert sent_for(1006) == before == b"\x88\x02\x03\xe8"


def test_this_mitmproxy_has_the_expected_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENVIRONMENT_NAME, raising=False)
    assert WEBSOCKET_BREAKS.is_possible()
