"""`ask_api`: requests to the mock API over plain HTTP, retried where a failure may pass."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from openai_replay.format.recording import JSON
from openai_replay.launch.ask_api import Api, NotAnswered
from openai_replay.mock import Upstream
from openai_replay.request.identity import ApiRequest, describe
from openai_replay.request.redaction import redactor
from openai_replay.request.rules import Rules
from support.requests import chat_body

RULES = Rules((), redactor(()))


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream(plain=True) as running:
        yield running


def request(
    upstream: Upstream, text: str, method: str = "POST", path: str = "/v1/chat/completions"
) -> ApiRequest:
    url = f"http://127.0.0.1:{upstream.plain_port}{path}"
    body: JSON = chat_body(text) if method == "POST" else {}
    return describe(method, url, body, "a test", RULES)


def test_an_answer_comes_with_what_was_asked(upstream: Upstream) -> None:
    exchange = Api("sk-test").ask(request(upstream, "Hello"))
    assert (exchange.status, exchange.test_id) == (200, "a test")
    assert b'"chat.completion"' in exchange.response_body
    assert upstream.requests[-1].json()["messages"][0]["content"] == "Hello"
    models = Api("sk-test").ask(request(upstream, "", "GET", "/v1/models"))
    assert (models.status, models.request_body) == (200, b"")


def test_a_redirect_is_an_answer_and_takes_the_key_nowhere(upstream: Upstream) -> None:
    before = len(upstream.requests)
    location = f"http://localhost:{upstream.plain_port}/v1/elsewhere"
    redirect = {"status": 302, "headers": {"location": location}, "json": {}}
    upstream.add({"match": {"last_user_message": "Moved"}, "sequence": [redirect]})
    assert Api("sk-test").ask(request(upstream, "Moved")).status == 302
    assert len(upstream.requests) == before + 1


def test_a_failure_that_passes_is_tried_again(upstream: Upstream) -> None:
    before = len(upstream.requests)
    upstream.add(
        {
            "match": {"last_user_message": "Busy"},
            "sequence": [
                {
                    "status": 429,
                    "headers": {"retry-after": "0"},
                    "json": {"error": {"message": "Slow down."}},
                },
                {"api": True},
            ],
        }
    )
    assert Api("sk-test").ask(request(upstream, "Busy")).status == 200
    assert len(upstream.requests) == before + 2


def test_a_failure_that_lasts_is_no_answer(upstream: Upstream) -> None:
    failure = {"status": 503, "headers": {"retry-after": "0"}, "json": {"error": {"message": "Down."}}}
    upstream.add({"match": {"last_user_message": "Down"}, "sequence": [failure] * 3})
    with pytest.raises(NotAnswered, match="503, 3 times"):
        Api("sk-test").ask(request(upstream, "Down"))


def test_another_failure_is_an_answer(upstream: Upstream) -> None:
    described = request(upstream, "x")
    described = dataclasses.replace(described, body={"model": "does-not-exist", "messages": []})
    assert Api("sk-test").ask(described).status in (400, 404)


def test_a_key_that_is_refused_and_a_server_that_is_gone_give_no_answer(upstream: Upstream) -> None:
    with pytest.raises(NotAnswered, match="refuses the key"):
        Api("sk-invalid").ask(request(upstream, "Hello"))
    gone = dataclasses.replace(request(upstream, "Hello"), url="http://127.0.0.1:1/v1/chat/completions")
    with pytest.raises(NotAnswered, match="was not reached"):
        Api("sk-test").ask(gone)
