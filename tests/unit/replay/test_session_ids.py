"""Ids that the live client made stand for the recorded ones; the server's ids stay."""

from __future__ import annotations

from openai_replay.replay.session_ids import SessionIds


def test_an_id_that_the_client_creates_is_mapped_both_ways() -> None:
    ids = SessionIds()
    ids.learn({"item": {"id": "msg_old"}}, {"item": {"id": "msg_new"}})

    assert ids.as_recorded({"item_id": "msg_new"}) == {"item_id": "msg_old"}
    assert ids.as_live({"item": {"id": "msg_old", "content": ["msg_old"]}}) == {
        "item": {"id": "msg_new", "content": ["msg_old"]}
    }


def test_ids_of_a_responses_input_are_the_clients_too() -> None:
    ids = SessionIds()
    ids.learn({"response": {"input": [{"id": "a"}]}}, {"response": {"input": [{"id": "b"}]}})

    assert ids.as_recorded({"previous_item_id": "b"}) == {"previous_item_id": "a"}


def test_an_id_that_the_server_made_is_never_mapped() -> None:
    ids = SessionIds()
    ids.hear_server({"item": {"id": "item_1", "call_id": "call_1"}})
    ids.learn({"item": {"call_id": "call_1"}}, {"item": {"call_id": "call_2"}})

    assert ids.as_recorded({"call_id": "call_2"}) == {"call_id": "call_2"}


def test_each_id_stands_for_one_other() -> None:
    ids = SessionIds()
    ids.bind("old", "new")
    ids.bind("old", "newer")
    ids.bind("older", "new")

    assert ids.as_live([{"item_id": "old"}, {"item_id": "older"}]) == [
        {"item_id": "new"},
        {"item_id": "older"},
    ]


def test_ids_of_other_things_are_left_alone() -> None:
    ids = SessionIds()
    ids.learn({"prompt": {"id": "pmpt_1"}}, {"prompt": {"id": "pmpt_2"}})

    assert ids.as_recorded({"prompt": {"id": "pmpt_2"}}) == {"prompt": {"id": "pmpt_2"}}
