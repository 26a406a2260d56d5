"""JSON that no JSON value holds, recordings of all kinds that exist, and files among them that are none."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from support.both import Both, Wire, assert_same_on_wire, both, exact_json, listening_client
from support.proxy import proxy
from support.requests import CHAT_URL, chat_body

SHARED = Path(os.environ.get("OPENAI_REPLAY_SHARED", Path(__file__).resolve().parents[3] / "shared"))
CORPUS = SHARED / "corpus"

needs_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason=f"{CORPUS} is not there")

# Values that orjson refuses or alters, as members of an object.
LOSSY = {
    "a lone surrogate": r'"text":"lone \ud83d here"',
    "a lone surrogate in a name": r'"\udc00":1',
    "surrogates in the wrong order": r'"text":"\ude00\ud83d"',
    "NaN": '"number":NaN',
    "infinities": '"numbers":[Infinity,-Infinity]',
    "beyond 64 bits": '"number":123456789012345678901234567890',
    "below 64 bits": '"number":-9223372036854775809',
    "64 bits without a sign": '"number":18446744073709551615',
    "thousands of digits": f'"number":{"7" * 5000}',
    "minus zero": '"numbers":[-0,-0.0]',
    "beyond every float": '"number":1e999',
    "a repeated name": '"text":"first","text":"second"',
    "a repeated name inside": '"inner":{"a":1,"b":2,"a":3}',
    "number forms": '"numbers":[1.0,1e2,1E+2,0.1,1.10,100000000000000000000.0]',
    "escapes": r'"text":"\u00fc\/\u2028\u0000\b\ud83d\uddfc"',
    "deep nesting": '"deep":' + "[" * 600 + "]" * 600,
    "an empty name": '"":"","a":{"":[]}',
}

# Bodies that no recording holds; the log then says so.
TOO_DEEP = '"deep":' + "[" * 5000 + "]" * 5000


@pytest.fixture(scope="module")
def proxies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    with both(tmp_path_factory.mktemp("wild")) as proxies:
        yield proxies


def completion(member: str) -> str:
    return (
        '{"id":"chatcmpl-1","object":"chat.completion","created":1761123456,"model":"gpt-4o",'
        + member
        + ',"choices":[{"index":0,"message":{"role":"assistant","content":"Hi","refusal":null},'
        '"logprobs":null,"finish_reason":"stop"}]}'
    )


def chunk(member: str) -> str:
    return (
        '{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1761123456,"model":"gpt-4o",'
        + member
        + ',"choices":[{"index":0,"delta":{"content":"Hi"},"logprobs":null,"finish_reason":null}]}'
    )


def anything(member: str) -> str:
    return '{"object":"thing","items":[{' + member + "}]}"


def twice(proxies: Both, path: str, body: Any, test_id: str) -> tuple[Wire, Wire]:
    """Return the answers to a request while recording and in replay."""
    recorded, replayed = proxies.twice(
        lambda client: client._client.post(f"https://api.openai.com{path}", json=body).status_code, test_id
    )
    return recorded.wires[0], replayed.wires[0]


@pytest.mark.parametrize("name", LOSSY)
@pytest.mark.parametrize("form", [completion, anything], ids=["completion", "anything"])
def test_lossy_json_passes_untouched_and_comes_back_without_loss(proxies: Both, name: str, form: Any) -> None:
    text = form(LOSSY[name])
    request = chat_body(f"{name} as {form.__name__}")
    path = "/v1/chat/completions" if form is completion else "/v1/things"
    answer = {"text": text, "content_type": "application/json"}
    proxies.upstream.add({"match": {"path": path, "body": request}, "answer": answer})
    recorded, replayed = twice(proxies, path, request, f"{name} {form.__name__}")

    assert recorded.body == text.encode()
    assert_same_texts(replayed.body, recorded.body)
    assert_same_on_wire([recorded], [replayed])


@pytest.mark.parametrize("name", LOSSY)
def test_lossy_chunks_pass_untouched_and_come_back_without_loss(proxies: Both, name: str) -> None:
    texts = [chunk('"extra":1'), chunk(LOSSY[name]), chunk('"extra":2'), anything(LOSSY[name]), "[DONE]"]
    request = chat_body(f"{name} in chunks", stream=True)
    events = [{"data": text} for text in texts]
    proxies.upstream.add({"match": {"body": request}, "answer": {"events": events}})
    recorded, replayed = twice(proxies, "/v1/chat/completions", request, f"{name} in chunks")

    assert recorded.body == "".join(f"data: {text}\n\n" for text in texts).encode()
    for one, other in zip(data_of(recorded.body), data_of(replayed.body), strict=True):
        assert_same_texts(other, one)
    assert_same_on_wire([recorded], [replayed])


def data_of(body: bytes) -> list[bytes]:
    return [block.removeprefix(b"data: ") for block in body.split(b"\n\n") if block]


def assert_same_texts(one: bytes, other: bytes) -> None:
    """Compare values that are lossy even for the standard library: thousands of digits, and surrogates."""
    for pattern in (rb"\b[0-9]{20,}\b(?!\.)", rb"NaN|-?Infinity|1e999|-0[],.]"):
        assert re.findall(pattern, one) == re.findall(pattern, other)
    assert exact_json(one) == exact_json(other)


def test_the_id_of_a_stored_completion_comes_back_in_lossy_json(proxies: Both) -> None:
    text = completion('"number":NaN')
    request = chat_body("stored and lossy", store=True)
    answer = {"text": text, "content_type": "application/json"}
    proxies.upstream.add({"match": {"body": request}, "answer": answer})
    recorded, replayed = twice(proxies, "/v1/chat/completions", request, "stored and lossy")
    [recording] = proxies.recordings_of("stored and lossy")

    assert json.loads(replayed.body)["id"] == json.loads(recorded.body)["id"] == "chatcmpl-1"
    assert recording["id_normalization_mapping"] == {
        recording["response"]["body"]["__data__"]["id"]: "chatcmpl-1"
    }
    assert b"NaN" in replayed.body


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_what_cannot_be_kept_is_replayed_without_loss_or_named_in_the_log(
    proxies: Both, stream: bool
) -> None:
    text = chunk(TOO_DEEP) if stream else completion(TOO_DEEP)
    request = chat_body("too deep", stream=stream)
    answer = {"events": [{"data": text}]} if stream else {"text": text, "content_type": "application/json"}
    proxies.upstream.add({"match": {"body": request}, "answer": answer})
    test_id = f"deep {stream}"
    with listening_client(proxies.recorder, test_id) as (client, wires):
        client.post(CHAT_URL, json=request)
    report = proxies.recorder.ask(f"/report?test_id={test_id.replace(' ', '%20')}")
    with listening_client(proxies.replayer, test_id) as (client, replayed):
        client.post(CHAT_URL, json=request)

    assert text.encode() in wires[0].body
    if report["not_recorded"]:
        assert report["not_recorded"][0]["reason"] in proxies.recorder.log()
        assert json.loads(replayed[0].body)["error"]["code"] == "recording_not_found"
    else:
        assert text.encode().split(b'"deep":')[1] in replayed[0].body


def test_a_lossy_request_is_matched_by_what_it_says(proxies: Both) -> None:
    body = rb'{"model":"m","messages":[{"role":"user","content":"lone \ud83d"}],"seed":123456789012345678901234567890}'
    other = body.replace(b"7890}", b"7891}")
    proxies.upstream.add({"match": {"body": json.loads(body)}, "answer": {"json": {"choices": ["it"]}}})
    with listening_client(proxies.recorder, "lossy request") as (client, _):
        recorded = client.post(CHAT_URL, content=body).json()
    proxies.recorder.ask("/report")
    with listening_client(proxies.replayer, "lossy request") as (client, _):
        replayed = client.post(CHAT_URL, content=body.replace(b'{"model":"m",', b'{ "model": "m",')).json()
        missed = client.post(CHAT_URL, content=other).json()

    assert replayed == recorded == {"choices": ["it"]}
    assert missed["error"]["code"] == "recording_not_found"


# --- files that are no recordings ---------------------------------------------------------------------------------

JUNK: dict[str, bytes] = {
    "empty.json": b"",
    "space.json": b" \n",
    "broken.json": b'{"request": {',
    "bytes.json": b"\xff\xfe\x00\x80",
    "null.json": b"null",
    "number.json": b"7",
    "list.json": b"[1, 2, 3]",
    "text.json": b'"recording"',
    "package.json": b'{"name": "a-project", "version": "1.0.0", "scripts": {}}',
    "half.json": b'{"test_id": null, "request": {"method": "POST", "url": "https://api.openai.com/v1/x"}}',
    "wrong.json": b'{"request": {"method": 1, "url": "https://a"}, "response": {"body": []}}',
    "port.json": b'{"request": {"method": "GET", "url": "https://a:b/c", "body": {}}, "response": {"body": 1}}',
    "bracket.json": b'{"request": {"method": "GET", "url": "https://[a/c", "body": {}}, "response": {"body": 1}}',
    "deep.json": b"[" * 200_000 + b"]" * 200_000,
    "surrogate.json": rb'{"\ud83d": "\ud83d"}',
    "huge.json": b'{"padding": "' + b"x" * 30_000_000 + b'"}',
    "notes.txt": b"not JSON at all",
    ".hidden.json": b"{",
}


def test_junk_among_the_recordings_changes_nothing_for_the_rest(tmp_path: Path, proxies: Both) -> None:
    """The request is asked by another test, so that its name does not match and the whole folder is looked through."""
    request = chat_body("among junk")
    recorded, _ = twice(proxies, "/v1/chat/completions", request, "among junk")
    [path] = [path for path in proxies.folder.glob("*.json") if b'"among junk"' in path.read_bytes()]
    folder = tmp_path / "recordings"
    (folder / "below").mkdir(parents=True)
    shutil.copy(path, folder / "below" / "renamed.json")
    for name, content in JUNK.items():
        (folder / name).write_bytes(content)
    (folder / "folder.json").mkdir()
    (folder / "dangling.json").symlink_to(folder / "nowhere")
    (folder / "loop.json").symlink_to(folder / "loop.json")

    with proxy(tmp_path / "home", f"recording_dir={folder}") as replayer:
        with listening_client(replayer, "among junk") as (client, wires):
            client.post(CHAT_URL, json=request)
        with listening_client(replayer, "another test") as (client, other_wires):
            client.post(CHAT_URL, json=request)
            missed = client.post(CHAT_URL, json=chat_body("never recorded"))
        log = replayer.log()

    assert_same_on_wire([recorded], wires)
    assert_same_on_wire([recorded], other_wires[:1])
    assert missed.json()["error"]["code"] == "recording_not_found"
    assert "Traceback" not in log
    unreadable = set(re.findall(r"Cannot read a recording: \S*/(\S+\.json): ", log))
    assert {"empty.json", "space.json", "broken.json", "bytes.json", "deep.json", "half.json"} <= unreadable


def test_a_broken_recording_is_an_error_for_its_own_request_only(proxies: Both) -> None:
    for text in ("will be broken", "stays whole"):
        twice(proxies, "/v1/chat/completions", chat_body(text), text)
    [path] = [path for path in proxies.folder.glob("*.json") if b'"will be broken"' in path.read_bytes()]
    path.write_bytes(path.read_bytes()[:-40])
    with listening_client(proxies.replayer, "will be broken") as (client, _):
        broken = client.post(CHAT_URL, json=chat_body("will be broken"))
    with listening_client(proxies.replayer, "stays whole") as (client, _):
        whole = client.post(CHAT_URL, json=chat_body("stays whole"))

    assert broken.status_code == 400
    assert broken.json()["error"]["code"] == "recording_unreadable"
    assert path.name in broken.json()["error"]["message"]
    assert re.search(rf"{path.name}: expected JSON, .* line \d+ column \d+", proxies.replayer.log())
    assert whole.json()["choices"]


# --- the corpus ---------------------------------------------------------------------------------------------------


def corpus_requests() -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in sorted(CORPUS.glob("*.json")):
        request = json.loads(path.read_bytes())["request"]
        if str(request.get("url", "")).startswith("http"):
            yield path, request


@needs_corpus
def test_every_exchange_of_the_corpus_replays_and_the_rest_is_named_once_at_debug_level(
    tmp_path: Path,
) -> None:
    requests = list(corpus_requests())
    hosts = {urlsplit(request["url"]).netloc for _, request in requests}
    options = [f"recording_hosts={host}" for host in sorted(hosts)]
    with proxy(tmp_path / "home", f"recording_dir={CORPUS}", "termlog_verbosity=debug", *options) as replayer:
        answers = []
        for path, request in requests:
            test_id = json.loads(path.read_bytes()).get("test_id") or request.get("test_id") or ""
            with listening_client(replayer, test_id) as (client, wires):
                body = request.get("payload", request.get("body"))
                try:
                    client.request(request["method"], request["url"], json=body)
                except httpx.TransportError:
                    pass  # a recording of a stream that broke off
            answers.append((path.name, wires[0]))
        report = replayer.ask("/report")
        log = replayer.log()

    missed = [name for name, wire in answers if b"recording_" in wire.body[:400]]
    others = {path.name for path in CORPUS.glob("*.json")} - {path.name for path, _ in requests}
    named = Counter(re.findall(r"(\S+\.json): expected .*no HTTP exchange", log.replace(f"{CORPUS}/", "")))
    assert missed == []
    assert report["totals"]["missed"] == 0
    assert set(named) == others
    assert set(named.values()) == {1}


@needs_corpus
def test_raw_lines_replay_as_they_are(tmp_path: Path) -> None:
    with proxy(
        tmp_path / "home",
        f"recording_dir={CORPUS}",
        "recording_hosts=0.0.0.0:11434",
        "recording_hosts=generativelanguage.googleapis.com",
    ) as replayer:
        compared = 0
        for path, request in corpus_requests():
            recording = json.loads(path.read_bytes())
            lines = recording["response"]["body"]
            if not (isinstance(lines, list) and lines and isinstance(lines[0], str)):
                continue
            with listening_client(replayer, request.get("test_id") or "") as (client, wires):
                client.post(request["url"], json=request["payload"])
            compared += 1
            assert wires[0].status == 200
            assert wires[0].headers["content-type"].startswith("text/event-stream")
            assert wires[0].body.decode().split("\n") == [*lines, *([] if lines[-1] else [""])]

    assert compared == 2
