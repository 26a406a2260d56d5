"""`answer`: a recording gives the client the answer that it was made from."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.errors import BadRecording, NotRecordable
from openai_replay.format import json_text
from openai_replay.format.recording import JSON, Recording, decode, encode
from openai_replay.record.exchange import End, Exchange, Recorded
from openai_replay.record.record import record
from openai_replay.replay.answer import Answer, render
from openai_replay.request.identity import ApiRequest
from openai_replay.store.store import Stored
from support.requests import API, chat_body, embeddings_body, response_body, streamed_chat_body
from unit.exchanges import (
    JSON_VALUES,
    STREAM_HEADERS,
    Api,
    answered,
    chat,
    chunk,
    completion,
    get,
    refused,
    streamed,
)
from unit.wire_objects import CHUNK, COMPLETION, LEGACY, RESPONSE, any_objects

PATH = Path("recordings/ab12.json")


def stored(content: bytes, path: Path = PATH) -> Stored:
    """Return a recording as a later run reads it from its file."""
    return Stored(path, (0, 0, 0), decode(content, path), chat().identity)


def replayed(exchange: Exchange, request: ApiRequest | None = None) -> Answer:
    return render([stored(b"".join(record(exchange).pieces()))], request or exchange.api_request)


def content(exchange: Exchange, request: ApiRequest | None = None) -> bytes:
    return b"".join(replayed(exchange, request).pieces)


def text_with_stable(wire: JSON, request: ApiRequest) -> str:
    """Return the JSON text of a completion as it is replayed: with the id and time of its recording."""
    stable: dict[str, JSON] = {"id": f"rec-{request.name()[:12]}", "created": 0}
    if isinstance(wire, dict):
        wire = {name: stable.get(name, item) for name, item in wire.items()}
    return json.dumps(wire)


# --- whole bodies -------------------------------------------------------------------------------------------------


def test_a_completion_is_as_it_was_but_for_id_and_time() -> None:
    request = chat()
    result = replayed(answered(request, completion()))

    assert result.status == 200
    assert result.headers == (("content-type", "application/json"), ("openai-version", "2020-10-01"))
    assert json.dumps(json.loads(b"".join(result.pieces))) == text_with_stable(completion(), request)
    assert result.path == PATH
    assert result.size() == len(result.pieces[0])


def test_a_completion_that_can_be_referred_to_has_its_id_back() -> None:
    assert json.loads(content(answered(chat(store=True), completion())))["id"] == "chatcmpl-1"


@pytest.mark.parametrize("wire", [b'{"id":"a","n":1e999}', b'{"id":"a","id":"b"}'])
def test_a_text_that_no_value_holds_is_as_it_was(wire: bytes) -> None:
    assert content(answered(get("/v1/unheard/of"), wire)) == wire


@given(JSON_VALUES)
def test_any_json_is_as_it_was(value: JSON) -> None:
    assert json.dumps(json.loads(content(answered(get("/v1/unheard/of"), value)))) == json.dumps(value)


@pytest.mark.parametrize("path", ["/v1/unheard/of", "/v1/models", "/v1/chat/completions", "/v1/embeddings"])
@pytest.mark.parametrize(
    "value", [None, [], {}, "", 0, False, [None], [[]], {"data": []}, "x", [{"id": "a"}]]
)
def test_json_that_says_little_is_as_it_was(path: str, value: JSON) -> None:
    result = replayed(answered(get(path), value))

    assert json.loads(b"".join(result.pieces)) == value
    assert dict(result.headers)["content-type"] == "application/json"


def test_no_body_is_none() -> None:
    result = replayed(answered(get("/v1/x"), b"", status=204, headers=()))

    assert (result.status, result.pieces) == (204, ())
    assert "content-type" not in dict(result.headers)


@pytest.mark.parametrize("status", [204, 304])
def test_a_body_with_a_status_that_allows_none_is_an_error(status: int) -> None:
    def edit(value: dict[str, Any]) -> None:
        value["response"]["status"] = status

    with pytest.raises(BadRecording) as caught:
        render([edited(record(answered(get("/v1/x"), {"a": 1})), edit)], get("/v1/x"))

    assert str(caught.value) == (
        f"recordings/ab12.json: expected no body with the status {status} @ $.response.body"
    )


def test_kept_headers_come_back() -> None:
    headers = (
        ("Content-Type", "application/vnd.x+json"),
        ("Retry-After", "3"),
        ("OpenAI-Version", "2030-01-01"),
    )
    assert dict(replayed(answered(chat(), {"a": 1}, headers=headers)).headers) == {
        "content-type": "application/vnd.x+json",
        "openai-version": "2030-01-01",
        "retry-after": "3",
    }


def test_the_version_is_that_of_api_openai_com_alone() -> None:
    elsewhere = chat(url="http://localhost:11434/v1/chat/completions")
    assert dict(
        replayed(answered(elsewhere, {"a": 1}, headers=(("content-type", "application/json"),))).headers
    ) == {"content-type": "application/json"}


def test_a_body_in_a_file_is_its_content(tmp_path: Path) -> None:
    recorded = record(answered(chat(), b"\x00\xff", headers=(("content-type", "audio/mpeg"),)))
    (tmp_path / "x.mp3").write_bytes(b"\x00\xff")

    result = render([stored(b"".join(recorded.pieces({"body": "x.mp3"})), tmp_path / "x.json")], chat())

    assert result.pieces == (b"\x00\xff",)
    assert dict(result.headers)["content-type"] == "audio/mpeg"


def with_companion(name: JSON) -> Recording:
    recorded = record(answered(chat(), b"\x00", headers=(("content-type", "audio/mpeg"),)))
    response = replace(recorded.recording.response, body={"__file__": name})
    return replace(recorded.recording, response=response)


def test_a_body_in_a_file_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadRecording) as caught:
        render([stored(encode(with_companion("x.mp3")), tmp_path / "x.json")], chat())

    assert str(caught.value) == (
        f"{tmp_path / 'x.json'}: expected the body in x.mp3, No such file or directory @ $.response.body"
    )


@pytest.mark.parametrize("name", ["../x.mp3", "/etc/passwd", "a/b", "", ".", "..", None, 7, ["x"]])
def test_a_body_in_a_file_elsewhere_is_an_error(name: JSON) -> None:
    with pytest.raises(BadRecording) as caught:
        render([stored(encode(with_companion(name)))], chat())

    assert str(caught.value) == (
        f"recordings/ab12.json: expected the name of a file beside the recording, got {name!r} @ $.response.body"
    )


# --- models -------------------------------------------------------------------------------------------------------


def models(*names: str) -> list[JSON]:
    return [{"id": name, "object": "model", "created": 1, "owned_by": "x"} for name in names]


def test_a_list_of_models_is_as_it_was() -> None:
    wire: JSON = {
        "object": "list",
        "data": [*models("b", "a"), {"object": "model", "id": "c", "extra": None}],
        "x": None,
    }
    assert json.dumps(json.loads(content(answered(get("/v1/models"), wire)))) == json.dumps(wire)


def test_several_lists_of_models_are_one_each_model_once_and_as_it_was() -> None:
    request = get("/v1/models")
    odd: JSON = {"object": "model", "id": "c", "owned_by": None}
    lists = [
        answered(request, {"object": "list", "data": data})
        for data in (models("a", "b"), [*models("b"), odd])
    ]

    result = render([stored(b"".join(record(one).pieces())) for one in lists], request)

    assert json.dumps(json.loads(b"".join(result.pieces))) == json.dumps(
        {"object": "list", "data": [*models("a", "b"), odd]}
    )


# --- streams ------------------------------------------------------------------------------------------------------


def test_a_stream_is_as_it_was_event_by_event() -> None:
    request = chat(stream=True)
    result = replayed(streamed(request, [chunk("a"), chunk("b")]))

    expected = [text_with_stable(chunk(text), request) for text in "ab"]
    assert [piece[:6] for piece in result.pieces] == [b"data: "] * 3
    assert [json.dumps(json.loads(piece[6:])) for piece in result.pieces[:2]] == expected
    assert result.pieces[2] == b"data: [DONE]\n\n"
    assert dict(result.headers)["content-type"] == "text/event-stream; charset=utf-8"
    assert not result.is_broken


ODD_STREAMS = {
    "comments between": b": a\n\n: b\n\ndata: {}\n\n: c\n\ndata: [DONE]\n\n",
    "lines beside": b'id: 7\nretry: 3\nevent: x\ndata: {"a":1}\n\ndata: [DONE]\n\n',
    "no end": b'data: {"a":1}\n\n',
    "another end": b"data: {}\n\nevent: end\ndata: [DONE]\n\n",
    "not terminated": b"data: {}\n\ndata: [DONE]\n",
    "a chunk not terminated": b'data: {"a":1}\n',
    "texts": b"data: hello\n\ndata: \n\ndata: [DONE]\n\n",
    "nothing after the end, but a comment": b"data: [DONE]\n\n: bye\n\n",
    "several data lines": b'data: {"a":\ndata: NaN}\n\ndata: [DONE]\n\n',
    "nothing": b"",
    "the end alone": b"data: [DONE]\n\n",
    "a text that no value holds": b'data: {"a":1,"a":2}\n\ndata: [DONE]\n\n',
}


@pytest.mark.parametrize("stream", ODD_STREAMS.values(), ids=ODD_STREAMS)
def test_an_odd_stream_is_as_it_was_byte_for_byte(stream: bytes) -> None:
    assert content(Exchange(chat(stream=True), 200, STREAM_HEADERS, [stream])) == stream


@pytest.mark.parametrize("count", range(4))
@pytest.mark.parametrize("event", [chunk("a"), "raw"], ids=["chunks", "lines"])
def test_a_stream_that_broke_breaks_after_as_many_events(count: int, event: JSON | str) -> None:
    whole = streamed(chat(stream=True), [event, event])
    pieces = [*whole.body][:count]

    result = replayed(replace(whole, body=pieces, end=End.CUT_BY_UPSTREAM))

    assert result.is_broken
    assert len(result.pieces) == count
    assert [piece == b"data: [DONE]\n\n" for piece in result.pieces] == [n == 2 for n in range(count)]


def test_what_came_between_the_last_chunk_and_the_break_comes_again() -> None:
    stream = b"data: {}\n\n: still there\n\ndata: {"
    broken = Exchange(chat(stream=True), 200, STREAM_HEADERS, [stream], End.CUT_BY_UPSTREAM)

    assert content(broken) == b"data: {}\n\n: still there\n\n"


USAGE: JSON = {
    **chunk(""),
    "choices": [],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}


def test_the_usage_goes_only_to_a_request_that_asked_for_it() -> None:
    asking = chat(stream=True, stream_options={"include_usage": True})
    first: JSON = {**chunk("a"), "usage": None}
    exchange = streamed(asking, [first, USAGE])

    assert content(exchange).count(b'"usage"') == 2
    assert b'"usage"' not in content(exchange, chat(stream=True))
    assert content(exchange, chat(stream=True)).count(b"data: ") == 2


@pytest.mark.parametrize(
    "order", [("usage", "choices", "id"), ("choices", "usage"), ("id", "usage")], ids=str
)
def test_no_null_usage_goes_to_other_requests_whatever_the_order_of_members(order: tuple[str, ...]) -> None:
    asking = chat(stream=True, stream_options={"include_usage": True})
    members = {**chunk("a"), "usage": None}
    first = {**{name: members[name] for name in order}, **members}
    exchange = streamed(asking, [first, USAGE])

    assert content(exchange).count(b'"usage"') == 2
    assert b'"usage"' not in content(exchange, chat(stream=True))


# --- byte for byte ------------------------------------------------------------------------------------------------

DATA = [
    *(json.dumps(chunk(text), separators=(",", ":"), ensure_ascii=False) for text in ("a", "é", "b<c>")),
    *(json.dumps(chunk(text)) for text in ("a", "é", "b<c>")),
    json.dumps(chunk("é"), separators=(",", ":")),
    json.dumps(chunk("a"), indent=2),
    f" {json.dumps(chunk('a'))} ",
    json.dumps(chunk("a")).replace('"logprobs": null', '"logprobs": 1.50'),
    '{"error": {"message": "No."}}',
    *("", "[DONE]", "text", '{"a": NaN}', "[1]"),
]
BLOCKS = st.one_of(
    st.sampled_from(DATA).map(lambda data: [f"data: {line}" for line in data.split("\n")]),
    st.sampled_from(DATA).map(lambda data: [f"data:{line}" for line in data.split("\n")]),
    st.lists(st.sampled_from([": ping", "id: 1", "retry: 5", "event: x", "x", "data: {}"]), max_size=3),
)
STREAM_ENDS = st.sampled_from(["\n\n", "\n", "", "\n\n\n"])


@st.composite
def sent_streams(draw: st.DrawFn) -> bytes:
    """Streams as servers send them: other spellings, white space, line ends and blocks than the API's."""
    blocks = draw(st.lists(BLOCKS, max_size=5))
    text = "\n\n".join("\n".join(lines) for lines in blocks) + draw(STREAM_ENDS)
    end = draw(st.sampled_from(["\n", "\n", "\r\n", "\r"]))
    return draw(st.sampled_from([b"", b"", b"\xef\xbb\xbf"])) + text.replace("\n", end).encode()


