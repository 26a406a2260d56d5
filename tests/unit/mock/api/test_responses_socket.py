"""The stand-in's Responses API over a WebSocket: lanes, warm-up, steering and errors."""

from __future__ import annotations

import json
from typing import Any

from openai_replay.mock.api.account import Account
from openai_replay.mock.api.responses_socket import ResponsesConversation


def events(conversation: ResponsesConversation) -> list[dict[str, Any]]:
    found = []
    while (said := conversation.say()) is not None:
        found.append(json.loads(str(said)))
    return found


def hear(conversation: ResponsesConversation, **event: Any) -> None:
    conversation.hear(json.dumps(event))


def create(conversation: ResponsesConversation, **members: Any) -> None:
    hear(conversation, type="response.create", model="gpt-5", **members)


def test_events_are_numbered_and_end_with_the_finished_response() -> None:
    conversation = ResponsesConversation(Account())
    create(conversation, input="Hello")
    said = events(conversation)

    assert [event["sequence_number"] for event in said] == list(range(len(said)))
    assert said[0]["type"] == "response.created"
    assert said[-1]["type"] == "response.completed"


def test_lanes_take_turns_and_echo_their_name() -> None:
    conversation = ResponsesConversation(Account())
    create(conversation, input="Hello", stream_id="a")
    create(conversation, input="Hello", stream_id="b")
    lanes = [event["stream_id"] for event in events(conversation)]

    assert lanes == ["a", "b"] * (len(lanes) // 2)


def test_an_unknown_previous_response_is_an_error_event_with_a_status() -> None:
    conversation = ResponsesConversation(Account())
    create(conversation, input="Hello", previous_response_id="resp_none")
    (error,) = events(conversation)

    assert (error["type"], error["status"]) == ("error", 400)
    assert error["error"]["code"] == "previous_response_not_found"


def test_a_response_that_is_not_stored_is_known_on_its_connection_alone() -> None:
    account = Account()
    conversation = ResponsesConversation(account)
    create(conversation, input="Hello", store=False)
    previous = events(conversation)[-1]["response"]["id"]
    create(conversation, input="Hello", previous_response_id=previous)
    other = ResponsesConversation(account)
    create(other, input="Hello", previous_response_id=previous)

    assert events(conversation)[-1]["type"] == "response.completed"
    assert events(other)[-1]["type"] == "error"


def test_a_warm_up_has_no_output() -> None:
    conversation = ResponsesConversation(Account())
    create(conversation, input="Hello", generate=False)
    said = events(conversation)

    assert [event["type"] for event in said] == ["response.created", "response.completed"]
    assert said[-1]["response"]["output"] == []


def test_steering_ends_a_response_and_a_successor_follows() -> None:
    conversation = ResponsesConversation(Account())
    create(conversation, input="Hello, in 50 words")
    begun = [json.loads(str(conversation.say())) for _ in range(6)]
    first = begun[0]["response"]["id"]
    hear(conversation, type="response.steer", previous_response_id=first, input="A haiku")
    rest = [event for event in events(conversation) if not event["type"].endswith(".delta")]

    assert [event["type"] for event in rest[:3]] == [
        "response.steer.accepted",
        "response.incomplete",
        "response.created",
    ]
    assert rest[1]["response"]["incomplete_details"] == {"reason": "steered"}
    assert rest[-1]["response"]["previous_response_id"] == first


def test_steering_something_else_fails() -> None:
    conversation = ResponsesConversation(Account())
    hear(conversation, type="response.steer", previous_response_id="resp_none", input="A haiku")

    assert [event["type"] for event in events(conversation)] == ["response.steer.failed"]
