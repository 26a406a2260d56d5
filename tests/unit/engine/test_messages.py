"""`messages`: the server is told lengths and ends."""

from __future__ import annotations

from pathlib import Path

from openai_replay.engine.messages import END, broken, denial, start, version_of, whole
from openai_replay.replay.answer import Answer


def test_a_whole_response_says_its_length() -> None:
    head, body = whole(200, (("a", "ü"),), b"text", is_head=False)
    assert head["headers"] == [(b"a", "ü".encode()), (b"content-length", b"4")]
    assert (body["body"], body["more_body"]) == (b"text", False)


def test_the_answer_to_head_has_no_body() -> None:
    head, body = whole(200, (), b"text", is_head=True)
    assert (head["headers"], body["body"]) == ([(b"content-length", b"0")], b"")


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


def test_versions_have_the_names_of_asgi() -> None:
    names = [version_of({"http_version": name}) for name in ("1", "1.0", "1.1", "2")]
    assert names == ["1.0", "1.0", "1.1", "2"]