def without_ids(body: bytes) -> bytes:
    """Return a body with the ids and times of completions put aside."""
    body = re.sub(rb'"created":( ?)[0-9]+', rb'"created":\g<1>0', body)
    return re.sub(rb'"id":( ?)"[^"]*"', rb'"id":\1"x"', body)


@given(sent_streams())
def test_any_stream_is_as_it_was_byte_for_byte(stream: bytes) -> None:
    exchange = Exchange(chat(stream=True), 200, STREAM_HEADERS, [stream])

    assert without_ids(content(exchange)) == without_ids(stream)


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf", b" "])
@pytest.mark.parametrize("number", ["1.50", "1E5", "1e400", "-0.0", "9007199254740993", "0.1"])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/embeddings", "/v1/models", "/v1/unheard"])
@pytest.mark.parametrize("indent", [None, 0, 2, 4, "\t"])
def test_an_answer_is_as_it_was_byte_for_byte(
    path: str, number: str, indent: int | str | None, start: bytes
) -> None:
    value: JSON = {
        **completion(),
        "usage": {"prompt_tokens": "@"},
        "created": "@",
        "data": [{"id": "a", "n": "@"}],
    }
    wire = start + json.dumps(value, indent=indent).replace('"@"', number).encode()
    exchange = answered(replace(chat(), url=f"{API}{path}"), wire)

    assert re.sub(rb'"created": [^,]*', b"", without_ids(content(exchange))) == re.sub(
        rb'"created": [^,]*', b"", without_ids(wire)
    )


