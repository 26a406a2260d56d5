"""Bodies that are not JSON: uploads, binary answers, no answer at all, and GETs with queries."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import OpenAI

from support.both import Both, assert_same_on_wire, both, exact_json, listening_client
from support.proxy import Proxy, curl
from support.requests import form_body

API = "https://api.openai.com/v1"
CONTENT = b"the secret content of the file \x00\xff\r\n--not the boundary\r\n" * 40


@pytest.fixture(scope="module")
def proxies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    with both(tmp_path_factory.mktemp("uploads")) as proxies:
        yield proxies


def recorded_with(running: Proxy, test_id: str, method: str, path: str, **request: Any) -> httpx.Response:
    with listening_client(running, test_id) as (client, _):
        return client.request(method, f"{API}{path}", **request)


def form(boundary: str, *parts: tuple[str, bytes]) -> dict[str, Any]:
    """Return a request with a form; a part is the text after `form-data; ` in its header, and its content."""
    return {
        "content": form_body(boundary, *parts),
        "headers": {"content-type": f"multipart/form-data; boundary={boundary}"},
    }


PURPOSE = ('name="purpose"', b"assistants")
FILE = ('name="file"; filename="Zürich.txt"', CONTENT)


def test_an_upload_is_found_whatever_its_boundary_and_the_order_of_its_parts(proxies: Both) -> None:
    made = recorded_with(proxies.recorder, "form", "POST", "/files", **form("one", PURPOSE, FILE)).json()
    proxies.recorder.ask("/report")

    for request in (form("one", PURPOSE, FILE), form("another-1", PURPOSE, FILE), form("2", FILE, PURPOSE)):
        answered = recorded_with(proxies.replayer, "form", "POST", "/files", **request)
        assert answered.json() == made


def compressed(request: dict[str, Any]) -> dict[str, Any]:
    """Return a request with its content compressed; gzip's header has the time, so that no two are alike."""
    headers = {**request["headers"], "content-encoding": "gzip"}
    return {"content": gzip.compress(request["content"]), "headers": headers}


def test_a_compressed_upload_is_the_same_upload(proxies: Both) -> None:
    request = compressed(form("one", PURPOSE, FILE))
    made = recorded_with(proxies.recorder, "compressed", "POST", "/files", **request).json()
    proxies.recorder.ask("/report")

    for request in (form("one", PURPOSE, FILE), compressed(form("2", FILE, PURPOSE))):
        answered = recorded_with(proxies.replayer, "compressed", "POST", "/files", **request)
        assert answered.json() == made


@pytest.mark.parametrize(
    "parts",
    [
        (PURPOSE, ('name="file"; filename="Zürich.txt"', CONTENT + b".")),
        (PURPOSE, ('name="file"; filename="Bern.txt"', CONTENT)),
        (PURPOSE, ('name="document"; filename="Zürich.txt"', CONTENT)),
        (('name="purpose"', b"batch"), FILE),
        (FILE,),
        (PURPOSE, FILE, FILE),
    ],
    ids=["content", "file name", "name", "field", "a part less", "a part more"],
)
def test_another_upload_is_not_found(proxies: Both, parts: tuple[tuple[str, bytes], ...]) -> None:
    recorded_with(proxies.recorder, "other", "POST", "/files", **form("one", PURPOSE, FILE))
    proxies.recorder.ask("/report")
    answered = recorded_with(proxies.replayer, "other", "POST", "/files", **form("one", *parts))

    assert answered.json()["error"]["code"] == "recording_not_found"


def test_the_content_of_an_upload_is_kept_as_size_and_hash(proxies: Both) -> None:
    recorded_with(proxies.recorder, "hash", "POST", "/files", **form("one", PURPOSE, FILE))
    proxies.recorder.ask("/report")
    [recording] = proxies.recordings_of("hash")

    assert recording["request"]["body"] == {
        "__multipart__": [
            {
                "name": "file",
                "filename": "Zürich.txt",
                "size": len(CONTENT),
                "sha256": hashlib.sha256(CONTENT).hexdigest(),
            },
            {"name": "purpose", "value": "assistants"},
        ]
    }
    files = (path for path in proxies.folder.rglob("*") if path.is_file())
    assert not any(b"the secret content" in path.read_bytes() for path in files)


