"""`recording`: one codec, which reads all that it writes, and names the place that it cannot read."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.errors import BadRecording, NotRecordable, NotReplayable
from openai_replay.format.recording import (
    JSON,
    BodyFile,
    Chunks,
    Content,
    FailedCall,
    Failure,
    Models,
    Nothing,
    RawLines,
    Recording,
    Request,
    Response,
    Whole,
    decode,
    dump_json,
    encode,
    envelope,
    load_json,
    opened,
)
from unit.exchanges import JSON_VALUES, OBJECTS, SURROGATES, TEXTS
from unit.wire_objects import SHARED

PATH = Path("recordings/ab12.json")

NAMES = st.text("abcdefgh-", min_size=1, max_size=5)
RECORDINGS = st.builds(
    Recording,
    test_id=st.none() | TEXTS | SURROGATES,
    request=st.builds(
        Request,
        method=st.sampled_from(["GET", "POST", "DELETE"]),
        url=st.builds("https://api.openai.com/v1/{}?{}".format, NAMES, NAMES),
        body=JSON_VALUES,
        endpoint=st.builds("/v1/{}".format, NAMES),
        model=TEXTS,
    ),
    response=st.builds(
        Response,
        body=st.lists(JSON_VALUES, max_size=3),
        is_streaming=st.booleans(),
        status=st.integers(200, 599),
        failure=st.none() | st.builds(Failure, OBJECTS, TEXTS),
        headers=st.dictionaries(NAMES, TEXTS, max_size=2),
        wire=OBJECTS,
    )
    | st.builds(Response, body=JSON_VALUES, status=st.integers(200, 599)),
    id_normalization_mapping=st.dictionaries(TEXTS, TEXTS, max_size=2),
)

# --- both ways ----------------------------------------------------------------------------------------------------


@given(RECORDINGS)
def test_what_is_encoded_is_decoded(recording: Recording) -> None:
    assert decode(encode(recording), PATH) == recording


@given(RECORDINGS)
def test_encoding_again_what_was_decoded_changes_no_byte(recording: Recording) -> None:
    assert encode(decode(encode(recording), PATH)) == encode(recording)


@given(JSON_VALUES)
def test_any_json_is_dumped_and_loaded_without_loss(value: JSON) -> None:
    # As text: 1 is not 1.0 here, and the order of members counts.
    assert json.dumps(load_json(dump_json([value]), PATH)) == json.dumps([value])


def test_a_file_is_readable_utf8_with_all_members_in_the_order_of_the_format() -> None:
    request = Request("POST", "https://api.openai.com/v1/x", {"input": "Zürich 🗼"}, "/v1/x", "gpt-4o")

    assert encode(Recording(None, request, Response({"a": None}))).decode() == (
        '{\n  "test_id": null,\n  "request": {\n    "method": "POST",\n'
        '    "url": "https://api.openai.com/v1/x",\n    "headers": {},\n'
        '    "body": {\n      "input": "Zürich 🗼"\n    },\n'
        '    "endpoint": "/v1/x",\n    "model": "gpt-4o"\n  },\n'
        '  "response": {\n    "body": {\n      "a": null\n    },\n    "is_streaming": false\n  },\n'
        '  "id_normalization_mapping": {}\n}\n'
    )


def test_what_is_not_said_by_default_has_its_place() -> None:
    request = Request("POST", "https://api.openai.com/v1/x", {}, "/v1/x", "")
    response = Response(None, True, 201, Failure({"a": 1}, "no"), {"retry-after": "1"}, {"end": []})

    written = json.loads(encode(Recording("t", request, response, {"rec-1": "1"})))

    assert list(written) == ["test_id", "request", "response", "id_normalization_mapping"]
    assert list(written["response"]) == [
        "body",
        "is_streaming",
        "status",
        "is_exception",
        "exception_data",
        "exception_message",
        "headers",
        "wire",
    ]


@pytest.mark.parametrize("kind", ["seeds", "corpus"])
def test_shared_recordings_are_read_or_are_no_http_exchange(kind: str) -> None:
    paths = sorted(SHARED.glob(f"{kind}/*.json"))
    if not paths:
        pytest.skip(f"no recordings in {SHARED}: name their folder in OPENAI_REPLAY_SHARED")
    not_replayable = []
    for path in paths:
        raw = path.read_bytes()
        try:
            recording = decode(raw, path)
        except NotReplayable:
            not_replayable.append(path.name)
        else:
            assert recording.request.body == json.loads(raw)["request"].get("body", recording.request.body)
            assert decode(encode(recording), path) == recording
    assert len(not_replayable) < len(paths) / 5


def test_seeds_are_written_as_they_were_read() -> None:
    paths = sorted(SHARED.glob("seeds/*.json"))
    if not paths:
        pytest.skip(f"no recordings in {SHARED}: name their folder in OPENAI_REPLAY_SHARED")
    for path in paths:
        seed = json.loads(path.read_bytes())
        full = {"test_id": None, **seed, "id_normalization_mapping": seed.get("id_normalization_mapping", {})}
        assert list(json.loads(encode(decode(path.read_bytes(), path))).items()) == list(full.items())


# --- reading foreign files ----------------------------------------------------------------------------------------


def minimal(**members: JSON) -> dict[str, JSON]:
    return {"request": {"method": "post", "url": "https://h/v1/x?a=b"}, "response": {"body": {}}, **members}


def read(value: JSON) -> Recording:
    return decode(json.dumps(value).encode(), PATH)


def test_old_files_lack_most_members_and_have_unknown_ones() -> None:
    recording = read(minimal(tests=["x"]))

    assert recording == Recording(None, Request("POST", "https://h/v1/x?a=b", {}, "/v1/x", ""), Response({}))


def test_raw_http_recorders_call_the_body_payload() -> None:
    value = minimal(request={"method": "POST", "url": "https://h/v1/x", "payload": {"a": 1}})
    assert read(value).request.body == {"a": 1}


def test_a_failure_without_a_message_of_its_own_has_that_of_its_data() -> None:
    response: JSON = {"body": None, "is_exception": True, "exception_data": {"message": "no"}}
    assert read(minimal(response=response)).response.failure == Failure({"message": "no"}, "no")


def test_a_byte_order_mark_and_repeated_white_space_are_read() -> None:
    raw = b"\xef\xbb\xbf \n" + json.dumps(minimal()).encode()
    assert decode(raw, PATH).response.body == {}


def test_integers_beyond_64_bits_keep_every_digit() -> None:
    value = minimal(response={"body": {"n": 123456789012345678901234567890, "m": -(2**63) - 1}})
    assert read(value).response.body == {"n": 123456789012345678901234567890, "m": -(2**63) - 1}


BAD = {
    "empty": (b"", "expected JSON, the file is empty @ line 1 column 1"),
    "blank": (b" \n", "expected JSON, the file is empty @ line 2 column 1"),
    "cut": (b'{"request": {"meth', "expected JSON, Unterminated string starting at @ line 1 column 14"),
    "a merge conflict": (
        b"{\n<<<<<<< HEAD\n=======\n>>>>>>> other\n}\n",
        "expected JSON, the file has conflicts of a git merge @ line 2 column 1",
    ),
    "two texts": (b"{}\n{}", "expected JSON, Extra data @ line 2 column 1"),
    "latin-1": (b'{"a": "\xe9"}', "expected UTF-8, invalid continuation byte @ byte 7"),
    "too many digits": (
        b'{"n": ' + b"9" * 5000 + b"}",
        "expected JSON, an integer in it has thousands of digits @ $",
    ),
    "too deep": (b"[" * 200_000, "expected JSON, it is nested too deeply @ $"),
    "a list": (b"[]", "expected an object, got a list @ $"),
    "a text": (b'"x"', "expected an object, got a text @ $"),
    "null": (b"null", "expected an object, got nothing @ $"),
    "a number": (b"1.5", "expected an object, got a number @ $"),
    "true": (b"true", "expected an object, got a truth value @ $"),
    "no request": (b"{}", "expected an object, got nothing @ $.request"),
}


@pytest.mark.parametrize(("raw", "problem"), BAD.values(), ids=BAD)
def test_what_is_no_recording_is_named_with_its_place(raw: bytes, problem: str) -> None:
    with pytest.raises(BadRecording) as caught:
        decode(raw, PATH)

    assert str(caught.value) == f"recordings/ab12.json: {problem}"
    assert not isinstance(caught.value, NotReplayable)


WRONG: dict[str, tuple[dict[str, JSON], str]] = {
    "no method": (
        {"request": {"url": "https://h/x"}},
        "expected a text, got nothing @ $.request.method",
    ),
    "no response": ({"response": None}, "expected an object, got nothing @ $.response"),
    "no body": ({"response": {}}, "expected a body, got none @ $.response"),
    "a stream of no chunks": (
        {"response": {"body": {}, "is_streaming": True}},
        "expected a list of chunks in a stream @ $.response.body",
    ),
    "a stream maybe": (
        {"response": {"body": [], "is_streaming": "yes"}},
        "expected true or false, got 'yes' @ $.response.is_streaming",
    ),
    "a status of its own": (
        {"response": {"body": {}, "status": 99}},
        "expected an HTTP status from 200 to 999, got 99 @ $.response.status",
    ),
    "a status that is true": (
        {"response": {"body": {}, "status": True}},
        "expected an HTTP status from 200 to 999, got True @ $.response.status",
    ),
    "a test id that is a number": ({"test_id": 1}, "expected a text, got a number @ $.test_id"),
    "headers in a list": (
        {"response": {"body": {}, "headers": [1]}},
        "expected an object, got a list @ $.response.headers",
    ),
    "a header that is a number": (
        {"response": {"body": {}, "headers": {"retry-after": 1}}},
        "expected a text, got a number @ $.response.headers.retry-after",
    ),
    "an id that is none": (
        {"id_normalization_mapping": {"rec-1": None}},
        "expected a text, got nothing @ $.id_normalization_mapping.rec-1",
    ),
    "a failure in a text": (
        {"response": {"body": None, "is_exception": True, "exception_data": "no"}},
        "expected an object, got a text @ $.response.exception_data",
    ),
}


@pytest.mark.parametrize(("members", "problem"), WRONG.values(), ids=WRONG)
def test_a_member_of_another_kind_is_named_with_its_place(members: dict[str, JSON], problem: str) -> None:
    with pytest.raises(BadRecording) as caught:
        read(minimal(**members))

    assert str(caught.value) == f"recordings/ab12.json: {problem}"


@pytest.mark.parametrize(
    "url",
    [
        None,
        7,
        "",
        "/v1/x",
        "ftp://h/x",
        "https:///x",
        "https://h:99999/x",
        "https://h:port/x",
        "https://[::1/x",
        "https://h\u2100x/",
    ],
)
def test_a_file_without_the_url_of_a_request_is_no_http_exchange(url: JSON) -> None:
    with pytest.raises(NotReplayable, match=r"^recordings/ab12\.json: expected .* url.* @ \$\.request\.url$"):
        read(minimal(request={"method": "POST", "url": url}))


@given(st.binary(max_size=60))
def test_any_bytes_are_a_recording_or_a_bad_one(raw: bytes) -> None:
    _decode_or_refuse(raw)


@given(JSON_VALUES)
def test_any_json_is_a_recording_or_a_bad_one(value: JSON) -> None:
    _decode_or_refuse(json.dumps(value).encode())


@given(st.data(), RECORDINGS, JSON_VALUES)
def test_a_recording_with_anything_in_place_of_a_member_is_one_or_a_bad_one(
    data: st.DataObject, recording: Recording, anything: JSON
) -> None:
    value = json.loads(encode(recording))
    holder = data.draw(st.sampled_from([value, value["request"], value["response"]]))
    holder[data.draw(st.sampled_from(sorted(holder)))] = anything
    _decode_or_refuse(json.dumps(value).encode())


def _decode_or_refuse(raw: bytes) -> None:
    with suppress(BadRecording):
        assert isinstance(decode(raw, PATH), Recording)


def test_what_is_nested_too_deeply_to_be_written_is_not_recordable() -> None:
    body: JSON = []
    for _ in range(100_000):
        body = [body]
    try:
        with pytest.raises(NotRecordable, match=r"^expected JSON, it is nested too deeply$"):
            encode(Recording(None, Request("POST", "https://h/x", {}, "/x", ""), Response(body)))
    finally:
        while isinstance(body, list) and body:  # taken apart, for Python frees it by recursion
            body = body.pop()


# --- envelopes ----------------------------------------------------------------------------------------------------


def test_an_envelope_is_opened() -> None:
    assert opened(envelope("openai.types.model.Model", {"id": "x"})) == (
        "openai.types.model.Model",
        {"id": "x"},
    )


@pytest.mark.parametrize(
    "chunk",
    [
        None,
        [],
        {},
        {"__type__": "x"},
        {"__type__": 1, "__data__": 2},
        {"__type__": "x", "__data__": 1, "a": 2},
    ],
)
def test_anything_else_stays_as_it_is(chunk: JSON) -> None:
    assert opened(chunk) == (None, chunk)


# --- the shape of a response --------------------------------------------------------------------------------------

MODEL = envelope("openai.types.model.Model", {"id": "a"})
NO_FAILURE = Failure({}, "")
REFUSED = Failure({"status_code": 429, "body": {"message": "Slow down."}}, "Slow down.")


@pytest.mark.parametrize(
    ("response", "content"),
    [
        (Response(None), Nothing()),
        (Response(None, wire={"corrections": []}), Whole(None)),
        (Response({}), Whole({})),
        (Response([1]), Whole([1])),
        (Response([MODEL]), Models([MODEL])),
        (Response([]), Models([])),
        (Response([], wire={"corrections": []}), Whole([])),
        (Response({"__file__": "a.mp3"}), BodyFile("a.mp3")),
        (Response({"__file__": "a.mp3", "b": 1}), Whole({"__file__": "a.mp3", "b": 1})),
        (Response([], is_streaming=True), Chunks([])),
        (Response([MODEL], is_streaming=True), Chunks([MODEL])),
        (Response([MODEL], is_streaming=True, failure=NO_FAILURE), Chunks([MODEL])),
        (Response(["data: 1", ""], is_streaming=True), RawLines(["data: 1", ""])),
        (Response(["data: 1", {}], is_streaming=True), Chunks(["data: 1", {}])),
        (Response(None, failure=REFUSED), FailedCall(429, {"message": "Slow down."}, REFUSED)),
        (Response(None, failure=NO_FAILURE), FailedCall(500, None, NO_FAILURE)),
    ],
)
def test_a_response_has_one_shape(response: Response, content: Content) -> None:
    assert response.content() == content


@pytest.mark.parametrize(
    ("response", "status"),
    [
        (Response(None, status=204), 204),
        (Response(None, failure=REFUSED), 429),
        (Response(None, status=404, failure=NO_FAILURE), 404),
        (Response(None, failure=NO_FAILURE), 500),
        (Response(None, failure=Failure({"status_code": "429"}, "")), 500),
        (Response(None, failure=Failure({"status_code": 42}, "")), 500),
        (Response([], is_streaming=True, failure=REFUSED), 200),
    ],
)
def test_a_response_has_one_status(response: Response, status: int) -> None:
    assert response.sent_status() == status


def test_a_stream_that_failed_broke_off() -> None:
    assert Response([], is_streaming=True, failure=NO_FAILURE).is_broken()
    assert not Response([], is_streaming=True).is_broken()
    assert not Response(None, failure=NO_FAILURE).is_broken()
