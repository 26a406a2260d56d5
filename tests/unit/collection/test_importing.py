"""`importing`: exchanges of other tools become recordings through the recorder, or are named."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from openai_replay.collection.importing import Importer
from openai_replay.record.raw_exchange import NotTaken, RawExchange
from openai_replay.record.recorder import Recorder
from openai_replay.request.redaction import redactor
from openai_replay.request.rules import Rules
from openai_replay.store.index import Index
from openai_replay.store.store import Store
from openai_replay.wire.socket_notes import Close, SocketNotes
from support.proxy import recordings

URL = "https://api.openai.com/v1/things"
KEY = "sk-proj-4f9aB7c2D8e1F6g3H5j0K9m2N4p7Q1r8"
JSON_TYPE = (("content-type", "application/json"),)
ONE = RawExchange(
    "a.yaml, interaction 1", "POST", URL, JSON_TYPE, b'{"a": 1}', 200, JSON_TYPE, b'{"said": 1}'
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
