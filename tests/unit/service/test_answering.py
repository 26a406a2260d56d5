"""`answering`: the error that a client gets in place of an answer."""

from __future__ import annotations

import json

import pytest

from openai_replay.replay.delivery import at_once, deliver
from openai_replay.replay.faults import apply, first_suitable
from openai_replay.service.answering import REPLAY_FAILED, Refusal, kind_of, trouble_of
from openai_replay.trouble.fault_rules import parse_fault
from openai_replay.trouble.pacing import parse_pacing, plan
from unit.deliveries import a_stream, chunks

STREAM = a_stream(*chunks(4))


def test_a_refusal_keeps_clients_from_trying_again() -> None:
    refusal = Refusal("Nothing fits.", "recording_not_found")
    assert refusal.status == 400
    assert ("x-should-retry", "false") in refusal.headers
    assert json.loads(refusal.content("OpenAI/Python"))["error"]["code"] == "recording_not_found"


def test_only_ruby_gets_the_message_at_the_top() -> None:
    assert "message" not in json.loads(REPLAY_FAILED.content("OpenAI/Python"))
    assert json.loads(REPLAY_FAILED.content("OpenAI/Ruby"))["message"] == REPLAY_FAILED.message


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("rate_limit;first=2", "fault rate_limit;first=2"),
        ("cut_after=2", "fault cut_after=2"),
        ("slow=20ms", "fault slow=20ms  until 80 ms"),
        ("stall_after=2", "fault stall_after=2  without an end"),
        ("stall_after=0", "fault stall_after=0  without an end"),
        ("stall_after=0;for=1s", "fault stall_after=0;for=1s  until 1000 ms"),
    ],
)
def test_the_log_names_the_rule_of_a_fault_and_when_the_answer_ends(rule: str, words: str) -> None:
    assert trouble_of(apply(parse_fault(rule), at_once(STREAM))) == words


DONE = b"data: [DONE]\n\n"


@pytest.mark.parametrize(
    ("pieces", "last", "words"),
    [
        ((*chunks(4), DONE), 5, "a stream of 5 chunks, [DONE] among them"),
        (chunks(4), 4, "a stream of 4 chunks"),
        ((b": a comment\n\n", *chunks(1), DONE), 2, "a stream of 2 chunks, [DONE] among them"),
    ],
)
def test_a_stream_is_said_to_have_as_many_chunks_as_rules_may_name(
    pieces: tuple[bytes, ...], last: int, words: str
) -> None:
    delivery = at_once(a_stream(*pieces))
    assert kind_of(delivery) == words
    suited = [n for n in (last, last + 1) if first_suitable([parse_fault(f"cut_after={n}")], delivery)]
    assert suited == [last]


def test_the_log_says_when_a_paced_answer_ends() -> None:
    paced = deliver(STREAM, plan(parse_pacing("ttft=100ms,gap=10ms"), (), 4, ""))
    assert trouble_of(paced) == "paced  until 130 ms"
    assert trouble_of(apply(parse_fault("cut_after=2"), paced)) == "fault cut_after=2  paced  until 110 ms"


def test_an_answer_as_it_was_recorded_has_no_mark() -> None:
    assert trouble_of(STREAM) == trouble_of(at_once(STREAM)) == ""
