"""`application`: the messages to the server, and how often files are looked at for them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openai_replay.engine.application import Application
from openai_replay.engine.command_line import Target
from openai_replay.engine.messages import Message
from openai_replay.format.recording import JSON
from openai_replay.options import OPTIONS, settings
from openai_replay.request.identity import describe
from openai_replay.service.service import Run, Service
from support.requests import API
from unit.exchanges import NO_RULES, chat, write_recording

BODY = json.dumps(chat("Hi").body).encode()


@pytest.fixture
def application(folder: Path) -> Iterator[Application]:
    """An application that answers from that folder."""
    values: dict[str, object] = {option.name: option.default for option in OPTIONS}
    service = Service.opened(Run.new({}), settings({**values, "recording_dir": str(folder)}), {})
    yield Application(service, Target("https", "api.openai.com", 443))
    service.close()
    service.run.worker.close()


def ask(
    application: Application,
    *pieces: bytes,
    method: str = "POST",
    path: str = "/v1/chat/completions",
    query: str = "",
    leaves: bool = False,
    version: str = "1.1",
    **headers: str,
) -> list[Message]:
    """Return the messages that the server gets for a request whose body comes in pieces."""
    scope = {
        "type": "http",
        "http_version": version,
        "method": method,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
    }
    last = len(pieces) - 1
    messages: list[Message] = [
        {"type": "http.request", "body": piece, "more_body": number < last or leaves}
        for number, piece in enumerate(pieces or (b"",))
    ]
    waiting = iter([*messages, {"type": "http.disconnect"}])
    sent: list[Message] = []

    async def receive() -> Message:
        return next(waiting)

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(application(scope, receive, send))
    return sent


def status(messages: list[Message]) -> int:
    return int(messages[0]["status"])


def value(messages: list[Message]) -> Any:
    assert dict(messages[0]["headers"])[b"content-length"] == b"%d" % len(messages[1]["body"])
    assert [message["more_body"] for message in messages[1:]] == [False]
    return json.loads(messages[1]["body"])


def test_a_recorded_answer_is_one_message_that_is_made_once(application: Application, folder: Path) -> None:
    write_recording(folder, f"{chat('Hi').name()}.json", chat("Hi"), {"n": 1})
    first, second = ask(application, BODY), ask(application, BODY)
    assert value(first) == {"n": 1}
    assert all(one is other for one, other in zip(first, second, strict=True))


def test_a_body_may_come_in_pieces(application: Application, folder: Path) -> None:
    write_recording(folder, "a.json", chat("Hi"), {"n": 1})
    assert value(ask(application, BODY[:5], BODY[5:])) == {"n": 1}


def test_repeats_get_the_recordings_in_order(application: Application, folder: Path) -> None:
    for number, name in enumerate(("a.json", "a-2.json", "a-3.json")):
        write_recording(folder, name, chat("Hi"), {"n": number})
    assert [value(ask(application, BODY))["n"] for _ in range(4)] == [0, 1, 2, 2]


@pytest.fixture
def broken(folder: Path) -> None:
    """A recording of a stream that broke off after its head."""
    response: dict[str, Any] = {"is_exception": True, "exception_type": "CutByUpstream", "exception_data": {}}
    write_recording(folder, "a.json", chat("Hi"), [], is_streaming=True, **response)


@pytest.mark.usefixtures("broken")
def test_a_stream_that_broke_has_no_last_message(application: Application) -> None:
    head, *body = ask(application, BODY)
    assert head["status"] == 200
    assert [message["more_body"] for message in body] == [True], (
        "without a message the head would not be sent"
    )


@pytest.mark.usefixtures("broken")
def test_a_stream_that_broke_is_too_short_over_http2(application: Application) -> None:
    head, *body = ask(application, BODY, version="2")
    assert dict(head["headers"])[b"content-length"] == b"1"
    # The last message comes later, and only if the client is still there.
    assert [(message["body"], message["more_body"]) for message in body] == [(b"", True)]


def test_without_a_recording_the_miss_is_explained(application: Application) -> None:
    assert value(ask(application, BODY))["error"]["code"] == "recording_not_found"
    assert value(ask(application, BODY, user_agent="OpenAI/Ruby"))["message"]


def test_a_head_request_gets_no_body(application: Application) -> None:
    messages = ask(application, method="HEAD", path="/v1/models/x")
    assert (status(messages), messages[1]["body"]) == (400, b"")


def test_a_failure_inside_is_a_refusal(application: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openai_replay.engine.application.recorded_answer", None)
    assert value(ask(application, BODY))["error"]["code"] == "recording_unavailable"
    report = value(ask(application, method="GET", path="/@/report"))
    assert (report["totals"]["missed"], report["totals"]["refused"]) == (1, 1)
    assert report["missed"][0]["refused"] == "the replay failed, TypeError: 'NoneType' object is not callable"


def test_the_control_page_is_below_an_empty_test_id(application: Application, folder: Path) -> None:
    write_recording(folder, "a.json", chat("Hi"), {"n": 1})
    ask(application, BODY, x_test_id="t")
    report = value(ask(application, method="GET", path="/@/report"))
    assert report["replayed"] == [{"recording": "a.json", "test_id": "t", "times": 1}]
    assert value(ask(application, path="/@/reset")) == {"reset": True}
    assert value(ask(application, method="GET", path="/report", host="openai-replay.test"))["replayed"] == []


def test_an_upgrade_that_the_server_took_for_a_request_is_refused(
    application: Application, folder: Path
) -> None:
    write_recording(folder, "a.json", chat("Hi"), {"n": 1})
    refused = ask(application, BODY, upgrade="websocket")
    assert (status(refused), value(refused)["error"]["code"]) == (400, "upgrade_invalid")
    (missed,) = value(ask(application, method="GET", path="/@/report"))["missed"]
    assert missed["refused"] == value(refused)["error"]["message"]


def test_a_misspelt_header_is_refused_after_the_same_request_without_it(
    application: Application, folder: Path
) -> None:
    write_recording(folder, "a.json", chat("Hi"), {"n": 1})
    assert [status(ask(application, BODY)) for _ in range(2)] == [200, 200]
    refused = ask(application, BODY, x_replay_faults="rate_limit")
    assert (
        value(refused)["error"]["message"] == "unknown header x-replay-faults: did you mean X-Replay-Fault?"
    )


def test_a_client_that_leaves_amid_its_request_gets_no_answer(application: Application) -> None:
    assert ask(application, BODY[:5], leaves=True) == []
    assert value(ask(application, method="GET", path="/@/report"))["totals"]["missed"] == 0


def test_memory_for_ready_answers_is_bounded(
    application: Application, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openai_replay.engine.known._MOST_BYTES", 500)
    for text in ("one", "two", "three"):
        write_recording(folder, f"{text}.json", chat(text), {"text": text, "filling": "x" * 200})
    for _ in range(2):
        for text in ("one", "two", "three"):
            assert value(ask(application, json.dumps(chat(text).body).encode()))["text"] == text
    assert len(application.known) <= 2


def test_a_stream_is_resumed_from_the_recorded_stream_of_its_response(
    application: Application, folder: Path
) -> None:
    events: list[Any] = [
        {"type": "response.queued", "sequence_number": number, "response": {"id": "resp_1"}}
        for number in range(4)
    ]
    body: JSON = {"model": "gpt-4.1", "input": "Hi", "stream": True, "background": True}
    created = describe("POST", f"{API}/v1/responses", body, None, NO_RULES)
    write_recording(folder, "a.json", created, events, is_streaming=True)

    _, *messages = ask(
        application, method="GET", path="/v1/responses/resp_1", query="stream=true&starting_after=1"
    )
    sent = b"".join(message["body"] for message in messages)
    assert [number for number in range(4) if b'"sequence_number":%d' % number in sent] == [2, 3]


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("x_replay_fault", "rate_limits", "replay_header_invalid"),
        ("x_replay_pacing", "ttft=5", "replay_header_invalid"),
        ("x_replay_fault", "rate_limit", "rate_limit_exceeded"),
    ],
)
def test_a_request_says_by_a_header_how_it_is_answered(
    application: Application, folder: Path, name: str, value: str, code: str
) -> None:
    write_recording(folder, "a.json", chat("Hi"), {"n": 1})
    ask(application, BODY)
    headers: dict[str, Any] = {name: value}
    [_, message] = ask(application, BODY, **headers)
    assert json.loads(message["body"])["error"]["code"] == code
