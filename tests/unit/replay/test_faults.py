"""`faults`: a rule's effect on an answer, and the rules that an answer does not suit."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.replay.delivery import Delivery, Ending, at_once, deliver
from openai_replay.replay.faults import apply, first_suitable
from openai_replay.trouble.fault_rules import FaultRule, parse_fault
from openai_replay.trouble.pacing import parse_pacing, plan
from unit.deliveries import a_body, a_stream, chunks

STREAM = at_once(a_stream(b": keep-alive\n\n", *chunks(4), b"data: [DONE]\n\n"))
BODY = at_once(a_body())

RULES = st.sampled_from(
    [
        "rate_limit",
        "error=503",
        "cut_after=0",
        "cut_after=3",
        "reset_after=2",
        "stall_after=1",
        "stall_after=1;for=1s",
        "malformed_at=2",
        "duplicate_at=2",
        "slow=5ms",
    ]
).map(parse_fault)


def with_fault(text: str, delivery: Delivery = STREAM) -> Delivery:
    return apply(parse_fault(text), delivery)


def sent(delivery: Delivery) -> list[bytes]:
    return [step.data for step in delivery.steps]


@pytest.mark.parametrize(
    ("text", "ending"),
    [("cut_after", Ending.CUT), ("reset_after", Ending.RESET), ("stall_after", Ending.STALL)],
)
@pytest.mark.parametrize(("number", "steps"), [(0, 0), (1, 2), (4, 5), (5, 6)])
def test_a_stream_ends_after_its_chunks_which_comments_are_not(
    text: str, ending: Ending, number: int, steps: int
) -> None:
    faulty = with_fault(f"{text}={number}")
    assert sent(faulty) == sent(STREAM)[:steps]
    assert faulty.ending is ending
    assert faulty.headers == (*STREAM.headers, ("x-replay-fault", text))
    assert faulty.fault == text


@pytest.mark.parametrize(("number", "body"), [(0, b""), (1, b'{"id"'), (9, b'{"id"')])
def test_a_whole_body_breaks_in_its_middle(number: int, body: bytes) -> None:
    faulty = with_fault(f"cut_after={number}", BODY)
    assert faulty.body() == body
    assert faulty.length == len(BODY.body())


def test_a_stall_with_a_duration_goes_on_afterwards() -> None:
    paced = apply(parse_fault("stall_after=1;for=1s"), STREAM)
    assert [step.at_ms for step in paced.steps] == [0, 0, 1000, 1000, 1000, 1000]
    assert (paced.body(), paced.ending, paced.end_at_ms) == (STREAM.body(), Ending.WHOLE, 1000)


def test_a_stall_after_no_chunk_keeps_the_head_back_too() -> None:
    assert with_fault("stall_after=0").head_at_ms == math.inf
    assert with_fault("stall_after=0;for=1s").head_at_ms == 1000
    assert [step.at_ms for step in with_fault("stall_after=0;for=1s", BODY).steps] == [1000]


def test_a_stall_in_a_whole_body_keeps_its_bytes() -> None:
    stalled = with_fault("stall_after=1;for=1s", BODY)
    assert [step.at_ms for step in stalled.steps] == [0, 1000]
    assert stalled.body() == BODY.body()


def test_slow_delays_each_part_more_than_the_one_before() -> None:
    slow = with_fault("slow=5ms")
    assert slow.head_at_ms == 5
    assert [step.at_ms for step in slow.steps] == [5, 10, 15, 20, 25, 30]
    assert slow.end_at_ms == 30


def test_a_malformed_chunk_has_half_of_its_json() -> None:
    faulty = with_fault("malformed_at=2")
    assert sent(faulty) == [*sent(STREAM)[:2], b'data: {"n\n\n', *sent(STREAM)[3:]]
    assert faulty.ending is Ending.WHOLE


@pytest.mark.parametrize("end", [b"\r\n", b"\r"])
@pytest.mark.parametrize(("mark", "name"), [(b"", b"data: "), (b"\xef\xbb\xbf", b"data:")])
def test_chunks_are_malformed_and_counted_in_any_spelling(end: bytes, mark: bytes, name: bytes) -> None:
    lines = [mark + name + b'{"n": 1}', b"", b"event: e", name + b'{"n": 2}', b""]
    pieces = (end.join(lines[:2]) + end, end.join(lines[2:]) + end)
    stream = at_once(a_stream(*pieces))

    first, second = (apply(parse_fault(f"malformed_at={number}"), stream) for number in (1, 2))
    assert sent(first) == [mark + name + b'{"n"' + end * 2, pieces[1]]
    assert sent(second) == [pieces[0], b"event: e" + end + name + b'{"n"' + end * 2]


def test_a_malformed_body_says_its_new_length() -> None:
    faulty = with_fault("malformed_at=1", BODY)
    assert (faulty.body(), faulty.length) == (b'{"id"', 5)


def test_a_duplicated_chunk_comes_twice() -> None:
    assert sent(with_fault("duplicate_at=2")) == [*sent(STREAM)[:3], *sent(STREAM)[2:]]


@pytest.mark.parametrize(
    ("text", "status", "kind", "code", "headers"),
    [
        ("rate_limit", 429, "requests", "rate_limit_exceeded", {}),
        ("rate_limit;retry_after=2", 429, "requests", "rate_limit_exceeded", {"retry-after": "2"}),
        (
            "rate_limit;retry_after=250ms",
            429,
            "requests",
            "rate_limit_exceeded",
            {"retry-after": "1", "retry-after-ms": "250"},
        ),
        (
            "error=503;retry_after=0.0004",
            503,
            "server_error",
            "service_unavailable",
            {"retry-after": "1", "retry-after-ms": "1"},
        ),
        ("error=500", 500, "server_error", None, {}),
        ("error=401", 401, "invalid_request_error", "invalid_api_key", {}),
        ("error=418", 418, "invalid_request_error", None, {}),
    ],
)
def test_a_failure_takes_the_place_of_the_answer(
    text: str, status: int, kind: str, code: str | None, headers: dict[str, str]
) -> None:
    faulty = with_fault(text, BODY)
    error = json.loads(faulty.body())["error"]
    fixed = {
        "content-type": "application/json",
        "openai-version": "2020-10-01",
        "x-replay-fault": text.partition(";")[0].partition("=")[0],
    }

    assert faulty.status == status
    assert (error["type"], error["code"], error["param"]) == (kind, code, None)
    assert error["message"] == f"This failure was injected in replay by the rule {text!r}."
    assert dict(faulty.headers) == fixed | headers
    assert faulty.is_instant()


@pytest.mark.parametrize(
    ("text", "delivery", "is_chosen"),
    [
        ("cut_after=5", STREAM, True),
        ("cut_after=6", STREAM, False),
        ("malformed_at=6", STREAM, False),
        ("cut_after=6", BODY, True),
        ("malformed_at=2", BODY, False),
        ("duplicate_at=1", BODY, False),
        ("slow=1ms", BODY, True),
    ],
)
def test_a_rule_about_a_chunk_that_is_not_there_is_passed_over(
    text: str, delivery: Delivery, is_chosen: bool
) -> None:
    other = parse_fault("rate_limit")
    rule = parse_fault(text)
    assert first_suitable([rule, other], delivery) is (rule if is_chosen else other)
    assert first_suitable([rule], delivery) is (rule if is_chosen else None)


@given(RULES, st.integers(3, 8), st.sampled_from(["instant", "ttft=5ms,gap=3ms±50%"]))
def test_no_fault_lets_time_go_back(rule: FaultRule, count: int, pacing: str) -> None:
    times = plan(parse_pacing(pacing), (), count, "")
    faulty = apply(rule, deliver(a_stream(*chunks(count)), times))
    order = [faulty.head_at_ms, *(step.at_ms for step in faulty.steps), faulty.end_at_ms]

    assert order == sorted(order)
