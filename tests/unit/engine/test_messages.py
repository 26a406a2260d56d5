"""`messages`: the server is told lengths and ends."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from openai_replay.engine.messages import (
    END,
    REQUEST_BYTES,
    TRANSPORT,
    broken,
    denial,
    extend,
    http1,
    request_bytes,
    start,
    transport_of,
    whole,
)
from openai_replay.replay.answer import Answer


def test_a_whole_response_says_its_length() -> None:
    head, body = whole(200, (("a", "ü"),), b"text", is_head=False)
    assert head["headers"] == [(b"a", "ü".encode()), (b"content-length", b"4")]
    assert (body["body"], body["more_body"]) == (b"text", False)


@pytest.mark.parametrize(("status", "content", "is_head"), [(200, b"text", True), (204, b"", False)])
def test_a_response_without_a_body_says_no_length(status: int, content: bytes, *, is_head: bool) -> None:
    response = whole(status, (), content, is_head=is_head)
    assert (response[0]["headers"], response[1]["body"]) == ([], b"")
    assert http1(response).endswith(b"\r\n\r\n")
    assert b"transfer-encoding" not in http1(response)


def test_bytes_of_a_recorded_header_come_back() -> None:
    assert start(200, (("a", "\udcfc"),))["headers"] == [(b"a", b"\xfc")]


def test_a_broken_response_has_no_end_or_too_great_a_length() -> None:
    answer = Answer(Path("a.json"), 200, (), (b"one", b"two"), is_broken=True)
    assert [message.get("body") for message in broken(answer, "1.1")] == [None, b"one", b"two"]
    over_http1_0 = broken(answer, "1.0")
    assert over_http1_0[0]["headers"] == [(b"content-length", b"7")]
    assert END not in over_http1_0


def test_the_answer_to_an_upgrade_is_a_response_under_other_names() -> None:
    head, body = denial(whole(401, (), b"no", is_head=False))
    assert (head["type"], head["status"]) == ("websocket.http.response.start", 401)
    assert (body["type"], body["body"]) == ("websocket.http.response.body", b"no")


def test_a_response_as_bytes_has_a_length_or_chunks() -> None:
    assert http1(whole(200, (("A", "b"),), b"text", is_head=False)) == (
        b"HTTP/1.1 200 OK\r\na: b\r\ncontent-length: 4\r\n\r\ntext"
    )
    answer = Answer(Path("a.json"), 777, (), (b"one", b""), is_broken=True)
    assert http1(broken(answer, "1.1")) == b"HTTP/1.1 777 \r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n"


def test_a_scope_is_extended() -> None:
    scope: dict[str, object] = {}
    assert transport_of(scope) is None
    assert request_bytes(scope) == b""
    transport = asyncio.Transport()
    extend(scope, REQUEST_BYTES, b"GET")
    extend(scope, TRANSPORT, transport)
    assert transport_of(scope) is transport
    assert request_bytes(scope) == b"GET"