def test_the_white_space_of_chunks_is_noted_once() -> None:
    texts = [json.dumps(chunk(text)) for text in ("a", "é", "b", "c")]
    recorded = record(streamed(chat(stream=True), texts)).recording

    assert recorded.response.wire == {
        "corrections": [
            {"chunks": "0,2-3", "layout": "spaced"},
            {"chunks": "1", "layout": "spaced, ascii"},
        ]
    }


def test_a_letter_that_is_escaped_in_one_member_alone_is_as_it_was() -> None:
    texts = [
        json_text.compact(chunk(text)).replace("fp_1", "\\u003cfp\\u003e") for text in ("a", "b", "<c>", "é")
    ]
    exchange = streamed(chat(stream=True), texts)

    assert without_ids(content(exchange)) == without_ids(b"".join(exchange.body))


def test_an_edited_chunk_keeps_its_white_space() -> None:
    def edit(value: dict[str, Any]) -> None:
        value["response"]["body"][0]["__data__"]["choices"][0]["delta"]["content"] = "Edited"

    request = chat(stream=True)
    result = render([edited(record(streamed(request, [json.dumps(chunk("a"))])), edit)], request)

    assert b'"delta": {"content": "Edited"}' in result.pieces[0]


def test_lines_that_are_no_text_are_as_they_were() -> None:
    stream = b": \xff\n\ndata: x\xff\n\n"

    assert content(Exchange(chat(stream=True), 200, STREAM_HEADERS, [stream])) == stream


