"""`known`: requests in memory, by digest and by bytes, and how much of it they take."""

from __future__ import annotations

from pathlib import Path

import pytest

from openai_replay.engine.known import Known, KnownRequests
from openai_replay.engine.request import ReceivedRequest
from openai_replay.replay.answer import Answer
from openai_replay.trouble.terms import NO_OWN_HEADERS


def known(method: str = "POST", *, version: str = "1.1") -> Known:
    request = ReceivedRequest(
        version, method, "/v1/models", None, (), b"body", None, False, (), NO_OWN_HEADERS
    )
    return Known(request, b"fingerprint")


def answer(*pieces: bytes, is_broken: bool = False) -> Answer:
    return Answer(Path("a.json"), 200, (("a", "b"),), pieces, is_broken=is_broken)


def test_an_answer_is_made_ready_once() -> None:
    asked, said = known(), answer(b"one", b"two")
    asked.take(said)
    messages, response = asked.messages, asked.response_bytes()
    asked.take(said)
    assert asked.messages is messages
    assert asked.response_bytes() is response
    assert response == b"HTTP/1.1 200 OK\r\na: b\r\ncontent-length: 6\r\n\r\nonetwo"


def test_another_answer_takes_its_place() -> None:
    asked = known()
    for text in (b"one", b"another"):
        asked.take(answer(text))
        assert asked.response_bytes().endswith(text)


def test_a_broken_answer_lacks_its_last_chunk_except_to_head() -> None:
    broken, head = known(), known("HEAD")
    for asked in (broken, head):
        asked.take(answer(b"one", is_broken=True))
    assert broken.response_bytes().endswith(b"\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n")
    assert head.response_bytes() == b"HTTP/1.1 200 OK\r\na: b\r\n\r\n"
    assert [broken.is_broken(), head.is_broken(), known().is_broken()] == [True, False, False]


def test_a_request_is_found_by_its_digest_and_by_its_bytes() -> None:
    requests, asked = KnownRequests(), known()
    requests.keep(b"digest", asked, b"bytes")
    assert requests.of_digest(b"digest") is asked
    assert requests.of_bytes(b"bytes") is asked
    assert requests.of_digest(b"bytes") is requests.of_bytes(b"digest") is None


def test_a_request_without_bytes_is_found_by_its_digest_alone() -> None:
    requests, asked = KnownRequests(), known()
    requests.keep(b"digest", asked, b"")
    assert requests.of_digest(b"digest") is asked
    assert requests.of_bytes(b"") is None


def test_a_header_that_changes_each_time_makes_no_other_request() -> None:
    requests, asked = KnownRequests(), known()
    traced = [b"GET / HTTP/1.1\r\ntraceparent: %d\r\n\r\n" % number for number in range(3)]
    requests.keep(b"digest", asked, traced[0])
    assert [requests.of_bytes(data) for data in traced] == [asked] * 3
    assert requests.of_bytes(traced[0].replace(b"/ ", b"/v1 ")) is None


def test_all_are_forgotten_when_they_take_too_much_with_their_headers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("openai_replay.engine.known._MOST_BYTES", 10 * 1024)
    requests = KnownRequests()
    requests.keep(b"first", known(), b"x" * 20)
    requests.keep(b"second", known(), b"")
    assert requests.of_digest(b"first") is requests.of_bytes(b"x" * 20) is None
    assert requests.of_digest(b"second") is not None
    assert len(requests) == 1
