"""`whole_body`: the recording of an answer in one piece, of a list of models and of a failure."""

from __future__ import annotations

import json
import tracemalloc

import pytest
from hypothesis import given

from openai_replay.errors import NotRecordable
from openai_replay.format.recording import JSON, opened
from openai_replay.record.exchange import End
from openai_replay.record.record import record
from unit.exchanges import (
    JSON_VALUES,
    VERSION,
    answered,
    chat,
    get,
    refused,
)
from unit.recorded import body_of


@given(JSON_VALUES)
def test_json_that_the_package_has_no_class_for_is_itself(value: JSON) -> None:
    recorded = record(answered(get("/v1/unheard/of"), value))
    assert json.dumps(body_of(recorded)) == json.dumps(value)


def test_a_body_that_is_not_json_goes_into_a_file_of_its_own() -> None:
    recorded = record(answered(chat(), b"\xff\xfb\x90", headers=(("content-type", "audio/mpeg"), VERSION)))

    assert recorded.companions == (("body", ".mp3", (b"\xff\xfb\x90",)),)
    assert recorded.recording.response.headers == {"content-type": "audio/mpeg"}
    assert body_of(recorded, "x.mp3") == {"__file__": "x.mp3"}


@pytest.mark.parametrize(
    ("content_type", "content", "ending"),
    [
        ("text/plain; charset=utf-8", b"1 + 1", ".txt"),
        ("application/octet-stream", b'{"a": 1}\n{"b": 2}\n', ".txt"),
        ("application/octet-stream", b"\xff", ".bin"),
        ("application/x-unheard-of", b"\xff", ".bin"),
        ("application/json", b'{"cut": ', ".txt"),
        ("application/json", b"\xff", ".txt"),
        ("image/png", b"\x89PNG", ".png"),
    ],
)
def test_the_file_of_a_body_is_called_for_what_it_is_and_never_like_a_recording(
    content_type: str, content: bytes, ending: str
) -> None:
    recorded = record(answered(chat(), content, headers=(("content-type", content_type),)))
    assert recorded.companions == (("body", ending, (content,)),)


def test_no_body_is_none() -> None:
    recorded = record(answered(chat(), b"", status=204, headers=()))

    assert body_of(recorded) is None
    assert recorded.companions == ()
    assert recorded.recording.response.status == 204


def test_an_answer_that_broke_off_is_not_recorded_as_a_whole_one() -> None:
    with pytest.raises(NotRecordable) as caught:
        record(answered(chat(), b'{"a": 1}', end=End.CUT_BY_UPSTREAM))

    assert str(caught.value) == "the response broke off, it is incomplete"


def test_a_list_of_models_is_a_list_of_envelopes_named_for_its_ids() -> None:
    models: list[JSON] = [
        {"id": name, "object": "model", "created": 1, "owned_by": "x"} for name in ("b", "a")
    ]
    recorded = record(answered(get("/v1/models"), {"object": "list", "data": models}))

    assert recorded.name.startswith(f"models-{get('/v1/models').name()}-")
    assert [opened(one) for one in body_of(recorded)] == [("openai.types.model.Model", one) for one in models]
    assert recorded.recording.response.wire == {}


def test_what_is_around_a_list_of_models_is_noted() -> None:
    recorded = record(answered(get("/v1/models"), {"data": [], "first_id": None, "object": "list"}))
    assert recorded.recording.response.wire == {"around": {"data": None, "first_id": None, "object": "list"}}


@pytest.mark.parametrize("answer", [[{"id": "a"}], {"models": []}, {"data": [{"name": "a"}]}, {"data": {}}])
def test_what_is_no_list_of_models_is_itself(answer: JSON) -> None:
    recorded = record(answered(get("/v1/models"), answer))

    assert recorded.name == get("/v1/models").name()
    assert body_of(recorded) == answer