# --- failures -----------------------------------------------------------------------------------------------------

ERRORS: dict[str, JSON | bytes] = {
    "the API's": {"error": {"message": "No.", "type": "x", "param": None, "code": None}},
    "more beside": {"error": {"message": "No."}, "request_id": "r", "ok": False},
    "a text": {"error": "model not found"},
    "null": {"error": None},
    "no error in it": {"detail": [{"loc": ["body"], "msg": "field required"}]},
    "empty": {},
    "quotes and escapes": {"error": {"message": "It's \"no\" - {'a': 1}\n\ud800"}},
    "a list": b'[{"error":{"code":400}}]',
    "a text alone": b'"No such thing"',
    "null alone": b"null",
    "words": b"upstream connect error\n",
    "nothing": b"",
    "numbers": {"error": {"code": 1.0, "n": 12345678901234567890123, "e": 1e-7, "t": True}},
}


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
def test_a_failure_is_as_it_was(error: JSON | bytes) -> None:
    result = replayed(answered(chat(), error, status=503))

    sent = b"".join(result.pieces)
    assert result.status == 503
    assert sent == error if isinstance(error, bytes) else json.dumps(json.loads(sent)) == json.dumps(error)
    assert error == b"" or dict(result.headers)["content-type"] == "application/json"


@given(st.dictionaries(st.text(max_size=4), JSON_VALUES, max_size=3), st.booleans())
def test_any_failure_in_json_is_as_it_was(error: dict[str, JSON], is_whole: bool) -> None:
    wire: JSON = error if is_whole else {"error": error}
    assert json.dumps(json.loads(content(answered(chat(), wire, status=400)))) == json.dumps(wire)


