"""Recording is never in the client's way, and it writes the API's answers."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from openai_replay.mock import Outcome, Upstream
from support import reference_recorder
from support.proxy import ROOT, Proxy, curl, proxy, wait_until
from support.requests import CHAT_URL, chat_body, embeddings_body

HOST = "api.openai.com"
PROTOCOLS = ("--http1.1", "--http2")
CODINGS = ("gzip", "br", "zstd", "deflate")
KEY = "sk-proj-Zq7vT3nB9xLw2Rk5Yd8Jh4Mf6Gs1Pc0A"
NUMBERS = count(1)


def chat(question: str, **members: Any) -> dict[str, Any]:
    """Return a request that no other test makes."""
    question = f"{question} (request {next(NUMBERS)})"
    return chat_body(question, **members)


@dataclass(frozen=True)
class Seen:
    """An answer as a client saw it."""

    exit_status: int
    status: str
    content_type: str
    body: bytes


@dataclass(frozen=True)
class Recording:
    """A recording proxy, its folder, and the upstream behind it."""

    proxy: Proxy
    folder: Path
    upstream: Upstream

    def ask(self, body: dict[str, Any], *arguments: str, url: str = CHAT_URL) -> Seen:
        """Make a request through the proxy."""
        return self._seen(body, *arguments, "--cacert", str(self.proxy.ca_file), url=url)

    def ask_directly(self, body: dict[str, Any], *arguments: str, url: str = CHAT_URL) -> Seen:
        """Make the same request without the proxy."""
        around = ("--noproxy", "*", "--connect-to", f"{HOST}:443:127.0.0.1:{self.upstream.port}")
        return self._seen(body, *arguments, *around, "--cacert", str(self.upstream.ca_file), url=url)

    def _seen(self, body: dict[str, Any], *arguments: str, url: str) -> Seen:
        told = ("-w", "%{stderr}%{http_code} %{content_type}")
        sent = ("-H", f"Authorization: Bearer {KEY}", "--json", json.dumps(body))
        asked = curl(self.proxy, url, *arguments, *told, *sent)
        *_, last = asked.stderr.decode().splitlines()
        status, _, content_type = last.partition(" ")
        return Seen(asked.returncode, status, content_type, asked.stdout)

    def path_of(self, body: dict[str, Any]) -> Path:
        return self.folder / f"{reference_recorder.request_hash(CHAT_URL, body, None)}.json"

    def recorded(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the recording of a request, as soon as it is there."""
        path = self.path_of(body)
        wait_until(path.exists, f"{path.name} is written")
        value: dict[str, Any] = json.loads(path.read_bytes())
        return value

    def reason(self, body: dict[str, Any]) -> str:
        """Return the log's reason why a request is not recorded, as soon as it is there."""
        request = reference_recorder.request_hash(CHAT_URL, body, None)[:12]
        begin = f"Not recorded: POST /v1/chat/completions (request {request}): "

        def reasons() -> list[str]:
            return [line.partition(begin)[2] for line in self.proxy.log().splitlines() if begin in line]

        reason, *more = wait_until(reasons, "the log says why")
        assert not more
        return reason


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recording]:
    top = tmp_path_factory.mktemp("recording")
    folder = top / "recordings"
    with (
        Upstream() as upstream,
        proxy(
            top / "home", "recording_mode=record", f"recording_dir={folder}", upstream=upstream
        ) as recorder,
    ):
        yield Recording(recorder, folder, upstream)


def events(body: bytes) -> list[Any]:
    """Return the chunks of a plain stream."""
    texts = [block.removeprefix(b"data: ") for block in body.split(b"\n\n") if block]
    assert texts.pop() == b"[DONE]"
    return [json.loads(text) for text in texts]


