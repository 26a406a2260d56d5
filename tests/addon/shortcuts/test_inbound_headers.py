"""`inbound_headers`: white space around a value is no fault, and a refused request has a reason without values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import pytest

from openai_replay.proxy.shortcuts.inbound_headers import read_inbound_headers

HEADERS = [
    (b":method", b"GET"),
    (b":scheme", b"https"),
    (b":authority", b"api.openai.com"),
    (b":path", b"/v1/models"),
]

type Refusals = list[tuple[str, str]]


@pytest.fixture
def refusals() -> Iterator[Refusals]:
    noted: Refusals = []
    undo = read_inbound_headers(lambda authority, reason: noted.append((authority, reason)))
    yield noted
    undo()


def received(*headers: tuple[bytes, bytes]) -> list[Any]:
    """Return the headers that a server receives of a request over HTTP/2."""
    client = h2.connection.H2Connection(
        h2.config.H2Configuration(validate_outbound_headers=False, normalize_outbound_headers=False)
    )
    server = h2.connection.H2Connection(
        h2.config.H2Configuration(client_side=False, header_encoding=False, normalize_inbound_headers=False)
    )
    client.initiate_connection()
    client.send_headers(1, [*HEADERS, *headers], end_stream=True)
    events = server.receive_data(client.data_to_send())
    (request,) = [event for event in events if isinstance(event, h2.events.RequestReceived)]
    return list(request.headers[len(HEADERS) :])


@pytest.mark.parametrize(
    ("sent", "read"),
    [(b"Bearer ", b"Bearer"), (b" \ta b\t ", b"a b"), (b" ", b""), (b"", b""), (b"a", b"a")],
)
def test_white_space_around_a_value_is_taken_off(refusals: Refusals, sent: bytes, read: bytes) -> None:
    assert received((b"authorization", sent)) == [(b"authorization", read)]
    assert refusals == []


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ((b"Upper-Case", b"sk-1"), "Received uppercase header name b'Upper-Case'"),
        ((b"connection", b"close"), "Connection-specific header field present: b'connection'"),
        ((b"x-key", b"sk-1\n"), "the header x-key has a line break or a NUL in its value"),
        ((b"x-key", b"sk\x001"), "the header x-key has a line break or a NUL in its value"),
    ],
)
def test_a_refused_request_has_a_reason_without_the_value(
    refusals: Refusals, wrong: tuple[bytes, bytes], reason: str
) -> None:
    with pytest.raises(h2.exceptions.ProtocolError):
        received(wrong)
    assert refusals == [("api.openai.com", reason)]
