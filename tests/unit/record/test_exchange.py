"""`exchange`: what is recorded of a request and its answer."""

from __future__ import annotations

import importlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai._models import construct_type

from openai_replay.errors import NotRecordable
from openai_replay.format.recording import JSON, decode, opened
from openai_replay.record.exchange import End, Exchange, Recorded, record
from openai_replay.request.identity import describe
from openai_replay.request.redaction import redactor
from openai_replay.request.rules import Rules
from unit.exchanges import (
    API,
    JSON_VALUES,
    NO_RULES,
    STREAM_HEADERS,
    VERSION,
    Api,
    answered,
    chat,
    chunk,
    completion,
    get,
    refused,
    streamed,
)
from unit.wire_objects import CHUNK, COMPLETION

KEY = "sk-proj-aB3dEfGh1jKlMnOpQrStUvWxYz0123456789"


def dumped_by_package(class_name: str, wire: Any) -> Any:
    module, _, name = class_name.rpartition(".")
    model: Any = construct_type(value=wire, type_=getattr(importlib.import_module(module), name))
    return model.model_dump(mode="json")


def body_of(recorded: Recorded, companion_name: str = "") -> Any:
    return decode(b"".join(recorded.pieces(companion_name)), Path("recorded.json")).response.body


# --- whole bodies -------------------------------------------------------------------------------------------------


def test_a_completion_is_in_its_envelope_with_a_stable_id_and_time() -> None:
    request = chat(test_id="t")
    recorded = record(answered(request, completion()))
    short = request.name()[:12]

    assert recorded.name == request.name()
    assert recorded.recording.test_id == "t"
    assert recorded.recording.request.endpoint == "/v1/chat/completions"
    assert recorded.recording.request.model == "gpt-4o"
    expected = dumped_by_package(COMPLETION, completion()) | {"id": f"rec-{short}", "created": 0}
    assert json.dumps(body_of(recorded)) == json.dumps({"__type__": COMPLETION, "__data__": expected})
    assert recorded.recording.response.wire == {}
    assert recorded.recording.id_normalization_mapping == {}
    assert recorded.is_success()


def test_a_completion_that_can_be_referred_to_keeps_its_id_beside() -> None:
    request = chat(store=True)
    recorded = record(answered(request, completion()))

    assert recorded.recording.id_normalization_mapping == {f"rec-{request.name()[:12]}": "chatcmpl-1"}


def test_what_is_not_a_completion_keeps_its_id_and_time() -> None:
    wire: dict[str, JSON] = {
        "id": "file-1",
        "object": "file",
        "bytes": 1,
        "created_at": 7,
        "filename": "a",
        "purpose": "batch",
    }
    recorded = record(answered(get("/v1/files/file-1"), wire))

    assert opened(body_of(recorded))[0] == "openai.types.file_object.FileObject"
    assert opened(body_of(recorded))[1] == dumped_by_package("openai.types.file_object.FileObject", wire)


@given(JSON_VALUES)
def test_json_that_the_package_has_no_class_for_is_itself(value: JSON) -> None:
    recorded = record(answered(get("/v1/unheard/of"), value))
    assert json.dumps(body_of(recorded)) == json.dumps(value)


def test_a_body_that_is_not_json_goes_into_a_file_of_its_own() -> None:
    recorded = record(answered(chat(), b"\xff\xfb\x90", headers=(("content-type", "audio/mpeg"), VERSION)))

    assert recorded.companion == (".mp3", b"\xff\xfb\x90")
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
    assert recorded.companion == (ending, content)


def test_no_body_is_none() -> None:
    recorded = record(answered(chat(), b"", status=204, headers=()))

    assert body_of(recorded) is None
    assert recorded.companion is None
    assert recorded.recording.response.status == 204


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


def test_an_answer_that_broke_off_is_not_recorded_as_a_whole_one() -> None:
    with pytest.raises(NotRecordable) as caught:
        record(answered(chat(), b'{"a": 1}', end=End.CUT_BY_UPSTREAM))

    assert str(caught.value) == "the response broke off, it is incomplete"


# --- models -------------------------------------------------------------------------------------------------------


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


# --- streams ------------------------------------------------------------------------------------------------------


def test_a_stream_is_its_chunks_in_envelopes() -> None:
    request = chat(stream=True)
    recorded = record(streamed(request, [chunk("Hel"), chunk("lo")]))
    short = request.name()[:12]

    assert recorded.recording.response.is_streaming
    assert json.dumps(body_of(recorded)) == json.dumps(
        [
            {
                "__type__": CHUNK,
                "__data__": dumped_by_package(CHUNK, chunk(text)) | {"id": f"rec-{short}", "created": 0},
            }
            for text in ("Hel", "lo")
        ]
    )
    assert recorded.recording.response.wire == {}
    assert recorded.recording.response.failure is None


@given(st.lists(st.integers(0, 2000), max_size=6))
def test_a_stream_does_not_depend_on_where_its_bytes_are_cut(places: list[int]) -> None:
    exchange = streamed(chat(stream=True), [chunk("Zürich 🗼"), chunk("東京")])
    whole = b"".join(exchange.body)
    bounds = [0, *sorted(place % len(whole) for place in places), len(whole)]
    pieces = [whole[first:last] for first, last in zip(bounds, bounds[1:], strict=False)]  # noqa: RUF007

    assert record(replace(exchange, body=pieces)) == record(exchange)