def test_python_and_curl_find_each_others_upload(proxies: Both, tmp_path: Path) -> None:
    file = tmp_path / "tape.jsonl"
    file.write_bytes(CONTENT)

    def act(client: OpenAI) -> Any:
        return client.files.create(file=file, purpose="batch").to_dict()

    made = proxies.seen(proxies.recorder, act, "python-and-curl").result
    proxies.recorder.ask("/report")
    found = curl(
        proxies.replayer,
        f"{API}/files",
        "-F",
        "purpose=batch",
        "-F",
        f"file=@{file}",
        test_id="python-and-curl",
    )

    assert json.loads(found.stdout) == made


def resident_kilobytes(running: Proxy, member: str) -> int:
    """Return a member of the process's memory: VmRSS now, VmHWM at its highest."""
    status = Path(f"/proc/{running.process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(f"{member}:"))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc, which is Linux's")
def test_memory_does_not_grow_with_an_upload_that_is_recorded(proxies: Both, tmp_path: Path) -> None:
    file = tmp_path / "large.bin"
    megabyte = random.Random(1).randbytes(1024 * 1024)
    with open(file, "wb") as large:
        for _ in range(200):
            large.write(megabyte)
    # Modules that are loaded with the first upload are no growth.
    recorded_with(proxies.recorder, "large", "POST", "/files", **form("one", PURPOSE, FILE))
    before = resident_kilobytes(proxies.recorder, "VmRSS")
    done = curl(
        proxies.recorder,
        f"{API}/files",
        "-F",
        "purpose=batch",
        "-F",
        f"file=@{file}",
        "--http1.1",  # over HTTP/2 mitmproxy itself keeps bytes that the API is too slow to take
        test_id="large",
    )
    grown = resident_kilobytes(proxies.recorder, "VmHWM") - before
    proxies.recorder.ask("/report")
    sizes = [
        part["size"]
        for recording in proxies.recordings_of("large")
        for part in recording["request"]["body"]["__multipart__"]
        if "size" in part
    ]

    assert json.loads(done.stdout)["bytes"] == file.stat().st_size
    assert file.stat().st_size in sizes
    assert grown < 200 * 1024 / 8


@pytest.mark.parametrize(
    ("format", "ending", "start"),
    [("mp3", ".mp3", b"\xff"), ("wav", ".wav", b"RIFF"), ("pcm", ".pcm", b""), ("flac", ".flac", b"")],
)
def test_speech_is_a_file_beside_its_recording(proxies: Both, format: str, ending: str, start: bytes) -> None:
    def act(client: OpenAI) -> bytes:
        typed: Any = format
        return client.audio.speech.create(
            model="tts-1", voice="alloy", input="Hello", response_format=typed
        ).content

    test_id = f"speech {format}"
    recorded, replayed = proxies.twice(act, test_id)
    [recording] = proxies.recordings_of(test_id)
    companion = proxies.folder / recording["response"]["body"]["__file__"]

    assert recorded.result == replayed.result == companion.read_bytes()
    assert companion.suffix == ending
    assert recorded.result.startswith(start)
    assert_same_on_wire(recorded.wires, replayed.wires)


def test_an_edited_companion_is_what_is_replayed(proxies: Both) -> None:
    def act(client: OpenAI) -> bytes:
        return client.audio.speech.create(model="tts-1", voice="alloy", input="Edit me").content

    proxies.twice(act, "edited")
    [recording] = proxies.recordings_of("edited")
    (proxies.folder / recording["response"]["body"]["__file__"]).write_bytes(b"another sound")

    assert proxies.seen(proxies.replayer, act, "edited").result == b"another sound"


def test_a_companion_that_is_gone_is_named(proxies: Both) -> None:
    def act(client: OpenAI) -> bytes:
        return client.audio.speech.create(model="tts-1", voice="alloy", input="Lose me").content

    proxies.seen(proxies.recorder, act, "gone")
    proxies.recorder.ask("/report")
    [recording] = proxies.recordings_of("gone")
    name = recording["response"]["body"]["__file__"]
    (proxies.folder / name).unlink()
    asked = {"model": "tts-1", "voice": "alloy", "input": "Lose me"}
    answered = recorded_with(proxies.replayer, "gone", "POST", "/audio/speech", json=asked)

    assert answered.json()["error"]["code"] == "recording_unreadable"
    assert f"expected the body in {name}, No such file or directory" in proxies.replayer.log()


