"""`importing`: exchanges of other tools become recordings through the recorder, or are named."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.collection.check import Limits, check
from openai_replay.collection.import_files import Files
from openai_replay.collection.importing import Importer
from openai_replay.record.raw_exchange import NO_REQUEST_BODY, NotTaken, RawExchange
from openai_replay.record.recorder import Recorder
from openai_replay.request.identity import describe
from openai_replay.request.redaction import redactor
from openai_replay.request.rules import Rules
from openai_replay.store.index import Index
from openai_replay.store.store import Store
from openai_replay.wire.socket_notes import Close, SocketNotes
from support import cassette_makers
from support.cassette_makers import Made, Maker
from support.proxy import recordings
from unit.exchanges import NO_RULES, Api, Replay

URL = "https://api.openai.com/v1/things"
KEY = "sk-proj-4f9aB7c2D8e1F6g3H5j0K9m2N4p7Q1r8"
API = "https://api.openai.com"
JSON_TYPE = (("content-type", "application/json"),)
FORM = (("content-type", "multipart/form-data; boundary=edge"),)
SOUND = (("content-type", "audio/wav"),)
ONE = RawExchange(
    "a.yaml, interaction 1", "POST", URL, JSON_TYPE, b'{"a": 1}', 200, JSON_TYPE, b'{"said": 1}'
)


def form_of(content: bytes) -> bytes:
    return (
        b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        + content
        + b"\r\n--edge--\r\n"
    )


@pytest.fixture
def importer(tmp_path: Path) -> Iterator[Importer]:
    rules = Rules((), redactor(()))
    with closing(Index(tmp_path, rules, None)) as index:
        recorder = Recorder(Store(tmp_path, rules, index))
        yield Importer(recorder, rules, lambda host, port: (host, port) == ("api.openai.com", 443))


def test_repeats_are_a_series_and_equal_ones_at_its_end_are_one_file(
    importer: Importer, tmp_path: Path
) -> None:
    for said in (b'{"said": 1}', b'{"said": 2}', b'{"said": 2}'):
        importer.take(replace(ONE, response_body=said), "a test")
    assert importer.finish().exchanges == 3
    files = recordings(tmp_path)
    assert {name[64:]: file["response"]["body"] for name, file in files.items()} == {
        ".json": {"said": 1},
        "-2.json": {"said": 2},
    }
    assert {file["test_id"] for file in files.values()} == {"a test"}


@pytest.mark.parametrize(
    ("url", "stored"),
    [
        ("https://api.openai.com:443/v1/things#part", URL),
        ("https://user:secret@api.openai.com/v1/things", URL),
        ("https://API.OpenAI.com/v1/things?b=1&a=2", f"{URL}?b=1&a=2"),
    ],
)
def test_a_url_is_stored_as_a_client_requests_it(
    importer: Importer, tmp_path: Path, url: str, stored: str
) -> None:
    importer.take(replace(ONE, url=url), None)
    assert [file["request"]["url"] for file in recordings(tmp_path).values()] == [stored]


@pytest.mark.parametrize(
    "url", ["/v1/things", "https:///v1", "ftp://api.openai.com/", "https://<host>/v1", "https://a:b/"]
)
def test_a_url_that_nobody_can_request_is_named(importer: Importer, url: str) -> None:
    importer.take(replace(ONE, url=url), None)
    [problem] = importer.finish().problems
    assert str(problem).startswith("a.yaml, interaction 1: expected a URL ")


def test_another_host_is_left_out_and_counted(importer: Importer, tmp_path: Path) -> None:
    importer.take(replace(ONE, url="https://example.org/"), None)
    importer.take(replace(ONE, url="https://api.openai.com:8443/"), None)
    assert importer.finish().other_hosts == {
        "example.org": [ONE.place],
        "api.openai.com:8443": [ONE.place],
    }
    assert recordings(tmp_path) == {}


def test_telemetry_is_left_out_as_in_recording(importer: Importer, tmp_path: Path) -> None:
    importer.take(replace(ONE, url="https://api.openai.com/v1/traces/ingest?a=1"), None)
    imported = importer.finish()
    assert (imported.exchanges, recordings(tmp_path)) == (0, {})
    assert [str(note) for note in imported.notes] == [
        f"{ONE.place}: telemetry is not recorded, replay answers it with 204"
    ]


@pytest.mark.parametrize("is_compressed", [True, False])
def test_a_body_may_be_decoded_already_while_its_header_stays(
    importer: Importer, tmp_path: Path, *, is_compressed: bool
) -> None:
    headers = (*JSON_TYPE, ("Content-Encoding", "gzip"))
    body = gzip.compress(b'{"said": 1}') if is_compressed else b'{"said": 1}'
    importer.take(replace(ONE, response_headers=headers, response_body=body, request_headers=headers), None)
    assert [file["response"]["body"] for file in recordings(tmp_path).values()] == [{"said": 1}]


@pytest.mark.parametrize(
    ("body", "is_streaming", "headers"),
    [
        (b'data: {"a": 1}\n\ndata: [DONE]\n\n', True, {}),
        (b'event: x\ndata: {"a": 1}\n\n', True, {}),
        (b' {"a": 1}', False, {}),
        (b"plain", False, {"content-type": "text/plain; charset=utf-8"}),
    ],
)
def test_a_content_type_that_was_taken_out_is_worked_out(
    importer: Importer, tmp_path: Path, body: bytes, headers: dict[str, str], *, is_streaming: bool
) -> None:
    importer.take(
        replace(ONE, response_headers=(("content-type", "**REDACTED**"),), response_body=body), None
    )
    [file] = recordings(tmp_path).values()
    assert file["response"]["is_streaming"] is is_streaming
    kept = {
        name: value for name, value in file["response"].get("headers", {}).items() if name == "content-type"
    }
    assert kept == headers


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "application/json; charset=utf-8"},
        {"content-type": ""},
        {"content-type": "**REDACTED**", "content-encoding": "**REDACTED**"},
    ],
)
def test_a_compressed_text_is_decoded_without_its_header(
    importer: Importer, tmp_path: Path, headers: dict[str, str]
) -> None:
    raw = replace(ONE, response_headers=(*headers.items(),), response_body=gzip.compress(b'{"a": 1}'))
    importer.take(raw, None)
    assert [file["response"]["body"] for file in recordings(tmp_path).values()] == [{"a": 1}]


def test_a_compressed_file_stays_compressed(importer: Importer, tmp_path: Path) -> None:
    content = gzip.compress(b'{"a": 1}')
    headers = (("content-type", "application/octet-stream"),)
    importer.take(replace(ONE, response_headers=headers, response_body=content), None)
    assert [path.read_bytes() for path in tmp_path.glob("*.bin")] == [content]


def test_ids_are_kept_where_that_is_wanted(tmp_path: Path) -> None:
    rules = Rules((), redactor(()))
    body = b'{"id": "chatcmpl-1", "object": "chat.completion", "created": 5, "choices": []}'
    with closing(Index(tmp_path, rules, None)) as index:
        recorder = Recorder(Store(tmp_path, rules, index))
        importer = Importer(recorder, rules, lambda host, port: True, keeps_ids=True)
        importer.take(replace(ONE, url=f"{URL}/chat/completions", response_body=body), None)
        assert importer.finish().problems == []
    [file] = recordings(tmp_path).values()
    data = file["response"]["body"]["__data__"]
    assert (data["id"], data["created"]) == ("chatcmpl-1", 5)


def test_a_form_without_headers_is_a_form(importer: Importer, tmp_path: Path) -> None:
    form = b'--edge\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nvision\r\n--edge--\r\n'
    importer.take(replace(ONE, request_headers=(), request_body=form), None)
    [file] = recordings(tmp_path).values()
    assert file["request"]["body"] == {"__multipart__": [{"name": "purpose", "value": "vision"}]}


def test_a_placeholder_in_place_of_a_form_is_pointed_out(importer: Importer, tmp_path: Path) -> None:
    headers = (("content-type", "multipart/form-data; boundary=edge"),)
    importer.take(replace(ONE, request_headers=headers, request_body=b"[multipart form data omitted]"), None)
    imported = importer.finish()
    assert (imported.exchanges, len(recordings(tmp_path))) == (1, 1)
    assert "says '[multipart form data omitted]'" in str(imported.notes[0])


@pytest.mark.parametrize(
    ("raw", "note"),
    [
        (replace(ONE, request_headers=(("Content-Length", "12"),), request_body=b""), NO_REQUEST_BODY),
        (
            replace(ONE, request_headers=FORM, request_body=form_of("a\ufffdb".encode())),
            "its form has U+FFFD in place of bytes that the tool did not keep: no program's request will match",
        ),
        (
            replace(ONE, response_headers=SOUND, response_body="RIFF\ufffd".encode()),
            "its answer has U+FFFD in place of bytes that the tool did not keep: it is damaged",
        ),
        (
            replace(ONE, response_body="\ufffd\ufffd\x01\x02".encode()),
            "its answer has U+FFFD in place of bytes that the tool did not keep: it is damaged",
        ),
    ],
)
def test_bytes_that_a_tool_lost_are_pointed_out(importer: Importer, raw: RawExchange, note: str) -> None:
    importer.take(raw, None)
    imported = importer.finish()
    assert (imported.exchanges, [str(one) for one in imported.notes]) == (1, [f"{ONE.place}: {note}"])


@pytest.mark.parametrize(
    "raw",
    [
        replace(ONE, request_headers=(("Content-Length", "0"),), request_body=b""),
        replace(ONE, response_body='"a\ufffdb"\n\t'.encode()),
        replace(ONE, response_headers=SOUND, response_body=b"\xff\xef\xbf\xbd"),
    ],
)
def test_bodies_that_are_whole_need_no_note(importer: Importer, raw: RawExchange) -> None:
    importer.take(raw, None)
    assert importer.finish().notes == []


def test_a_url_that_was_taken_out_is_worked_out_from_the_answer(importer: Importer, tmp_path: Path) -> None:
    body = b'{"id": "resp_1", "object": "response", "output": []}'
    importer.take(replace(ONE, url="**REDACTED**", response_body=gzip.compress(body)), None)
    importer.take(replace(ONE, url="**REDACTED**"), None)
    imported = importer.finish()
    assert [file["request"]["url"] for file in recordings(tmp_path).values()] == [f"{API}/v1/responses"]
    assert "replaced by '**REDACTED**': taken for https://api.openai.com/v1/responses" in str(
        imported.notes[0]
    )
    assert "expected a URL with http or https and a host, got '**REDACTED**'" in str(imported.problems[0])


def test_a_compressed_form_is_in_the_file(importer: Importer) -> None:
    headers = (("Content-Type", "multipart/form-data; boundary=b"), ("Content-Encoding", "gzip"))
    form = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--\r\n'
    importer.take(replace(ONE, request_headers=headers, request_body=gzip.compress(form)), None)
    assert importer.finish().notes == []


def test_the_test_id_of_a_request_goes_before_that_of_its_file(importer: Importer, tmp_path: Path) -> None:
    importer.take(replace(ONE, request_headers=(*JSON_TYPE, ("X-Test-Id", "own%20one"))), "of the file")
    assert [file["test_id"] for file in recordings(tmp_path).values()] == ["own one"]


def test_problems_of_a_reader_are_passed_on(importer: Importer) -> None:
    importer.take(NotTaken("a.yaml", "broken"), None)
    assert importer.finish().problems == [NotTaken("a.yaml", "broken")]


def test_a_session_over_a_websocket_is_one_recording(importer: Importer, tmp_path: Path) -> None:
    said = (("server", '{"type": "session.created"}'), ("client", '{"type": "response.create"}'))
    headers = (("Sec-WebSocket-Protocol", f"realtime, openai-insecure-api-key.{KEY}"),)
    url = "https://api.openai.com/v1/realtime?model=gpt-realtime"
    socket = SocketNotes(close=Close(1000))
    session = replace(
        ONE,
        method="GET",
        url=url,
        request_headers=headers,
        request_body=b"",
        status=101,
        session=said,
        socket=socket,
    )
    importer.take(session, "a test")
    assert importer.finish().problems == []
    [file] = recordings(tmp_path).values()
    assert file["request"]["body"] == {"__websocket__": {"subprotocols": ["realtime"]}}
    assert [message["from"] for message in file["response"]["body"]] == ["server", "client"]
    assert KEY not in json.dumps(file)


# --- cassettes of all formats, imported and asked again ---

CHAT: dict[str, object] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "naïve \u2028 日本"}]}
CALLS: list[tuple[str, dict[str, object]]] = [
    ("/v1/chat/completions", CHAT),
    ("/v1/chat/completions", {**CHAT, "stream": True}),
    ("/v1/chat/completions", {**CHAT, "model": "no-such-model"}),
    ("/v1/responses", {"model": "gpt-4o", "input": "Hi", "stream": True}),
    ("/v1/embeddings", {"model": "text-embedding-3-small", "input": "Hi"}),
    ("/v1/audio/speech", {"model": "tts-1", "input": "Hi", "voice": "alloy"}),
]


def of_the_mock(path: str, body: dict[str, object]) -> Made:
    exchange = Api().exchange("POST", path, body)  # type: ignore[arg-type]  # a JSON object
    return Made(
        exchange.status,
        exchange.header("content-type"),
        b"".join(exchange.body),
        json.dumps(body).encode(),
        f"https://api.openai.com{path}",
    )


def no_flows(path: Path) -> Iterator[RawExchange | NotTaken]:
    raise AssertionError(f"{path} was taken for a flow file")


def imported(folder: Path, cassette: bytes) -> None:
    """Import a cassette into a folder, its ids as they are."""
    path = folder.with_name(f"{folder.name}.cassette")
    path.write_bytes(cassette)
    with closing(Index(folder, NO_RULES, None)) as index:
        recorder = Recorder(Store(folder, NO_RULES, index), replaces_any=True)
        importer = Importer(recorder, NO_RULES, lambda host, port: host == "api.openai.com", keeps_ids=True)
        for found in Files(no_flows).exchanges(path, is_named=True):
            importer.take(found, "a test")
        done = importer.finish()
    assert (done.problems, done.notes, done.other_hosts) == ([], [], {})


def assert_answered_as_made(folder: Path, made: Sequence[Made]) -> None:
    replay = Replay(folder)
    for one in made:
        request = describe("POST", one.url, json.loads(one.request_body), "a test", NO_RULES)
        answer = replay.answer(request)
        assert answer is not None, one
        assert (answer.status, b"".join(answer.pieces)) == (one.status, one.body)
    replay.close()


def makers_of(made: Sequence[Made]) -> tuple[Maker, ...]:
    """Return the makers of the formats that can hold some exchanges."""
    of_texts = cassette_makers.TEXTS_ALONE if all(cassette_makers.is_text(one.body) for one in made) else ()
    of_one = cassette_makers.ONE_ALONE if len(made) == 1 else ()
    return (*cassette_makers.ANY_BYTES, *of_texts, *of_one)


@pytest.mark.parametrize(("path", "body"), CALLS)
def test_each_format_gives_each_answer_back_to_the_byte(
    tmp_path: Path, path: str, body: dict[str, object]
) -> None:
    made = [of_the_mock(path, body)]
    for maker in makers_of(made):
        folder = tmp_path / maker.__name__
        folder.mkdir()
        imported(folder, maker(made))
        assert_answered_as_made(folder, made)


def _events(data: Sequence[object]) -> bytes:
    return b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in data) + b"data: [DONE]\n\n"


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9), lambda part: st.lists(part, max_size=3)
)
_OBJECTS = st.dictionaries(st.text(max_size=5), _VALUES)
_BODIES = st.one_of(
    st.tuples(st.just("application/octet-stream"), st.binary(max_size=60)),
    st.tuples(st.just("text/plain; charset=utf-8"), st.text(max_size=60).map(str.encode)),
    st.tuples(
        st.just("application/json"),
        st.dictionaries(st.text(max_size=5), _VALUES).map(json.dumps).map(str.encode),
    ),
    st.tuples(
        st.just("text/event-stream; charset=utf-8"), st.lists(_VALUES, min_size=1, max_size=4).map(_events)
    ),
)


@st.composite
def _cassettes(draw: st.DrawFn) -> tuple[Maker, list[Made]]:
    bodies = draw(st.lists(st.tuples(st.sampled_from([200, 201, 400, 404]), _BODIES), min_size=1, max_size=3))
    made = [
        Made(status, kind, body, b'{"number": %d}' % n) for n, (status, (kind, body)) in enumerate(bodies)
    ]
    return draw(st.sampled_from(makers_of(made))), made


@given(_cassettes())
def test_any_cassette_is_answered_as_it_was_made(
    tmp_path_factory: pytest.TempPathFactory, cassette: tuple[Maker, list[Made]]
) -> None:
    maker, made = cassette
    folder = tmp_path_factory.mktemp("any")
    imported(folder, maker(made))
    assert_answered_as_made(folder, made)


@given(st.lists(st.sampled_from([b"0", b"0.0", b"-0.0", b"0e3", b"1", b"1.0"]), min_size=1, max_size=5))
def test_a_check_passes_an_import_of_one_request_in_several_spellings(
    tmp_path_factory: pytest.TempPathFactory, spellings: list[bytes]
) -> None:
    """Numbers that are equal make one series; the format's own hash, which is the file's name, tells them apart."""
    folder = tmp_path_factory.mktemp("any")
    made = [
        Made(200, "application/json", b'{"said": %d}' % n, b'{"temperature": %b}' % spelling)
        for n, spelling in enumerate(spellings)
    ]
    imported(folder, cassette_makers.vcr_py(made))
    assert_answered_as_made(folder, made)
    assert check(folder, NO_RULES, Limits(), lambda host, port: True) == []


def test_an_import_made_again_changes_nothing(tmp_path: Path) -> None:
    answers = [
        (401, b"{}"),
        (200, b'{"said": 1}'),
        (200, b'{"said": 2}'),
        (404, b"{}"),
        (200, b'{"said": 2}'),
    ]
    made = [Made(status, "application/json", body) for status, body in answers]
    imported(tmp_path, cassette_makers.vcr_py(made))
    first = {path.name: path.read_bytes() for path in tmp_path.glob("*.json")}
    assert len(first) == len(made)
    imported(tmp_path, cassette_makers.vcr_py(made))
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.json")} == first