RAW: dict[str, tuple[list[JSON | str], list[str]]] = {
    "a text": (["hello"], ["data: hello", "", "data: [DONE]", ""]),
    "a list": (["[1]"], ["data: [1]", "", "data: [DONE]", ""]),
    "nothing": ([""], ["data: ", "", "data: [DONE]", ""]),
    "something after the end": (["[DONE]", {}], ["data: [DONE]", "", "data: {}", "", "data: [DONE]", ""]),
    "a chunk before": (['{"a":1}', "x"], ['data: {"a":1}', "", "data: x", "", "data: [DONE]", ""]),
}


@pytest.mark.parametrize(("events", "lines"), RAW.values(), ids=RAW)
def test_a_stream_of_anything_but_objects_is_its_lines(
    events: Sequence[JSON | str], lines: list[str]
) -> None:
    assert body_of(record(streamed(chat(stream=True), events))) == lines


def test_a_stream_that_broke_keeps_the_chunks_that_came_and_says_who_broke_it() -> None:
    exchange = streamed(chat(stream=True), [chunk("a"), chunk("b")], end=End.CUT_BY_UPSTREAM, done=False)
    cut = replace(exchange, body=[*exchange.body, b'data: {"id": "chatc'])
    recorded = record(cut)

    message = "The stream broke off after 2 chunks: the connection to the API broke."
    assert len(body_of(recorded)) == 2
    assert recorded.recording.response.failure is not None
    assert recorded.recording.response.failure.message == message
    assert recorded.recording.response.failure.data == {
        "category": "stream",
        "provider": "openai",
        "type": "IncompleteStream",
        "message": message,
        "ended_by": "upstream",
    }
    assert not recorded.is_success()
    assert not recorded.is_retryable_failure()


@pytest.mark.parametrize("events", [[chunk("a")], ["raw"]], ids=["chunks", "lines"])
def test_a_client_that_left_after_the_end_missed_nothing(events: Sequence[JSON | str]) -> None:
    recorded = record(streamed(chat(stream=True), events, end=End.LEFT_BY_CLIENT))
    assert recorded.recording.response.failure is None


@pytest.mark.parametrize("events", [[chunk("a")], ["raw"]], ids=["chunks", "lines"])
def test_a_client_that_left_before_the_end_is_told_of(events: Sequence[JSON | str]) -> None:
    failure = record(
        streamed(chat(stream=True), events, end=End.LEFT_BY_CLIENT, done=False)
    ).recording.response.failure

    assert failure is not None
    assert failure.message == "The stream broke off after 1 chunks: the client left."


def test_a_response_that_was_completed_was_heard_to_its_end() -> None:
    request = describe("POST", f"{API}/v1/responses", {"stream": True}, None, NO_RULES)
    events: list[JSON | str] = [{"type": "response.completed", "sequence_number": 1, "response": {}}]

    assert record(streamed(request, events, end=End.LEFT_BY_CLIENT, done=False)).is_success()


def test_a_stream_of_bytes_that_are_no_text_is_not_recordable() -> None:
    with pytest.raises(NotRecordable, match=r"^the stream is not valid UTF-8: invalid start byte at byte 6 "):
        record(Exchange(chat(), 200, STREAM_HEADERS, [b"data: \xff\n\n"]))


# --- failures -----------------------------------------------------------------------------------------------------


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


def test_a_failure_in_json_that_no_value_holds_is_not_recordable() -> None:
    with pytest.raises(NotRecordable, match=r"^the error is a JSON text that no JSON value can hold$"):
        record(answered(chat(), b'{"error": NaN}', status=500))


# --- secrets ------------------------------------------------------------------------------------------------------


def everything(recorded: Recorded) -> str:
    return repr(recorded)


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("kind", ["json", "stream", "raw", "text", "escaped"])
def test_no_secret_is_recorded(status: int, kind: str) -> None:
    rules = Rules((), redactor(["top-secret-[0-9]+"]))
    request = chat("Hi", stream=kind == "stream", rules=rules)
    said = f"You said {KEY} and my-own-credential-0 and top-secret-7."
    exchanges = {
        "json": answered(request, completion(said), status=status),
        "stream": streamed(request, [chunk(said)]),
        "raw": streamed(request, [said]),
        "text": answered(request, said.encode(), headers=(("content-type", "text/plain"),), status=status),
        "escaped": answered(
            request, json.dumps(completion(said)).replace("s", "\\u0073").encode(), status=status
        ),
    }
    recorded = record(replace(exchanges[kind], status=status, credentials=("my-own-credential-0",)))

    text = everything(recorded)
    assert KEY not in text
    assert "my-own-credential-0" not in text
    assert "top-secret-7" not in text
    assert "REDACTED" in text


# --- equality -----------------------------------------------------------------------------------------------------


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


# --- the stand-in for the API -------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("words", ["Hello", "Say 30 words", "get_weather please", "please refuse"])
def test_envelopes_equal_what_the_reference_dumps(stream: bool, words: str) -> None:
    body: dict[str, JSON] = {
        "model": "gpt-4o",
        "messages": [{"role": "user", "content": words}],
        "stream": stream,
        "stream_options": {"include_usage": True} if stream else None,
        "tools": [
            {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
        ],
    }
    exchange = Api().exchange("POST", "/v1/chat/completions", body)
    pieces = list(exchange.body)
    recorded = record(replace(exchange, body=pieces))

    wires = (
        [json.loads(piece[6:]) for piece in pieces if piece != b"data: [DONE]\n\n"]
        if stream
        else [json.loads(b"".join(pieces))]
    )
    chunks = body_of(recorded) if stream else [body_of(recorded)]
    stable = {"id": f"rec-{exchange.api_request.name()[:12]}", "created": 0}
    assert len(wires) > (stream and 1)
    for one, wire in zip(chunks, wires, strict=True):
        class_name, data = opened(one)
        assert json.dumps(data) == json.dumps(dumped_by_package(str(class_name), wire) | stable)