def test_a_failure_in_words_is_plain_text() -> None:
    plain = answered(chat(), b"No.", status=502, headers=(("content-type", "text/plain; charset=utf-8"),))
    assert dict(replayed(plain).headers)["content-type"] == "text/plain; charset=utf-8"


def edited(recorded: Recorded, edit: Callable[[dict[str, Any]], None]) -> Stored:
    value = json.loads(b"".join(recorded.pieces()))
    edit(value)
    return Stored(PATH, (0, 0, 0), decode(json.dumps(value).encode(), PATH), chat().identity)


def test_an_edited_error_is_what_is_sent() -> None:
    def edit(value: dict[str, Any]) -> None:
        value["response"]["exception_data"]["body"]["message"] = "Edited."

    result = render([edited(record(refused(chat(), 400)), edit)], chat())

    assert json.loads(result.pieces[0])["error"]["message"] == "Edited."


def test_an_exception_without_a_status_is_an_error_of_the_server() -> None:
    def edit(value: dict[str, Any]) -> None:
        value["response"]["exception_data"] = {"type": "TimeoutError"}
        value["response"]["exception_message"] = "Timed out"

    result = render([edited(record(refused(chat(), 400)), edit)], chat())

    assert result.status == 500
    assert json.loads(result.pieces[0]) == {
        "error": {"message": "Timed out", "type": "recorded_exception", "param": None, "code": "TimeoutError"}
    }


# --- edits --------------------------------------------------------------------------------------------------------


def test_an_edited_chunk_is_what_is_sent() -> None:
    def edit(value: dict[str, Any]) -> None:
        value["response"]["body"][0]["__data__"]["choices"][0]["delta"]["content"] = "Edited"

    request = chat(stream=True)
    result = render([edited(record(streamed(request, [chunk("a")])), edit)], request)

    assert json.dumps(json.loads(result.pieces[0][6:])) == text_with_stable(chunk("Edited"), request)


def test_corrections_that_are_none_are_an_error_that_says_where() -> None:
    def edit(value: dict[str, Any]) -> None:
        value["response"]["wire"] = {"corrections": [{"chunks": "0", "at": "choices"}]}

    with pytest.raises(BadRecording) as caught:
        render([edited(record(answered(chat(), completion())), edit)], chat())

    assert str(caught.value) == (
        "recordings/ab12.json: expected a path such as $.choices[*].delta, got 'choices' "
        "@ $.response.wire.corrections[0].at"
    )


def test_a_body_nested_too_deeply_to_be_sent_is_an_error() -> None:
    deep = json.loads("[" * 1200 + "]" * 1200)

    def edit(value: dict[str, Any]) -> None:
        value["response"]["body"] = {"__type__": COMPLETION, "__data__": {"id": "x", "choices": deep}}

    with pytest.raises(
        BadRecording,
        match=r"^recordings/ab12\.json: expected a body that can be written as JSON, .* @ \$\.response\.body$",
    ):
        render([edited(record(answered(chat(), completion())), edit)], chat())