@pytest.mark.parametrize(
    "content",
    [b"", b'{"a":1}\n{"a":2}\n', b"\x00\xff\xfe", b"just text", b'{"a": 1}', b"[1.0, 1e5]", b"null", b" "],
    ids=["nothing", "JSONL", "bytes", "text", "JSON", "numbers", "null", "space"],
)
def test_the_content_of_a_file_comes_back_to_the_byte(proxies: Both, content: bytes) -> None:
    def act(client: OpenAI) -> bytes:
        made = client.files.create(file=("a.bin", content), purpose="batch")
        return client.files.content(made.id).content

    recorded, replayed = proxies.twice(act, f"content {content!r}")

    assert recorded.result == replayed.result == content
    assert_same_on_wire(recorded.wires, replayed.wires)


@pytest.mark.parametrize("status", [200, 202, 204, 304])
@pytest.mark.parametrize("method", ["POST", "DELETE", "GET"])
def test_an_answer_without_a_body(proxies: Both, method: str, status: int) -> None:
    match = {"path": "/v1/nothing", "method": method, "query": f"status={status}"}
    answer = {"status": status, "text": "", "headers": {"content-type": None}}
    proxies.upstream.add({"match": match, "answer": answer})

    def act(client: OpenAI) -> Any:
        response = client._client.request(method, f"{API}/nothing?status={status}")
        return response.status_code, response.content, response.headers.get("content-type")

    recorded, replayed = proxies.twice(act, f"nothing {method} {status}")

    assert recorded.result == replayed.result == (status, b"", None)


def test_head_gets_the_headers_and_no_body(proxies: Both) -> None:
    def act(client: OpenAI) -> Any:
        response = client._client.head(f"{API}/models/gpt-4o")
        return response.status_code, response.content, response.headers["content-type"]

    recorded, replayed = proxies.twice(act, "head")

    assert recorded.result == replayed.result == (200, b"", "application/json")


def test_head_and_get_are_not_one_request(proxies: Both) -> None:
    recorded_with(proxies.recorder, "get only", "GET", "/models/gpt-4o-mini")
    proxies.recorder.ask("/report")

    assert recorded_with(proxies.replayer, "get only", "HEAD", "/models/gpt-4o-mini").status_code == 400


def test_the_order_of_a_query_does_not_matter_and_its_values_do(proxies: Both) -> None:
    for number in range(3):
        recorded_with(
            proxies.recorder,
            "query",
            "POST",
            "/files",
            **form("one", PURPOSE, ('name="file"; filename="a"', b"%d" % number)),
        )
    first = recorded_with(proxies.recorder, "query", "GET", "/files?limit=1&order=desc").json()
    other = recorded_with(proxies.recorder, "query", "GET", f"/files?after={first['last_id']}&limit=1").json()
    proxies.recorder.ask("/report")

    def replayed(query: str) -> Any:
        return recorded_with(proxies.replayer, "query", "GET", f"/files?{query}").json()

    assert replayed("order=desc&limit=1") == first
    assert replayed(f"limit=1&after={first['last_id']}") == other
    assert replayed("order=desc&limit=2")["error"]["code"] == "recording_not_found"
    assert replayed("order=desc")["error"]["code"] == "recording_not_found"
    assert first["data"] != other["data"]


def test_a_text_that_is_no_json_is_a_request_of_its_own(proxies: Both) -> None:
    proxies.upstream.add({"match": {"path": "/v1/text"}, "sequence": [{"text": "first"}, {"text": "second"}]})
    for body in (b"not json", b"\xff\x00 not text"):
        recorded_with(proxies.recorder, "text", "POST", "/text", content=body)
    proxies.recorder.ask("/report")
    replayed = [
        recorded_with(proxies.replayer, "text", "POST", "/text", content=body)
        for body in (b"\xff\x00 not text", b"not json", b"not json either")
    ]

    assert [answer.content for answer in replayed[:2]] == [b"second", b"first"]
    assert replayed[2].json()["error"]["code"] == "recording_not_found"


