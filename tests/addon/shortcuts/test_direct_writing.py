"""`direct_writing`: chunks take the short way only when all that came before them has been relayed."""

from __future__ import annotations

import asyncio

import pytest
from mitmproxy.proxy.server import ConnectionHandler
from mitmproxy.test import tflow

from openai_replay.proxy.shortcuts.direct_writing import DirectWriter, direct_writer


class Transport(asyncio.Transport):
    """A transport whose other side reads as much as the test says."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.unsent_bytes = 0
        self.is_over = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent.append(bytes(data))

    def get_write_buffer_size(self) -> int:
        return self.unsent_bytes

    def is_closing(self) -> bool:
        return self.is_over


class Watchdog:
    """mitmproxy's watch for idle connections."""

    activities = 0

    def register_activity(self) -> None:
        self.activities += 1


class Handler:
    """As much of mitmproxy's handler as is used."""

    def __init__(self) -> None:
        self.timeout_watchdog = Watchdog()
        self.transports: dict[object, object] = {}


@pytest.fixture
def transport() -> Transport:
    return Transport()


@pytest.fixture
def handler() -> Handler:
    return Handler()


@pytest.fixture
def writer(handler: Handler, transport: Transport) -> DirectWriter:
    return DirectWriter(handler, transport)  # type: ignore[arg-type]


def test_nothing_is_written_before_the_relay_has_passed_on_the_first_chunk(
    writer: DirectWriter, transport: Transport
) -> None:
    assert not writer.write(b"1\r\na\r\n", relayed_bytes=0)
    assert not writer.write(b"1\r\na\r\n", relayed_bytes=5)
    assert transport.sent == []


def test_chunks_are_written_once_all_earlier_bytes_were_relayed(
    writer: DirectWriter, transport: Transport, handler: Handler
) -> None:
    assert writer(b"first") == b"first"
    assert not writer.write(b"1\r\na\r\n", relayed_bytes=6)
    assert writer.write(b"1\r\na\r\n", relayed_bytes=5)
    assert transport.sent == [b"1\r\na\r\n"]
    assert handler.timeout_watchdog.activities == 1


def test_a_slow_or_closed_client_is_left_to_the_relay(writer: DirectWriter, transport: Transport) -> None:
    writer(b"first")
    transport.unsent_bytes = 65 * 1024
    assert not writer.write(b"1\r\na\r\n", relayed_bytes=5)
    transport.unsent_bytes, transport.is_over = 0, True
    assert not writer.write(b"1\r\na\r\n", relayed_bytes=5)
    assert transport.sent == []


@pytest.mark.parametrize(
    ("is_tls", "version"), [(True, "HTTP/1.1"), (False, "HTTP/2.0"), (False, "HTTP/1.0"), (False, "HTTP/1.1")]
)
def test_there_is_no_short_way_where_mitmproxy_has_another_shape(is_tls: bool, version: str) -> None:
    flow = tflow.tflow()
    flow.client_conn.tls = is_tls
    flow.request.http_version = version
    handler = Handler()
    assert direct_writer(flow, None) is None
    assert direct_writer(flow, handler) is None  # type: ignore[arg-type]


def test_mitmproxy_has_the_shape_that_is_expected() -> None:
    assert {"transports", "timeout_watchdog", "max_conns"} <= ConnectionHandler.__annotations__.keys()
