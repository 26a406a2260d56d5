"""`raw_socket`: the messages of a Responses WebSocket become streamed POSTs."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from openai_replay.record.exchange import End
from openai_replay.record.raw_exchange import NotTaken, RawExchange
from openai_replay.record.raw_socket import socket_exchanges

URL = "wss://api.openai.com/v1/responses"
UPGRADE = RawExchange(
    "a.har, entry 1", "GET", URL, (("authorization", "Bearer x"),), b"", 101, (), b"", End.LEFT_BY_CLIENT
)


def spoken(*messages: tuple[str, dict[str, Any]]) -> list[tuple[bool, str]]:
    return [(side == "client", json.dumps(message)) for side, message in messages]


def create(text: str, **more: Any) -> tuple[str, dict[str, Any]]:
    return "client", {"type": "response.create", "model": "gpt-4o", "input": text, **more}


def event(kind: str, **more: Any) -> tuple[str, dict[str, Any]]:
    return "server", {"type": kind, **more}


def test_lanes_come_in_the_order_of_their_requests() -> None:
    [first, second] = socket_exchanges(
        UPGRADE,
        spoken(
            create("one", stream_id="a"),
            create("two", stream_id="b"),
            event("response.created", stream_id="b"),
            event("response.completed", stream_id="b"),
            event("response.created", stream_id="a"),
            event("response.completed", stream_id="a"),
        ),
    )
    assert isinstance(first, RawExchange)
    assert isinstance(second, RawExchange)
    assert [json.loads(one.request_body)["input"] for one in (first, second)] == ["one", "two"]
    assert json.loads(first.request_body) == {"model": "gpt-4o", "input": "one", "stream": True}
    assert (first.method, first.url, first.status) == ("POST", "https://api.openai.com/v1/responses", 200)
    assert first.response_body.count(b"event: response.") == 2
    assert b"stream_id" not in first.response_body
    assert (first.end, second.place) == (End.COMPLETE, "a.har, entry 1, request 2")
    assert ("authorization", "Bearer x") in first.request_headers


def test_an_error_is_the_status_of_the_post_and_a_break_is_a_break() -> None:
    error = {"message": "No.", "type": "invalid_request_error", "code": None, "param": None}
    [refused, cut, silent] = socket_exchanges(
        UPGRADE,
        spoken(
            create("one"),
            ("server", {"type": "error", "status": 400, "error": error}),
            create("two"),
            event("response.created"),
            create("three", stream_id="c"),
        ),
    )
    assert isinstance(refused, RawExchange)
    assert isinstance(cut, RawExchange)
    assert (refused.status, json.loads(refused.response_body)) == (400, {"error": error})
    assert (cut.status, cut.end) == (200, End.LEFT_BY_CLIENT)
    assert silent == NotTaken("a.har, entry 1, request 3", "the WebSocket ended before an answer")


def test_another_conversation_is_one_session() -> None:
    upgrade = replace(UPGRADE, url="wss://api.openai.com/v1/realtime?model=gpt-realtime")
    [found] = socket_exchanges(upgrade, [(False, "hello"), (True, b"\xff")])
    assert isinstance(found, RawExchange)
    assert (found.method, found.url) == ("GET", "https://api.openai.com/v1/realtime?model=gpt-realtime")
    assert found.session == (("server", "hello"), ("client", b"\xff"))
    [problem] = socket_exchanges(upgrade, [])
    assert str(problem) == "a.har, entry 1: the WebSocket ended without a message"


def test_a_responses_websocket_without_a_request_is_named() -> None:
    for messages in ([], spoken(event("response.created"))):
        [problem] = socket_exchanges(UPGRADE, messages)
        assert str(problem) == "a.har, entry 1: the WebSocket ended without a request"