def test_recordings_and_companions_go_together(proxies: Both) -> None:
    def act(client: OpenAI) -> bytes:
        return client.audio.speech.create(model="tts-1", voice="alloy", input="Again").content

    proxies.seen(proxies.recorder, act, "again")
    proxies.recorder.ask("/report")
    [recording] = proxies.recordings_of("again")
    companion = proxies.folder / recording["response"]["body"]["__file__"]
    proxies.recorder.ask("/reset?test_id=again", "POST")
    # A failure of a later run leaves the recorded success; another success takes its place, and its file is gone.
    for status, text in ((400, "no"), (200, "other")):
        proxies.upstream.add(
            {
                "match": {"path": "/v1/audio/speech", "body": {"input": "Again"}},
                "answer": {"status": status, "json": {"error": {"message": text}}},
            }
        )
        recorded_with(proxies.recorder, "again", "POST", "/audio/speech", json=recording["request"]["body"])
        proxies.recorder.ask("/report")
        [now] = proxies.recordings_of("again")
        assert (now == recording) is companion.exists() is (status == 400)
        proxies.recorder.ask("/reset?test_id=again", "POST")
    assert now["response"]["body"] == {"error": {"message": "other"}}


ANSWERS: dict[str, dict[str, Any]] = {
    "a redirect": {"status": 307, "text": "", "headers": {"location": "https://api.openai.com/v1/models"}},
    "created": {"status": 201, "json": {"id": 1.0}, "headers": {"location": "/v1/x/1"}},
    "a byte order mark": {"hex": b'\xef\xbb\xbf{"a": 1}'.hex(), "content_type": "application/json"},
    "JSON that is not UTF-8": {"hex": b'{"a": "\xe9"}'.hex(), "content_type": "application/json"},
    "Latin-1": {"hex": "caf\xe9".encode("latin-1").hex(), "content_type": "text/plain; charset=iso-8859-1"},
    "JSON as text": {"text": '{"a": 1}', "content_type": "text/plain"},
    "JSON of a vendor": {"text": '{"a": 1}', "content_type": "application/vnd.api+json"},
    "JSON without a type": {"text": '{"a": 1}', "headers": {"content-type": None}},
    "text that claims to be JSON": {"text": "<html>", "content_type": "application/json"},
    "true": {"json": True},
    "null": {"text": "null", "content_type": "application/json"},
    "a quoted text": {"json": "Grüße"},
    "an empty list": {"json": []},
    "an empty object": {"json": {}},
    "a list of texts": {"json": ["data: {}", ""]},
    "an envelope by chance": {"json": {"__type__": "openai.types.model.Model", "__data__": {"id": "x"}}},
    "envelopes by chance": {"json": [{"__type__": "x", "__data__": 1}]},
    "an envelope by chance in a stream": {"events": [{"data": {"__type__": "x", "__data__": {"id": "y"}}}]},
    "a companion by chance": {"json": {"__file__": "../../etc/passwd"}},
    "gzip": {"json": {"a": "b" * 5000}, "delivery": {"content_encoding": "gzip"}},
    "zstd": {"json": {"a": "b" * 5000}, "delivery": {"content_encoding": "zstd"}},
    "bytes in brotli": {
        "hex": "00ff" * 500,
        "content_type": "image/png",
        "delivery": {"content_encoding": "br"},
    },
    "a picture": {"hex": "89504e470d0a1a0a", "content_type": "image/png"},
    "a file with a name": {
        "text": "a,b\n",
        "headers": {"content-disposition": 'attachment; filename="a.csv"'},
    },
    "megabytes": {"json": {"data": [{"embedding": [0.5] * 200_000}]}},
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_of_any_kind_comes_back(proxies: Both, name: str) -> None:
    proxies.upstream.add({"match": {"path": "/v1/any", "body": {"kind": name}}, "answer": ANSWERS[name]})

    def act(client: OpenAI) -> Any:
        response = client._client.post(f"{API}/any", json={"kind": name})
        return response.status_code, response.headers.get("content-disposition"), decoded(response)

    recorded, replayed = proxies.twice(act, f"any {name}")

    assert replayed.result == recorded.result
    assert [wire.headers for wire in replayed.wires] == [wire.headers for wire in recorded.wires]


def decoded(response: httpx.Response) -> Any:
    """Return the body without content coding, JSON in the form in which equal values are equal."""
    value = exact_json(response.content)
    return response.content if value is None else value
