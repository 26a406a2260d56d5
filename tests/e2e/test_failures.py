"""Failures come back as they were: every client raises the error that it raised while recording."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from support.both import (
    Both,
    assert_same_on_wire,
    both,
    listening_client,
    raised_by,
    received_until_error,
    shown,
)
from support.node import node
from support.proxy import CEILING_S, Proxy, curl, wait_until
from support.requests import CHAT_URL, chat_body

# Each with the class that openai-python raises, which is its type in a recording.
FAILURES = {
    "bad-request": "BadRequestError",
    "unauthorized": "AuthenticationError",
    "forbidden": "PermissionDeniedError",
    "not-found": "NotFoundError",
    "conflict": "ConflictError",
    "unprocessable": "UnprocessableEntityError",
    "rate-limited": "RateLimitError",
    "quota-exceeded": "RateLimitError",
    "server-error": "InternalServerError",
    "overloaded": "InternalServerError",
    "gateway-error": "InternalServerError",
}

# Bodies of failures that other servers and gateways send.
ODD_FAILURES: dict[str, dict[str, Any]] = {
    "an error that is a text": {"status": 400, "json": {"error": "model is required"}},
    "an error without error": {"status": 422, "json": {"detail": [{"loc": ["body", 0], "msg": "missing"}]}},
    "an error with more beside it": {"status": 400, "json": {"error": {"message": "no"}, "request_id": "r1"}},
    "an error that is null": {"status": 500, "json": {"error": None}},
    "a list": {"status": 400, "json": [{"error": {"message": "no"}}]},
    "a quoted text": {"status": 400, "json": "no"},
    "an empty object": {"status": 404, "json": {}},
    "numbers": {"status": 400, "json": {"error": {"message": "no", "code": 400, "ratio": 1.0, "big": 2**70}}},
    "nothing": {"status": 503, "text": ""},
    "plain text": {"status": 503, "text": "upstream connect error\n"},
    "text that looks like JSON": {"status": 400, "text": '{"error": "no"}', "content_type": "text/plain"},
    "HTML": {"status": 403, "text": "<html>no</html>", "content_type": "text/html; charset=UTF-8"},
    "bytes that are no text": {"status": 500, "hex": "fffe0080", "content_type": "application/octet-stream"},
    "quotes and escapes": {
        "status": 400,
        "json": {"error": {"message": "it's \"so\" – \\n\n{'a': None} 🗼"}},
    },
    "a teapot": {"status": 418, "json": {"error": {"message": "no coffee", "code": None}}},
    "too large": {"status": 413, "json": {"error": {"message": "too large", "type": "tokens"}}},
    "an error as an event stream": {
        "status": 400,
        "text": 'data: {"error": {"message": "no"}}\n\n',
        "content_type": "text/event-stream",
    },
    "an error of another form": {
        "status": 400,
        "json": {"type": "error", "error": {"type": "x", "message": "no"}},
    },
}


@pytest.fixture(scope="module")
def proxies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    with both(tmp_path_factory.mktemp("failures")) as proxies:
        for name, answer in ODD_FAILURES.items():
            match = {"last_user_message": f"[{name}]"}
            proxies.upstream.add({"match": match, "answer": {"headers": {"retry-after": "7"}, **answer}})
        yield proxies


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("scenario", FAILURES)
def test_python_raises_the_same_error(proxies: Both, scenario: str, stream: bool) -> None:
    def act(client: OpenAI) -> Any:
        request = chat_body(f"[scenario: {scenario}]")
        error = raised_by(lambda: client.chat.completions.create(**request, stream=stream))
        assert isinstance(error, openai.APIStatusError)
        return shown(error), error.code, error.param, error.type

    test_id = f"{scenario} {stream}"
    recorded, replayed = proxies.twice(act, test_id)

    assert replayed.result == recorded.result
    assert recorded.result[0][0] == FAILURES[scenario]
    assert_same_on_wire(recorded.wires, replayed.wires)
    [recording] = proxies.recordings_of(test_id)
    assert recording["response"]["body"] is None
    assert recording["response"]["is_exception"] is True
    assert recording["response"]["exception_data"]["type"] == FAILURES[scenario]
    assert recording["response"]["exception_data"]["status_code"] == recorded.wires[0].status


def test_the_exception_of_the_format(proxies: Both) -> None:
    proxies.twice(
        lambda client: raised_by(
            lambda: client.chat.completions.create(**chat_body("[scenario: rate-limited]"))
        ),
        "format",
    )
    [recording] = proxies.recordings_of("format")
    response = recording["response"]
    error = response["exception_data"]["body"]
    message = f"Error code: 429 - { ({'error': error}) }"

    assert error["code"] == "rate_limit_exceeded"
    assert response["exception_data"] == {
        "category": "provider_sdk",
        "provider": "openai",
        "type": "RateLimitError",
        "message": message,
        "status_code": 429,
        "body": error,
    }
    assert response["exception_message"] == message
    assert response["headers"] == {"retry-after": "1", "retry-after-ms": "20"}


@pytest.mark.parametrize("name", ODD_FAILURES)
def test_failures_of_other_servers_raise_the_same_error(proxies: Both, name: str) -> None:
    def act(client: OpenAI) -> Any:
        return shown(raised_by(lambda: client.chat.completions.create(**chat_body(f"[{name}]"))))

    recorded, replayed = proxies.twice(act, name)

    assert replayed.result == recorded.result
    assert_same_on_wire(recorded.wires, replayed.wires)
    assert replayed.wires[0].headers["retry-after"] == "7"


def test_node_raises_the_same_errors(proxies: Both) -> None:
    texts = [f"[scenario: {scenario}]" for scenario in FAILURES] + [f"[{name}]" for name in ODD_FAILURES]
    calls = [[["chat", "completions", "create"], chat_body(text)] for text in texts]
    recorded = node(proxies.recorder, calls, test_id="node")
    proxies.recorder.ask("/report")
    replayed = node(proxies.replayer, calls, test_id="node")

    assert all("error" in answer for answer in recorded)
    assert replayed == recorded


def test_the_asynchronous_client_raises_the_same_error(proxies: Both) -> None:
    async def raised(running: Proxy) -> Any:
        context = ssl.create_default_context(cafile=str(running.ca_file))
        http_client = httpx.AsyncClient(proxy=running.url, verify=context, timeout=CEILING_S, trust_env=False)
        async with AsyncOpenAI(api_key="sk-test", http_client=http_client, max_retries=0) as client:
            with pytest.raises(openai.APIStatusError) as error:
                await client.chat.completions.create(**chat_body("[scenario: conflict] asynchronous"))
        return shown(error.value)

    recorded = asyncio.run(raised(proxies.recorder))
    proxies.recorder.ask("/report")

    assert asyncio.run(raised(proxies.replayer)) == recorded


def test_an_error_event_inside_a_stream_comes_after_the_same_chunks(proxies: Both) -> None:
    def act(client: OpenAI) -> Any:
        stream = client.chat.completions.create(**chat_body("[scenario: error-event]"), stream=True)
        chunks, error = received_until_error(stream)
        return shown(chunks), shown(error)

    recorded, replayed = proxies.twice(act, "error event")

    assert replayed.result == recorded.result
    assert len(recorded.result[0]) == 2
    assert recorded.result[1][0] == "APIError"
    assert_same_on_wire(recorded.wires, replayed.wires)


@pytest.mark.parametrize("scenario", ["response-failed", "response-error-event"])
def test_a_response_that_fails_has_the_same_events(proxies: Both, scenario: str) -> None:
    def act(client: OpenAI) -> Any:
        stream = client.responses.create(model="gpt-4.1", input=f"[scenario: {scenario}]", stream=True)
        return [shown(event) for event in stream]

    recorded, replayed = proxies.twice(act, scenario)

    assert replayed.result == recorded.result
    assert_same_on_wire(recorded.wires, replayed.wires)


@pytest.mark.parametrize(("scenario", "failures"), [("server-error-twice", 2), ("rate-limited-once", 1)])
def test_a_failure_that_was_retried_with_success_is_not_kept(
    proxies: Both, scenario: str, failures: int
) -> None:
    def act(client: OpenAI) -> Any:
        return shown(
            client.with_options(max_retries=3).chat.completions.create(**chat_body(f"[scenario: {scenario}]"))
        )

    recorded, replayed = proxies.twice(act, scenario)
    [recording] = proxies.recordings_of(scenario)

    assert len(recorded.wires) == failures + 1
    assert [wire.status for wire in replayed.wires] == [200]
    assert replayed.result == recorded.result
    assert "is_exception" not in recording["response"]


def test_an_attempt_that_timed_out_and_was_retried_with_success_is_not_missing(proxies: Both) -> None:
    proxies.upstream.add(
        {
            "match": {"last_user_message": "slow at first"},
            "sequence": [{"api": True, "delivery": {"start_delay_ms": 20_000}}, {"api": True}],
        }
    )

    def act(client: OpenAI) -> Any:
        patient = client.with_options(timeout=2, max_retries=5)
        return shown(patient.chat.completions.create(**chat_body("slow at first")))

    recorded, replayed = proxies.twice(act, "slow")
    totals = proxies.recorder.ask("/report?test_id=slow")["totals"]

    assert replayed.result == recorded.result
    assert len(proxies.recordings_of("slow")) == 1
    assert totals["not_recorded"] == 0
    assert totals["recorded"] + totals.get("equal", 0) == 1
    assert totals["retried"] >= 1


def test_a_failure_that_every_retry_met_again_is_kept(proxies: Both) -> None:
    def act(client: OpenAI) -> Any:
        patient = client.with_options(max_retries=1)
        return shown(
            raised_by(lambda: patient.chat.completions.create(**chat_body("[scenario: rate-limited] ever")))
        )

    recorded, replayed = proxies.twice(act, "ever")

    assert [wire.status for wire in recorded.wires] == [wire.status for wire in replayed.wires] == [429, 429]
    assert replayed.result == recorded.result


def test_a_success_after_another_kind_of_failure_keeps_both(proxies: Both) -> None:
    proxies.upstream.add(
        {
            "match": {"last_user_message": "first no, then yes"},
            "sequence": [{"status": 400, "json": {"error": {"message": "no"}}}, {"api": True}],
        }
    )

    def act(client: OpenAI) -> Any:
        create = client.chat.completions.create
        first = raised_by(lambda: create(**chat_body("first no, then yes")))
        return shown(first), shown(create(**chat_body("first no, then yes")))

    recorded, replayed = proxies.twice(act, "no, yes")

    assert replayed.result == recorded.result
    assert len(proxies.recordings_of("no, yes")) == 2


def test_a_failure_with_json_that_no_value_holds_is_replayed_exactly(proxies: Both) -> None:
    text = '{"error":{"message":"a","message":"b","code":NaN}}'
    proxies.upstream.add(
        {
            "match": {"last_user_message": "lossy failure"},
            "answer": {"status": 400, "text": text, "content_type": "application/json"},
        }
    )
    answers = [
        curl(
            proxy,
            CHAT_URL,
            "-d",
            json.dumps(chat_body("lossy failure")),
            "-w",
            "%{http_code}",
            test_id="lossy",
        )
        for proxy in (proxies.recorder, proxies.replayer)
    ]

    assert [answer.stdout.decode() for answer in answers] == [f"{text}400", f"{text}400"]


def test_an_error_that_is_cut_off_is_not_recorded(proxies: Both) -> None:
    proxies.upstream.add(
        {
            "match": {"last_user_message": "half an error"},
            "answer": {
                "status": 500,
                "json": {"error": {"message": "a server error of many words"}},
                "delivery": {"cut_after_bytes": 20},
            },
        }
    )
    with listening_client(proxies.recorder, "half") as (client, _):
        with pytest.raises(httpx.RemoteProtocolError):
            client.post(CHAT_URL, json=chat_body("half an error"))
    report = wait_until(lambda: proxies.recorder.ask("/report?test_id=half")["not_recorded"], "it is told")

    assert report[0]["reason"].startswith("the response broke off")
    assert proxies.recordings_of("half") == []