# --- anything the API says ----------------------------------------------------------------------------------------

CALLS: dict[str, tuple[str, str, JSON]] = {
    "chat": (
        "POST",
        "/v1/chat/completions",
        chat_body("Hi"),
    ),
    "chat, logprobs": (
        "POST",
        "/v1/chat/completions",
        chat_body("Hi", logprobs=True),
    ),
    "stream": (
        "POST",
        "/v1/chat/completions",
        streamed_chat_body("Say 20 words"),
    ),
    "stream with usage": (
        "POST",
        "/v1/chat/completions",
        streamed_chat_body("Hi", stream_options={"include_usage": True}),
    ),
    "legacy": ("POST", "/v1/completions", {"model": "gpt-3.5-turbo-instruct", "prompt": "Hi"}),
    "legacy stream": (
        "POST",
        "/v1/completions",
        {"model": "gpt-3.5-turbo-instruct", "prompt": "Hi", "stream": True},
    ),
    "embeddings": ("POST", "/v1/embeddings", embeddings_body(["a", "b"])),
    "embeddings, base64": (
        "POST",
        "/v1/embeddings",
        embeddings_body("a", encoding_format="base64"),
    ),
    "models": ("GET", "/v1/models", None),
    "model": ("GET", "/v1/models/gpt-4o", None),
    "no model": ("POST", "/v1/chat/completions", {"model": "does-not-exist", "messages": []}),
    "responses": ("POST", "/v1/responses", response_body("Hi")),
    "responses stream": ("POST", "/v1/responses", response_body("Hi", stream=True)),
    "moderations": ("POST", "/v1/moderations", {"input": "Hi"}),
    "images": ("POST", "/v1/images/generations", {"model": "gpt-image-1", "prompt": "A cat"}),
    "files": ("GET", "/v1/files", None),
    "assistant": ("POST", "/v1/assistants", {"model": "gpt-4o"}),
    "thread": ("POST", "/v1/threads", {}),
    "unknown": ("GET", "/v1/unheard/of", None),
}

SCENARIOS = (
    "comments-between",
    "comments-inside",
    "crlf",
    "cr",
    "data-lines",
    "byte-by-byte",
    "byte-order-mark",
    "ends-without-done",
    "error-event",
    "odd-json",
    "last-line-unfinished",
    "bad-request",
    "rate-limited",
    "gateway-error",
)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_whatever_the_api_says_is_as_it_was(call: tuple[str, str, JSON]) -> None:
    _compare(Api().exchange(*call))


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("stream", [False, True])
def test_whatever_happens_on_the_way_the_json_is_as_it_was(scenario: str, stream: bool) -> None:
    messages: JSON = [{"role": "user", "content": f"Hi [scenario: {scenario}]"}]
    _compare(
        Api().exchange("POST", "/v1/chat/completions", {"model": "x", "stream": stream, "messages": messages})
    )


def test_a_stream_that_the_api_cuts_is_as_it_was() -> None:
    messages: JSON = [{"role": "user", "content": "Hi [scenario: cut-after-3-chunks]"}]
    _compare(
        Api().exchange("POST", "/v1/chat/completions", {"model": "x", "stream": True, "messages": messages})
    )


def _compare(exchange: Exchange) -> None:
    """Compare the replayed answer with the one on the wire: status, and each JSON text to the order of members."""
    pieces = list(exchange.body)
    recorded = record(replace(exchange, body=pieces))
    result = render([stored(b"".join(recorded.pieces()))], exchange.api_request)

    assert result.status == exchange.status
    assert result.is_broken is (exchange.end is not End.COMPLETE)
    assert _media_type(result.headers) == _media_type(exchange.headers)
    assert _texts(result.pieces, exchange) == _texts(pieces, exchange)


def _media_type(headers: tuple[tuple[str, str], ...]) -> str:
    """Return the content type less its charset, which is UTF-8 whether it is said or not."""
    return {name.lower(): value for name, value in headers}["content-type"].partition(";")[0].lower()


