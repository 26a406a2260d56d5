"""A request that follows a warm-up is the POST with all of the input."""

from __future__ import annotations

from typing import Any

import pytest

from openai_replay.request.warm_ups import WarmUps, answer_to_warm_up

WARM_UP: dict[str, Any] = {"model": "m", "generate": False, "input": ["a"]}


def known() -> WarmUps:
    warm_ups = WarmUps()
    warm_ups.learn(WARM_UP, "resp_1")
    return warm_ups


def test_the_input_sent_ahead_comes_first() -> None:
    body: dict[str, Any] = {"model": "m", "input": ["b"], "previous_response_id": "resp_1", "stream": True}

    assert known().expanded(body) == {"model": "m", "input": ["a", "b"], "stream": True}


def test_a_warm_up_may_itself_follow_a_response() -> None:
    warm_ups = WarmUps()
    warm_ups.learn({**WARM_UP, "previous_response_id": "resp_0"}, "resp_1")

    assert warm_ups.expanded({"input": [], "previous_response_id": "resp_1"}) == {
        "input": ["a"],
        "previous_response_id": "resp_0",
    }


@pytest.mark.parametrize(
    "body",
    [
        {"input": ["b"]},
        {"input": ["b"], "previous_response_id": "resp_2"},
        {"input": "text", "previous_response_id": "resp_1"},
        {"input": ["b"], "previous_response_id": None},
    ],
)
def test_any_other_request_is_left_alone(body: dict[str, Any]) -> None:
    assert known().expanded(body) == body


def test_only_warm_ups_are_learned() -> None:
    warm_ups = WarmUps()
    warm_ups.learn({"input": ["a"]}, "resp_1")
    body: dict[str, Any] = {"input": ["b"], "previous_response_id": "resp_1"}

    assert warm_ups.expanded(body) == body


def test_a_warm_up_is_answered_by_a_response_without_output() -> None:
    created, completed = answer_to_warm_up(WARM_UP, "resp_1")

    assert (created["type"], completed["type"]) == ("response.created", "response.completed")
    assert isinstance(completed["response"], dict)
    assert completed["response"]["output"] == []
