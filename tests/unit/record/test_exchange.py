"""`exchange`: which headers are kept, and when two recordings answer alike."""

from __future__ import annotations

from openai_replay.record.exchange import End, Exchange
from openai_replay.record.record import record
from unit.exchanges import (
    VERSION,
    answered,
    chat,
    chunk,
    completion,
    refused,
    streamed,
)
from unit.recorded import KEY


def test_headers_that_clients_read_are_kept_and_no_others() -> None:
    headers = (
        ("Content-Type", "application/json; charset=UTF-8"),
        ("Retry-After", "3"),
        ("openai-version", "2020-10-01"),
        ("location", f"https://h/?key={KEY}"),
        ("set-cookie", "secret"),
        ("x-request-id", "req_1"),
        ("date", "today"),
    )
    recorded = record(answered(chat(), completion(), headers=headers))

    assert recorded.recording.response.headers == {"retry-after": "3", "location": "https://h/?key=REDACTED"}


def test_a_content_type_that_does_not_follow_from_the_body_is_kept() -> None:
    recorded = record(
        answered(chat(), {"a": 1}, headers=(("content-type", "application/problem+json"), VERSION))
    )
    assert recorded.recording.response.headers == {"content-type": "application/problem+json"}


def digest(exchange: Exchange) -> str:
    return record(exchange).digest


def test_answers_that_differ_in_id_time_and_padding_alone_are_equal() -> None:
    request = chat(stream=True)

    assert digest(answered(request, completion(number=1))) == digest(answered(request, completion(number=2)))
    assert digest(streamed(request, [{**chunk("a"), "obfuscation": "x"}])) == digest(
        streamed(request, [{**chunk("a", number=2), "obfuscation": "yz"}])
    )


def test_answers_that_differ_in_anything_else_are_not() -> None:
    request = chat()
    audio = (("content-type", "audio/mpeg"),)
    exchanges = [
        answered(request, completion("a")),
        answered(request, completion("b")),
        answered(request, {"b": 1, **completion("a")}),
        answered(request, completion("a"), status=201),
        answered(
            request, completion("a"), headers=(("content-type", "application/json"), ("retry-after", "1"))
        ),
        refused(request, 500),
        refused(request, 503),
        answered(request, b"\x00", headers=audio),
        answered(request, b"\x01", headers=audio),
        answered(request, None),
        answered(request, b""),
        streamed(request, [chunk("a")]),
        streamed(request, [chunk("a")], done=False),
        streamed(request, [chunk("a")], end=End.CUT_BY_UPSTREAM),
    ]
    assert len({digest(exchange) for exchange in exchanges}) == len(exchanges)


def test_stored_completions_with_ids_of_their_own_are_not_equal() -> None:
    request = chat(store=True)
    assert digest(answered(request, completion(number=1))) != digest(answered(request, completion(number=2)))