def _texts(pieces: Any, exchange: Exchange) -> list[str]:
    """Return the JSON texts of a body, written alike, ids and times of completions put aside."""
    body = b"".join(pieces).decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    if not dict(exchange.headers)["content-type"].startswith("text/event-stream"):
        return [_without_id(body, exchange)]
    blocks = [block for block in body.split("\n\n") if "data:" in block]
    datas = [
        "\n".join(line[5:].removeprefix(" ") for line in b.split("\n") if line.startswith("data:"))
        for b in blocks
    ]
    return [_without_id(data, exchange) for data in datas]


def _without_id(text: str, exchange: Exchange) -> str:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    if (
        isinstance(value, dict)
        and exchange.api_request.endpoint().endswith("/completions")
        and "error" not in value
    ):
        value |= {name: None for name in ("id", "created") if name in value}
    return json.dumps(value)


@pytest.mark.parametrize(
    ("path", "class_name"),
    [("/v1/chat/completions", COMPLETION), ("/v1/completions", LEGACY), ("/v1/responses", RESPONSE)],
)
@given(data=st.data())
def test_any_object_of_a_class_is_as_it_was(path: str, class_name: str, data: st.DataObject) -> None:
    wire = data.draw(any_objects(class_name))
    request = replace(chat(), url=f"{API}{path}")
    result = json.loads(content(answered(request, wire)))

    if path != "/v1/responses":
        for value in (result, wire):
            value.update({name: None for name in ("id", "created") if name in value})
    assert json.dumps(result) == json.dumps(wire)


@given(data=st.data())
def test_any_chunk_is_as_it_was(data: st.DataObject) -> None:
    wires = data.draw(st.lists(any_objects(CHUNK), max_size=3))
    request = chat(stream=True)
    results = [json.loads(piece[6:]) for piece in replayed(streamed(request, wires)).pieces[:-1]]

    for value in (*results, *wires):
        value.update({name: None for name in ("id", "created") if name in value})
    assert json.dumps(results) == json.dumps(wires)


# --- headers of recordings made elsewhere -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        (
            "x-note",
            "a\r\nset-cookie: b",
            'expected the value of a header in one line @ $.response.headers["x-note"]',
        ),
        ("x-note", "a\0", 'expected the value of a header in one line @ $.response.headers["x-note"]'),
        ("x note", "a", 'expected the name of a header @ $.response.headers["x note"]'),
        ("größe", "1", 'expected the name of a header @ $.response.headers["gr\\u00f6\\u00dfe"]'),
        ("", "1", 'expected the name of a header @ $.response.headers[""]'),
    ],
)
def test_a_header_that_cannot_be_sent_is_an_error_that_says_where(
    name: str, value: str, problem: str
) -> None:
    def edit(recording: dict[str, Any]) -> None:
        recording["response"]["headers"] = {name: value}

    one = edited(record(answered(chat(), completion())), edit)
    with pytest.raises(BadRecording) as caught:
        render([one], chat())

    assert str(caught.value) == f"{PATH}: {problem}"


# --- anything that an upstream may send ---------------------------------------------------------------------------

PIECES = st.sampled_from(
    [
        *(b"{", b"}", b"[", b"]", b'"a":', b"1e999", b"NaN", b'"\\ud800"', b"\xff", b"[" * 300),
        *(b"data: ", b"\n\n", b"event: e\n", b": c\n", b"data: [DONE]\n\n", b'data: {"choices":[]}\n\n'),
        *(b'{"__type__":"x","__data__":1}', b'{"__file__":"x"}'),
    ]
)
BODIES = st.lists(PIECES, max_size=6).map(b"".join) | st.binary(max_size=30)
TYPES = st.sampled_from(
    ["application/json", "text/event-stream", "text/plain", "", "a/b; charset=\xff", "x" * 300]
)
ENDS = st.sampled_from(End)


@given(st.integers(100, 999), TYPES, BODIES, ENDS, st.booleans())
def test_no_recording_is_written_that_cannot_be_read_and_sent(
    status: int, content_type: str, body: bytes, end: End, is_stream: bool
) -> None:
    request = chat(stream=is_stream)
    with suppress(NotRecordable):
        recorded = record(Exchange(request, status, (("content-type", content_type),), [body], end))
        file_names = {"body": "body.bin"} if recorded.companions else {}
        one = stored(b"".join(recorded.pieces(file_names)))
        if not recorded.companions:
            assert render([one], request).status == status
