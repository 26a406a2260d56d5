"""`http2_headers`: requests are read and refused as before, and frames are described when they are shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.stream
import pytest

from openai_replay.proxy.shortcuts import http2_headers
from openai_replay.proxy.shortcuts.http2_headers import check_headers_once

HEADERS = [
    (b":method", b"GET"),
    (b":scheme", b"https"),
    (b":authority", b"api.openai.com"),
    (b":path", b"/v1/models"),
    (b"authorization", b"Bearer a"),
]


@pytest.fixture(autouse=True)
def undone() -> Iterator[None]:
    undo = check_headers_once()
    yield
    undo()


class Log:
    """A log of the library `h2`."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def debug(self, text: str, *arguments: object) -> None:
        """Ignore a line."""

    def trace(self, text: str, *arguments: object) -> None:
        """Take note of a line."""
        self.lines.append(text % arguments)


def received(*requests: list[tuple[bytes, bytes]], logger: Any = None) -> list[Any]:
    """Return the headers that a server receives of requests on one connection."""
    client = h2.connection.H2Connection(
        h2.config.H2Configuration(validate_outbound_headers=False, normalize_outbound_headers=False)
    )
    server = h2.connection.H2Connection(
        h2.config.H2Configuration(client_side=False, header_encoding=False, logger=logger)
    )
    client.initiate_connection()
    for number, headers in enumerate(requests):
        client.send_headers(2 * number + 1, headers, end_stream=True)
    events = server.receive_data(client.data_to_send())
    return [event.headers for event in events if isinstance(event, h2.events.RequestReceived)]


def test_equal_headers_are_read_as_they_are() -> None:
    other = [*HEADERS, (b"x-request-id", b"1")]
    assert received(HEADERS, other, HEADERS, other) == [HEADERS, other, HEADERS, other]


@pytest.mark.parametrize(
    "wrong",
    [(b"Upper-Case", b"1"), (b"connection", b"close"), (b"te", b"gzip"), (b"", b"1"), (b":path", b"/")],
)
def test_wrong_headers_are_refused_each_time(wrong: tuple[bytes, bytes]) -> None:
    for _ in range(2):
        with pytest.raises(h2.exceptions.ProtocolError):
            received([*HEADERS, wrong])


def test_requests_are_no_trailers() -> None:
    assert received(HEADERS) == [HEADERS]
    flags: Any = h2.stream.HeaderValidationFlags(  # type: ignore[attr-defined]  # it imports the name
        is_client=False, is_trailer=True, is_response_header=False, is_push_promise=False
    )
    with pytest.raises(h2.exceptions.ProtocolError):
        vars(h2.stream)["validate_headers"](HEADERS, flags)


def test_a_few_sets_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http2_headers, "_MOST_KEPT", 2)
    requests = [[*HEADERS, (b"x-request-id", b"%d" % number)] for number in (1, 2, 3, 1, 2, 3)]
    assert received(*requests) == requests


def test_frames_are_described_for_a_log_that_shows_them() -> None:
    log = Log()
    received(HEADERS, logger=log)
    assert [line for line in log.lines if line.startswith("Received frame: HeadersFrame(stream_id=1, ")]