@pytest.mark.parametrize(
    ("status", "error_type", "is_retryable"),
    [
        (400, "BadRequestError", False),
        (401, "AuthenticationError", False),
        (403, "PermissionDeniedError", False),
        (404, "NotFoundError", False),
        (408, "APIStatusError", True),
        (409, "ConflictError", True),
        (418, "APIStatusError", False),
        (422, "UnprocessableEntityError", False),
        (429, "RateLimitError", True),
        (500, "InternalServerError", True),
        (503, "InternalServerError", True),
    ],
)
def test_a_failure_is_the_exception_that_the_sdk_raises(
    status: int, error_type: str, is_retryable: bool
) -> None:
    recorded = record(refused(chat(), status))
    error = {"message": "No.", "type": "some_error", "param": None, "code": None}
    message = f"Error code: {status} - {{'error': {error}}}"

    assert recorded.is_retryable_failure() is is_retryable
    assert not recorded.is_success()
    response = recorded.recording.response
    assert response.body is None
    assert response.failure is not None
    assert response.failure.message == message
    assert list(response.failure.data.items()) == [
        ("category", "provider_sdk"),
        ("provider", "openai"),
        ("type", error_type),
        ("message", message),
        ("status_code", status),
        ("body", error),
    ]


def test_a_failure_in_words_keeps_them() -> None:
    recorded = record(
        answered(
            chat(), b"<h1>Bad Gateway</h1>\n", status=502, headers=(("content-type", "text/html"), VERSION)
        )
    )
    failure = recorded.recording.response.failure

    assert failure is not None
    assert failure.data["body"] == "<h1>Bad Gateway</h1>\n"
    assert failure.message == "<h1>Bad Gateway</h1>"
    assert recorded.recording.response.headers == {"content-type": "text/html"}


def test_a_failure_in_json_that_no_value_holds_keeps_its_text() -> None:
    text = '{"error": NaN}'
    recorded = record(answered(chat(), text.encode(), status=500))

    assert recorded.recording.response.wire == {"corrections": [{"chunks": "0", "text": text}]}


@pytest.mark.parametrize(
    ("lines", "is_whole"),
    [
        (b'{"response":"a","done":false}\n{"response":"","done":true}\n', True),
        (b'{"response":"a","done":false}\n{"response":"","done":true}', False),
        (b'{"response":"a","done":false}\n{"response":"b","done":false}\n', False),
        (b'{"response":"a","done":false}\n{"response":"\\"done\\": true"}\n', False),
        (b'"done"\n', False),
        (b'{"done":tr\n', False),
        (b"", False),
    ],
)
def test_lines_of_json_are_whole_when_their_last_one_says_so(lines: bytes, is_whole: bool) -> None:
    headers = (("content-type", "application/x-ndjson"),)
    exchange = answered(chat(stream=True), lines, headers=headers, end=End.LEFT_BY_CLIENT)

    if is_whole:
        assert record(exchange).is_success()
    else:
        with pytest.raises(NotRecordable, match=r"^the response broke off"):
            record(exchange)


LARGE = 1024 * 1024


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", json.dumps({"text": "A word. " * (LARGE // 8)}).encode()),
        ("application/json", json.dumps({"text": 'A "line".\n' * (LARGE // 14)}).encode()),
        ("text/plain", b"A line.\n" * (LARGE // 8)),
        ("audio/mpeg", b"\xff\xfb" * (LARGE // 2)),
    ],
    ids=["words", "lines", "text", "sound"],
)
def test_a_large_answer_takes_memory_in_proportion(content_type: str, body: bytes) -> None:
    exchange = answered(chat("Hi"), body, headers=(("content-type", content_type),))
    tracemalloc.start()
    try:
        recorded = record(exchange)
        size = sum(map(len, recorded.pieces({one.holds: "x" for one in recorded.companions})))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert size + sum(len(piece) for one in recorded.companions for piece in one.content) > len(body) // 2
    # orjson reserves 8 bytes for each letter, twice where two texts are compared, and uses few of them.
    assert peak < 60 * len(body)
