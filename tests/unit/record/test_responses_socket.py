"""The messages of a Responses WebSocket, split into exchanges."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from openai_replay.record.responses_socket import Began, Came, Ended, ResponsesSocket, Step


def steps(socket: ResponsesSocket, *messages: tuple[str, dict[str, Any]]) -> list[Step]:
    found: list[Step] = []
    for side, message in messages:
        text = json.dumps(message, separators=(",", ":"))
        found += socket.from_client(text) if side == "client" else socket.from_server(text)
    return found


def create(**members: Any) -> tuple[str, dict[str, Any]]:
    return "client", {"type": "response.create", "model": "gpt-5", **members}


def event(kind: str, **members: Any) -> tuple[str, dict[str, Any]]:
    return "server", {"type": kind, **members}


def kinds(found: list[Step]) -> list[str]:
    return [type(step).__name__ for step in found]


def test_a_request_is_the_body_of_the_streamed_post() -> None:
    (begun,) = steps(ResponsesSocket(), create(input="Hello", stream_id="a", background=False))

    assert isinstance(begun, Began)
    assert (begun.response.lane, begun.response.body) == (
        "a",
        {"model": "gpt-5", "input": "Hello", "stream": True},
    )


def test_an_event_is_a_server_sent_event_without_its_lane() -> None:
    socket = ResponsesSocket()
    _, came = steps(socket, create(stream_id="a"), event("response.created", n=1, stream_id="a"))

    assert isinstance(came, Came)
    assert came.piece == b'event: response.created\ndata: {"type":"response.created","n":1}\n\n'


def test_the_last_event_ends_an_exchange() -> None:
    for last in ("response.completed", "response.failed", "response.incomplete", "error"):
        found = steps(ResponsesSocket(), create(), event("response.created"), event(last))

        assert kinds(found) == ["Began", "Came", "Came", "Ended"]


def test_requests_of_one_lane_are_answered_in_order() -> None:
    socket = ResponsesSocket()
    found = steps(
        socket, create(input="1"), create(input="2"), event("response.completed"), event("response.completed")
    )
    inputs = [step.response.body["input"] for step in found if isinstance(step, Ended)]

    assert inputs == ["1", "2"]
    assert socket.open_responses() == []


@given(st.data())
def test_lanes_do_not_mix_in_whatever_order_their_events_come(data: st.DataObject) -> None:
    lanes = [None, "a", "b"]
    socket = ResponsesSocket()
    steps(socket, *(create(**({} if lane is None else {"stream_id": lane})) for lane in lanes))
    left = {lane: ["response.created", "response.output_text.delta", "response.completed"] for lane in lanes}
    while left:
        lane = data.draw(st.sampled_from(sorted(left, key=str)))
        kind = left[lane].pop(0)
        found = steps(socket, event(kind, **({} if lane is None else {"stream_id": lane})))
        assert {step.response.lane for step in found} == {lane}
        assert isinstance(found[-1], Ended) == (kind == "response.completed")
        if not left[lane]:
            del left[lane]


def test_an_error_before_any_event_is_the_status_of_the_post() -> None:
    error = {"code": "previous_response_not_found", "message": "none"}
    _, ended = steps(ResponsesSocket(), create(), event("error", status=400, error=error))

    assert isinstance(ended, Ended)
    assert ended.response.failure == (400, json.dumps({"error": error}, separators=(",", ":")).encode())


def test_an_error_that_says_more_than_its_status_is_kept_as_an_event() -> None:
    found = steps(ResponsesSocket(), create(), event("error", sequence_number=0, error={"message": "none"}))

    assert kinds(found) == ["Began", "Came", "Ended"]


def test_a_steered_response_goes_on_with_its_successor() -> None:
    socket = ResponsesSocket()
    begun, *found = steps(
        socket,
        create(),
        event("response.created", response={"id": "resp_1"}),
        ("client", {"type": "response.steer", "previous_response_id": "resp_1", "input": "?"}),
        event("response.steer.accepted", steer={"id": "steer_1"}),
        event("response.incomplete"),
        event("response.created", response={"id": "resp_2"}),
        event("response.completed"),
    )

    assert isinstance(begun, Began)
    assert kinds(found) == ["Came"] * 5 + ["Ended"]
    assert [before for before, _ in begun.response.client_messages] == [1]


def test_steering_that_fails_does_not_keep_an_exchange_open() -> None:
    found = steps(
        ResponsesSocket(),
        create(),
        event("response.created", response={"id": "resp_1"}),
        ("client", {"type": "response.steer", "previous_response_id": "resp_1", "input": "?"}),
        event("response.completed"),
        event("response.steer.failed", steer={"input": "?"}),
    )

    assert kinds(found) == ["Began", "Came", "Came", "Came", "Ended"]


def test_steering_that_waits_for_a_tool_is_left_to_the_next_request() -> None:
    found = steps(
        ResponsesSocket(),
        create(),
        event("response.created", response={"id": "resp_1"}),
        ("client", {"type": "response.steer", "previous_response_id": "resp_1", "input": "?"}),
        event("response.steer.accepted", steer={"id": "steer_1"}),
        event("response.completed"),
        event("response.steer.pending", steer={"id": "steer_1"}),
    )

    assert kinds(found)[-1] == "Ended"


@given(
    st.lists(st.tuples(st.sampled_from(["client", "server"]), st.text() | st.just("[]") | st.just("null")))
)
def test_text_that_is_no_message_changes_nothing(messages: list[tuple[str, str]]) -> None:
    socket = ResponsesSocket()
    for side, text in messages:
        assert list(socket.from_client(text) if side == "client" else socket.from_server(text)) == []