WIRE = [
    {
        "id": "chatcmpl-CTkQ0n0cVYyP6mQwzF4vWb1ZlD7sE",
        "object": "chat.completion.chunk",
        "created": 1761123456,
        "model": "gpt-4o-2024-08-06",
        "service_tier": "default",
        "system_fingerprint": "fp_cbf1785567",
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}],
        "obfuscation": obfuscation,
    }
    for delta, finish_reason, obfuscation in (
        ({"role": "assistant", "content": "", "refusal": None}, None, "k3J"),
        ({"content": "Grüße"}, None, "x"),
        ({"content": " 東京 🗼\u2028\x85"}, None, ""),
        ({}, "stop", "Aa9"),
    )
]
STREAM = [*({"data": chunk} for chunk in WIRE), {"data": "[DONE]"}]

DELIVERIES: dict[str, dict[str, Any]] = {
    "as the API sends it": {},
    "crlf": {"line_end": "crlf"},
    "cr": {"line_end": "cr"},
    "byte order mark": {"byte_order_mark": True},
    "comments inside": {"comments": "inside"},
    "comments between": {"comments": "between"},
    "several data lines": {"data_lines": True},
    "no last blank line": {"last_event_ends_with": "line end"},
    "no last line end": {"last_event_ends_with": "nothing"},
    "byte by byte": {"split": 1, "gap_ms": 0},
    "split characters": {"split": 7, "gap_ms": 0},
    "crlf byte by byte": {"line_end": "crlf", "split": 1, "gap_ms": 0, "byte_order_mark": True},
    "with a length": {"content_length": True},
    **{coding: {"content_encoding": coding} for coding in CODINGS},
    **{f"{coding} split": {"content_encoding": coding, "split": 5, "gap_ms": 0} for coding in CODINGS},
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("delivery", DELIVERIES)
def test_however_a_stream_travels_the_client_sees_it_and_the_file_is_the_references(
    recording: Recording, delivery: str, protocol: str
) -> None:
    body = chat(f"Delivery {delivery} {protocol}", stream=True)
    recording.upstream.add(
        {
            "match": {"last_user_message": body["messages"][0]["content"]},
            "answer": {"events": STREAM, "delivery": DELIVERIES[delivery]},
        }
    )
    seen = recording.ask(body, protocol)
    assert seen == recording.ask_directly(body, protocol)
    assert seen.exit_status == 0
    recorded = recording.recorded(body)
    # Facts that the reference has no place for are in separate members.
    recorded["response"].pop("wire", None)
    name, expected = reference_recorder.recording(CHAT_URL, body, WIRE, streamed=True)
    assert recording.path_of(body).name == name
    assert json.dumps(recorded) == json.dumps(json.loads(expected))
    if delivery in ("as the API sends it", "byte by byte", *CODINGS):
        assert recording.path_of(body).read_text() == expected


@pytest.mark.parametrize(
    "members",
    [
        {"stream": True},
        {"stream": True, "stream_options": {"include_usage": True}},
        {"stream": True, "logprobs": True, "n": 2},
        {},
        {"logprobs": True, "n": 2},
    ],
    ids=lambda members: ",".join(members) or "whole",
)
@pytest.mark.parametrize(
    "question", ["Say hello", "What is the weather in Zürich in parallel", "please refuse"]
)
def test_what_the_api_says_is_written_as_the_reference_writes_it(
    recording: Recording, question: str, members: dict[str, Any]
) -> None:
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    tool = {"type": "function", "function": {"name": "weather", "parameters": parameters}}
    body = chat(question, tools=[tool], **members)
    seen = recording.ask(body)
    wire = events(seen.body) if "stream" in members else json.loads(seen.body)
    name, expected = reference_recorder.recording(CHAT_URL, body, wire, streamed="stream" in members)
    recording.recorded(body)
    assert (recording.folder / name).read_text() == expected


def test_embeddings_are_written_as_the_reference_writes_them(recording: Recording) -> None:
    url = f"https://{HOST}/v1/embeddings"
    body = embeddings_body(["Zürich", "東京"], encoding_format="float")
    wire = json.loads(recording.ask(body, url=url).body)
    name, expected = reference_recorder.recording(url, body, wire)
    wait_until((recording.folder / name).exists, "the embeddings are written")
    assert json.loads((recording.folder / name).read_text()) == json.loads(expected)


@pytest.mark.parametrize("coding", ["", *CODINGS])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_first_chunks_reach_a_client_while_the_api_is_still_speaking(
    recording: Recording, protocol: str, coding: str
) -> None:
    """The upstream sends three chunks and then waits for the client to go: held back, they would never come."""
    body = chat(f"Stall {protocol} {coding}", stream=True)
    recording.upstream.add(
        {
            "match": {"last_user_message": body["messages"][0]["content"]},
            "answer": {
                "events": STREAM,
                "delivery": {"stall_after_chunks": 3, "content_encoding": coding or None},
            },
        }
    )
    decoding = ["--compressed"] if coding else []
    client = subprocess.Popen(
        ["curl", "-sSN", protocol, *decoding, "--json", json.dumps(body), CHAT_URL],
        stdout=subprocess.PIPE,
        env=recording.proxy.environment(),
    )
    assert client.stdout is not None
    received = b""
    while received.count(b"\n\n") < 3:
        piece = os.read(client.stdout.fileno(), 65536)
        assert piece, received
        received += piece
    request = recording.upstream.requests[-1]
    assert request.outcome is None
    client.terminate()
    client.wait()
    client.stdout.close()
    recording.upstream.wait_for(lambda _: request.outcome is Outcome.CLIENT_LEFT)
    response = recording.recorded(body)["response"]
    assert [chunk["__data__"]["choices"] for chunk in response["body"]] == [
        json.loads(reference_recorder.recording(CHAT_URL, body, WIRE[:3], streamed=True)[1])["response"][
            "body"
        ][n]["__data__"]["choices"]
        for n in range(3)
    ]
    assert response["is_exception"] is True
    assert response["exception_message"] == "The stream broke off after 3 chunks: the client left."


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_slow_stream_comes_in_pieces(recording: Recording, protocol: str) -> None:
    """With gaps between its chunks, no chunk waits for the next one."""
    body = chat(f"Say it in 40 words, {protocol}", stream=True)
    recording.upstream.add(
        {
            "match": {"last_user_message": body["messages"][0]["content"]},
            "answer": {"api": True, "delivery": {"gap_ms": 50}},
        }
    )
    client = subprocess.Popen(
        ["curl", "-sSN", protocol, "--json", json.dumps(body), CHAT_URL],
        stdout=subprocess.PIPE,
        env=recording.proxy.environment(),
    )
    assert client.stdout is not None
    pieces = list(iter(lambda: os.read(client.stdout.fileno(), 65536), b""))  # type: ignore[union-attr]
    client.stdout.close()
    assert client.wait() == 0
    chunks = b"".join(pieces).count(b"chat.completion.chunk")
    assert chunks >= 40
    # A busy machine may let two of them arrive together, but a proxy that collects gives one piece.
    assert len(pieces) > chunks / 2


CUTS: dict[str, dict[str, Any]] = {
    "between chunks": {"cut_after_chunks": 2},
    "before the first chunk": {"cut_after_chunks": 0},
    "inside a chunk": {"cut_after_bytes": 400},
    "before [DONE]": {"cut_after_chunks": 4},
    "with the connection": {"cut_after_chunks": 2, "cut_with": "connection"},
}


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize(("protocol", "exit_status"), [("--http1.1", 18), ("--http2", 92)])
def test_a_stream_that_the_api_cuts_breaks_off_for_the_client_and_is_marked(
    recording: Recording, protocol: str, exit_status: int, cut: str
) -> None:
    body = chat(f"Cut {cut} {protocol}", stream=True)
    recording.upstream.add(
        {
            "match": {"last_user_message": body["messages"][0]["content"]},
            "answer": {"events": STREAM, "delivery": CUTS[cut]},
        }
    )
    seen = recording.ask(body, protocol)
    assert seen.exit_status == exit_status
    assert (seen.status, seen.body) == ("200", recording.ask_directly(body, protocol).body)
    response = recording.recorded(body)["response"]
    chunks = seen.body.count(b"\n\n")
    assert len(response["body"]) == chunks
    message = f"The stream broke off after {chunks} chunks: the connection to the API broke."
    assert response["exception_message"] == message


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_call_that_the_api_does_not_answer_is_not_recorded(recording: Recording, protocol: str) -> None:
    body = chat(f"[scenario: no-answer] {protocol}")
    assert recording.ask(body, protocol).status == "502"
    assert recording.reason(body).startswith("the API was not reached, ")
    assert not recording.path_of(body).exists()


def test_a_whole_answer_that_is_cut_is_not_recorded(recording: Recording) -> None:
    body = chat("Whole but cut")
    recording.upstream.add(
        {
            "match": {"last_user_message": body["messages"][0]["content"]},
            "answer": {"api": True, "delivery": {"cut_after_bytes": 100}},
        }
    )
    seen = recording.ask(body, "--http1.1")
    assert (seen.exit_status, len(seen.body)) == (18, 100)
    assert recording.reason(body).startswith("the response broke off, ")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_chunk_that_is_no_text_passes_and_is_recorded(recording: Recording, protocol: str) -> None:
    body = chat(f"broken UTF-8 {protocol}", stream=True)
    chunks = ["data: {}\n\n", {"hex": "646174613a207b22c328227d0a0a"}, "data: [DONE]\n\n"]
    recording.upstream.add(
        {"match": {"last_user_message": body["messages"][0]["content"]}, "answer": {"chunks": chunks}}
    )
    assert recording.ask(body, protocol) == recording.ask_directly(body, protocol)
    assert recording.recorded(body)["response"]["body"][2] == 'data: {"\udcc3("}'


@pytest.mark.parametrize("content_encoding", ["gzip", "snappy"])
def test_a_coding_that_cannot_be_undone_passes_and_is_not_recorded(
    recording: Recording, content_encoding: str
) -> None:
    body = chat(f"Not really {content_encoding}", stream=True)
    recording.upstream.add(
        {
            "match": {"last_user_message": body["messages"][0]["content"]},
            "answer": {"chunks": [{"hex": "ff060000"}], "headers": {"content-encoding": content_encoding}},
        }
    )
    assert recording.ask(body) == recording.ask_directly(body)
    expected = {
        "gzip": "the response is not valid gzip: Error -3 while decompressing data: incorrect header check",
        "snappy": "unknown content coding 'snappy': expected br, deflate, gzip, x-gzip, zstd",
    }
    assert recording.reason(body) == expected[content_encoding]


def test_a_bug_while_recording_costs_the_recording_alone(tmp_path: Path, recording: Recording) -> None:
    upstream, folder = recording.upstream, tmp_path / "recordings"
    targets = (
        "openai_replay.record.stream:recorded_stream",
        "openai_replay.request.multipart:MultipartParser.feed",
    )
    with proxy(
        tmp_path / "home",
        "recording_mode=record",
        f"recording_dir={folder}",
        upstream=upstream,
        environment={"SABOTAGE": ",".join(targets)},
        more_scripts=[ROOT / "tests/support/sabotage.py"],
    ) as recorder:
        sabotaged = Recording(recorder, folder, upstream)
        for protocol in PROTOCOLS:
            body = chat(f"Bug {protocol}", stream=True)
            seen = sabotaged.ask(body, protocol)
            assert seen.exit_status == 0
            assert len(events(seen.body)) > 2
            assert sabotaged.reason(body) == "RuntimeError: sabotaged"
        upload = curl(
            recorder, f"https://{HOST}/v1/files", "-F", "purpose=batch", "-F", "file=@-;filename=a.jsonl"
        )
        assert json.loads(upload.stdout)["object"] == "file"
    assert not folder.exists()


def test_a_folder_that_cannot_be_written_costs_the_recording_alone(
    tmp_path: Path, recording: Recording
) -> None:
    folder = tmp_path / "recordings"
    with proxy(
        tmp_path / "home", "recording_mode=record", f"recording_dir={folder}", upstream=recording.upstream
    ) as recorder:
        broken = Recording(recorder, folder, recording.upstream)
        first, second, third = (chat(f"Disk {n}", stream=True) for n in range(3))
        assert broken.ask(first).exit_status == 0
        broken.recorded(first)
        folder.rename(tmp_path / "elsewhere")
        folder.write_text("not a folder")
        seen = broken.ask(second)
        assert (seen.exit_status, len(events(seen.body)) > 2) == (0, True)
        assert "File exists" in broken.reason(second)
        folder.unlink()
        (tmp_path / "elsewhere").rename(folder)
        assert broken.ask(third).exit_status == 0
        broken.recorded(third)
    assert sorted(folder.glob("*.json")) == sorted([broken.path_of(first), broken.path_of(third)])


FULL_DISK = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
"""


def test_a_full_disk_leaves_what_was_recorded_before(tmp_path: Path, recording: Recording) -> None:
    """No file may grow beyond 100 kB: the write fails in the middle, as on a disk that is full."""
    upstream, folder = recording.upstream, tmp_path / "recordings"
    body = chat("Now you see it", stream=True)
    long = [{"data": {**chunk, "padding": "x" * 60_000}} for chunk in WIRE]
    huge = [{"data": {**chunk, "padding": "x" * 600_000}} for chunk in WIRE]
    upstream.add(
        {
            "match": {"last_user_message": body["messages"][0]["content"]},
            "sequence": [{"events": STREAM}, {"events": long}, {"events": huge}],
        }
    )
    options = ("recording_mode=record", f"recording_dir={folder}")
    with proxy(tmp_path / "home", *options, upstream=upstream) as recorder:
        before = Recording(recorder, folder, upstream)
        assert before.ask(body).exit_status == 0
        before.recorded(body)
    content = before.path_of(body).read_bytes()
    script = tmp_path / "full_disk.py"
    script.write_text(FULL_DISK)
    for padding, reason in ((60_000, "File too large"), (600_000, "its bytes could not be kept: ")):
        with proxy(tmp_path / "home", *options, upstream=upstream, more_scripts=[script]) as recorder:
            full = Recording(recorder, folder, upstream)
            seen = full.ask(body)
            assert (seen.exit_status, seen.body.count(b"x" * padding)) == (0, len(WIRE))
            assert reason in full.reason(body)
        assert before.path_of(body).read_bytes() == content
        assert [path.name for path in folder.glob("[!.]*")] == [before.path_of(body).name]


def test_no_file_has_a_secret(tmp_path: Path, recording: Recording) -> None:
    """The key is in the header of every request; here it is in the body, the URL and the answer, too."""
    body = chat(f"Remember {KEY} and Bearer {KEY}", stream=True, user=KEY)
    recording.upstream.add(
        {
            "match": {"last_user_message": body["messages"][0]["content"]},
            "answer": {
                "events": [{"data": {**WIRE[1], "echo": f"your key is {KEY}"}}],
                "headers": {"x-echo": KEY, "set-cookie": f"session={KEY}", "location": f"/v1/x?key={KEY}"},
            },
        }
    )
    seen = recording.ask(body, url=f"{CHAT_URL}?api_key={KEY}")
    assert KEY.encode() in seen.body
    seen = recording.ask(chat("With an invalid key"), "-H", f"Authorization: Bearer invalid-{KEY}")
    assert seen.status in ("200", "401")
    wait_until(
        lambda: any(
            b"your key is REDACTED" in path.read_bytes() for path in recording.folder.glob("*.json*")
        ),
        "the answer is recorded without the key",
    )
    files = [path for top in (recording.folder, recording.proxy.home) for path in top.rglob("*")]
    for path in files:
        assert not path.is_file() or KEY.encode() not in path.read_bytes(), path
