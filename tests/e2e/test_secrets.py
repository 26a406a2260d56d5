"""No secret is in any file that a recording proxy leaves: recordings, cache, log, report, temporary files."""

from __future__ import annotations

import base64
import gzip
import html
import itertools
import json
import random
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from openai_replay.mock import Upstream
from support.proxy import Proxy, proxy, wait_until
from support.scripted_upstream import ScriptedUpstream, answer, scripted_upstream
from support.websocket import WebSocket, through_proxy

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


@dataclass
class Bench:
    """A recording proxy, its upstream, and all secrets that were seeded."""

    proxy: Proxy
    upstream: ScriptedUpstream
    top: Path
    random: random.Random
    seeded: dict[str, str]

    def word(self, length: int) -> str:
        return "".join(self.random.choices(LETTERS, k=length))

    def send(self, head: str, body: bytes = b"", headers: str = "") -> bytes:
        """Send a request by base URL, and return all that comes back."""
        with socket.create_connection(("127.0.0.1", self.proxy.port)) as client:
            lines = f"{head} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{headers}"
            length = f"Content-Length: {len(body)}\r\n" if body else ""
            client.sendall(f"{lines}{length}\r\n".encode("utf-8", "surrogateescape") + body)
            return b"".join(iter(lambda: client.recv(65536), b""))

    def totals(self) -> dict[str, int]:
        """Return the counts of the report."""
        report = json.loads(self.send("GET /@/report").partition(b"\r\n\r\n")[2])
        totals: dict[str, int] = report["totals"]
        return totals


@contextmanager
def bench(top: Path) -> Iterator[Bench]:
    (top / "tmp").mkdir(parents=True)
    with scripted_upstream() as upstream:
        host = f"127.0.0.1:{upstream.port}"
        options = ("recording_mode=record", f"recording_dir={top / 'recordings'}", f"recording_hosts={host}")
        environment = {"TMPDIR": str(top / "tmp")}
        report = f"recording_report={top / 'report.json'}"
        with proxy(
            top / "home", *options, report, mode=f"reverse:http://{host}", environment=environment
        ) as running:
            yield Bench(running, upstream, top, random.Random(12), {})


def leaks(top: Path, seeded: Mapping[str, str]) -> list[str]:
    """Return which seeded secrets are in which files, as they are or in UTF-16."""
    contents = [(path.name[:20], path.read_bytes()) for path in files_below(top)]
    return [
        f"{where}: in {name}"
        for where, secret in seeded.items()
        for name, content in contents
        if any(spelt in content for spelt in (secret.encode(), secret.encode("utf-16-le")))
    ]


def files_below(top: Path) -> Iterator[Path]:
    return (path for path in top.rglob("*") if path.is_file())


KINDS: dict[str, Callable[[Bench], str]] = {
    "sk-proj-": lambda b: f"sk-proj-{b.word(60)}",
    "sk-": lambda b: f"sk-{b.word(48)}",
    "sk-ant-": lambda b: f"sk-ant-api03-{b.word(60)}",
    "ek_": lambda b: f"ek_{b.word(32)}",
    "ghp_": lambda b: f"ghp_{b.word(36)}",
    "hf_": lambda b: f"hf_{b.word(34)}",
    "gsk_": lambda b: f"gsk_{b.word(52)}",
    "AIza": lambda b: f"AIza{b.word(35)}",
    "AKIA": lambda b: f"AKIA{b.word(16).upper()}",
    "JWT": lambda b: f"eyJ{b.word(20)}.eyJ{b.word(40)}.{b.word(43)}",
    "own": lambda b: f"{b.word(12)}/{b.word(12)}+{b.word(12)}",
}

# Kinds whose looks are tried in a few places alone: a place treats all looks alike.
MORE_KINDS: dict[str, Callable[[Bench], str]] = {
    "sk-svcacct-": lambda b: f"sk-svcacct-{b.word(60)}",
    "sk-admin-": lambda b: f"sk-admin-{b.word(60)}",
    "sk-or-": lambda b: f"sk-or-v1-{b.word(64).lower()}",
    "github_pat_": lambda b: f"github_pat_{b.word(22)}_{b.word(59)}",
    "ghs_": lambda b: f"ghs_{b.word(36)}",
    "glpat-": lambda b: f"glpat-{b.word(20)}",
    "xoxb-": lambda b: f"xoxb-{b.random.randrange(10**11, 10**12)}-{b.word(24)}",
    "xai-": lambda b: f"xai-{b.word(80)}",
    "pplx-": lambda b: f"pplx-{b.word(48)}",
    "nvapi-": lambda b: f"nvapi-{b.word(64)}",
    "ASIA": lambda b: f"ASIA{b.word(16).upper()}",
    "hexadecimal": lambda b: f"sk-{b.random.randbytes(16).hex()}",
}

SSE = "text/event-stream"


def chunk(text: str) -> str:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    return json.dumps(
        {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    )


def tool_call(text: str) -> str:
    arguments = json.dumps({"script": f"export KEY=\n{text}", "deeper": json.dumps({"k": f"\t{text}"})})
    call = {"index": 0, "id": "call_1", "function": {"name": "f", "arguments": arguments}}
    choice = {"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": None}
    return json.dumps(
        {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    )


ANSWERS: dict[str, Callable[[str], bytes]] = {
    "text of a completion": lambda s: answer(json.dumps({"choices": [{"message": {"content": s}}]}).encode()),
    "name of a member": lambda s: answer(json.dumps({"keys": {s: 1}}).encode()),
    "JSON that repeats a member": lambda s: answer(f'{{"a": 1, "a": "{s}"}}'.encode()),
    "JSON with escapes": lambda s: answer(json.dumps({"a": f"\n{s}"}).replace("s", "\\u0073").encode()),
    "error": lambda s: answer(json.dumps({"error": {"message": f"bad key: {s}"}}).encode(), status="401 No"),
    "error in plain text": lambda s: answer(f"bad key={s}".encode(), "text/plain", "500 No"),
    "error page": lambda s: answer(b"\xff<b>" + s.encode() + b"</b>", "text/html", "502 No"),
    "text": lambda s: answer(f"line\n{s}\n".encode(), "text/plain"),
    "lines of JSON": lambda s: answer(f'{{"a":"x\\n{s}"}}\n{{"b":"{quote(s)}"}}\n'.encode(), "application/jsonl"),
    "sound": lambda s: answer(b"\xff\xfb\x90" + s.encode() + b"\xff\x00", "audio/mpeg"),
    "stream": lambda s: answer(f"data: {chunk(s)}\n\ndata: [DONE]\n\n".encode(), SSE),
    "arguments in a stream": lambda s: answer(f"data: {tool_call(s)}\n\ndata: [DONE]\n\n".encode(), SSE),
    "comment": lambda s: answer(f": {s}\n\ndata: {chunk('a')}\n\ndata: [DONE]\n\n".encode(), SSE),
    "id and event": lambda s: answer(f"id: {s}\nevent: x {s}\ndata: {chunk('a')}\n\n".encode(), SSE),
    "behind the end": lambda s: answer(f"data: {chunk('a')}\n\ndata: [DONE]\n\n: {s}\n\n".encode(), SSE),
    "data behind the end": lambda s: answer(f"data: {chunk('a')}\n\ndata: [DONE]\n\ndata: {s}\n\n".encode(), SSE),
    "raw stream": lambda s: answer(f"data: key={s}\n\ndata: {{\"a\":\"\\n{s}\"}}\n\n".encode(), SSE),
    "type": lambda s: answer(b"x", f"text/plain; key={s}"),
}  # fmt: skip


def headed(header: str, status: str = "200 OK") -> bytes:
    """Return an answer with a header."""
    return f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\n{header}\r\nContent-Length: 1\r\n\r\nx".encode()


def compressed(body: bytes) -> bytes:
    """Return an answer in gzip."""
    content = gzip.compress(body)
    head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: "
    return f"{head}{len(content)}\r\nConnection: close\r\n\r\n".encode() + content


def broken(whole: bytes) -> bytes:
    """Return an answer whose length is larger than its body."""
    return whole.replace(b"Length: ", b"Length: 9")


# Places that are tried with a few kinds alone.
MORE_ANSWERS: dict[str, Callable[[str], bytes]] = {
    "location": lambda s: headed(f"Location: https://h/?x={s}", "302 Found"),
    "location with escapes": lambda s: headed(f"Location: https://h/{quote(f'/{s}', safe='')}", "302 Found"),
    "name of a file": lambda s: headed(f'Content-Disposition: attachment; filename="{s}"'),
    "version": lambda s: headed(f"OpenAI-Version: {s}"),
    "time to wait": lambda s: headed(f"Retry-After: {s}", "429 Slow"),
    "reason": lambda s: headed("X: y", f"401 Bad {s}"),
    "gzip": lambda s: compressed(json.dumps({"a": s}).encode()),
    "UTF-16 with its mark": lambda s: answer(json.dumps({"a": s}).encode("utf-16"), "text/plain"),
    "UTF-8 with its mark": lambda s: answer(b"\xef\xbb\xbf" + json.dumps({"a": s}).encode()),
    "event of an error": lambda s: answer(f'event: error\ndata: {{"error": "{s}"}}\n\n'.encode(), SSE),
    "time to reconnect": lambda s: answer(f"retry: {s}\ndata: {chunk('a')}\n\n".encode(), SSE),
    "unknown field": lambda s: answer(f"{s}: x\ndata: {chunk('a')}\n\n".encode(), SSE),
    "data in lines": lambda s: answer(f'data: {{\ndata: "a": "{s}"}}\n\n'.encode(), SSE),
    "lines that end in CR": lambda s: answer(f"data: {chunk(s)}\r\rdata: [DONE]\r\r".encode(), SSE),
    "broken stream": lambda s: broken(answer(f'data: {chunk("a")}\n\ndata: {{"half": "{s}'.encode(), SSE)),
    "broken JSON": lambda s: broken(answer(json.dumps({"a": s}).encode())),
    "JSON in JSON in JSON": lambda s: answer(json.dumps({"a": json.dumps({"b": json.dumps({"c": f"/{s}"})})}).encode()),
    "percent twice": lambda s: answer(json.dumps({"u": quote(quote(f"={s}", safe=""), safe="")}).encode()),
    "escapes alone": lambda s: answer(('{"a": "' + "".join(f"\\u{ord(c):04x}" for c in s) + '"}').encode()),
    "page": lambda s: answer(f"<b>{html.escape(f'&{s}')}</b>".encode(), "text/html"),
    "key that the API made": lambda s: answer(json.dumps({"client_secret": {"value": s, "expires_at": 1}}).encode()),
}  # fmt: skip

# Spellings that only the gate where bytes are written can see.
SPELLINGS: dict[str, Callable[[str], bytes]] = {
    "UTF-16": lambda s: answer(s.encode("utf-16-le"), "application/octet-stream"),
    "base64": lambda s: answer(base64.b64encode(s.encode()), "text/plain"),
}

REQUESTS: dict[str, Callable[[str], tuple[str, bytes, str]]] = {
    "message": lambda s: ("POST /v1/x", json.dumps({"messages": [{"content": f"Use\n{s}"}]}).encode(), ""),
    "api_key": lambda s: ("POST /v1/x", json.dumps({"api_key": s}).encode(), ""),
    "tool": lambda s: ("POST /v1/x", json.dumps({"tools": [{"authorization": s, "headers": {"k": s}}]}).encode(), ""),
    "query": lambda s: (f"GET /v1/x?api-key={quote(s, safe='')}&sig={quote(s, safe='')}", b"", ""),
    "path": lambda s: (f"GET /v1/files/{quote(s, safe='')}", b"", ""),
    "form": lambda s: ("POST /v1/token", f"client_secret={quote(s, safe='')}&a=b".encode(), ""),
    "URL": lambda s: ("POST /v1/x", json.dumps({"server_url": f"https://u:{quote(s, safe='')}@h/"}).encode(), ""),
    "no JSON": lambda s: ("POST /v1/x", f'{{"password": "{s}", "password": "{s}"}}'.encode(), ""),
    "lines": lambda s: ("POST /v1/x", f'{{"access_token": "{s}"}}\n{{"secret": "{s}"}}'.encode(), ""),
    "test id": lambda s: ("GET /v1/x", b"", f"X-Test-Id: tests/{s}\r\n"),
    "user of the proxy": lambda s: (
        "GET /v1/x", b"", f"Proxy-Authorization: Basic {base64.b64encode(f'me:p:{s}'.encode()).decode()}\r\n"
    ),
    "cookie": lambda s: ("GET /v1/x", b"", f"Cookie: a=b; session={s}\r\n"),
    "Basic": lambda s: ("GET /v1/x", b"", f"Authorization: Basic {base64.b64encode(f'me:{s}'.encode()).decode()}\r\n"),
}  # fmt: skip

BOUNDARY = "Content-Type: multipart/form-data; boundary=b\r\n"


def form(name: str, value: str, more: str = "") -> bytes:
    """Return a multipart form of one field."""
    head = f'--b\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'
    return f"{head}{value}\r\n--b--\r\n".encode()


MORE_REQUESTS: dict[str, Callable[[str], tuple[str, bytes, str]]] = {
    "field of a form": lambda s: ("POST /v1/x", form("api_key", s), BOUNDARY),
    "JSON in a form": lambda s: ("POST /v1/x", form("a", f'{{"password": "{s}"}}'), BOUNDARY),
    "gzip": lambda s: ("POST /v1/x", gzip.compress(json.dumps({"api_key": s}).encode()), "Content-Encoding: gzip\r\n"),
    "URL of a tool": lambda s: ("POST /v1/x", json.dumps({"url": f"https://h/?key={quote(s, safe='')}"}).encode(), ""),
    "data source": lambda s: ("POST /v1/x", json.dumps({"authentication": {"type": "api_key", "key": s}}).encode(), ""),
    "JSON as text": lambda s: ("POST /v1/x", json.dumps({"metadata": json.dumps({"client_secret": s})}).encode(), ""),
    "name with escapes": lambda s: (f"GET /v1/x?api%5Fkey={quote(s, safe='')}", b"", ""),
    "code": lambda s: (f"GET /v1/x?code={quote(s, safe='')}&access_token={quote(s, safe='')}", b"", ""),
    "api-key": lambda s: ("GET /v1/x", b"", f"api-key: {s}\r\n"),
    "x-api-key": lambda s: ("GET /v1/x", b"", f"x-api-key: {s}\r\n"),
    "x-goog-api-key": lambda s: ("GET /v1/x", b"", f"x-goog-api-key: {s}\r\n"),
    "subscription key": lambda s: ("GET /v1/x", b"", f"ocp-apim-subscription-key: {s}\r\n"),
    "subprotocol": lambda s: ("GET /v1/x", b"", f"Sec-WebSocket-Protocol: a, openai-insecure-api-key.{s}\r\n"),
}  # fmt: skip

FEW_KINDS = ("sk-proj-", "JWT", "own")
FEW_PLACES = ("text of a completion", "arguments in a stream", "comment", "sound")


def pairs_of_answers() -> Iterator[tuple[str, Callable[[Bench], str], str, Callable[[str], bytes]]]:
    """Yield each kind with each place of an answer that it is tried in."""
    yield from ((*kind, *place) for kind, place in itertools.product(KINDS.items(), ANSWERS.items()))
    yield from (("own", KINDS["own"], *place) for place in SPELLINGS.items())
    few = ((name, KINDS[name]) for name in FEW_KINDS)
    yield from ((*kind, *place) for kind, place in itertools.product(few, MORE_ANSWERS.items()))
    places = ((name, ANSWERS[name]) for name in FEW_PLACES)
    yield from ((*kind, *place) for kind, place in itertools.product(MORE_KINDS.items(), places))


def pairs_of_requests() -> Iterator[
    tuple[str, Callable[[Bench], str], str, Callable[[str], tuple[str, bytes, str]]]
]:
    """Yield each kind with each place of a request that it is tried in."""
    for kind, place in itertools.product(KINDS.items(), REQUESTS.items()):
        if kind[0] != "own" or place[0] not in BY_LOOK_ALONE:
            yield (*kind, *place)
    few = ((name, KINDS[name]) for name in FEW_KINDS)
    yield from ((*kind, *place) for kind, place in itertools.product(few, MORE_REQUESTS.items()))


BY_LOOK_ALONE = {"message", "path", "test id"}


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Every kind of secret in every place, recorded; the proxy has ended and has left its files."""
    top = tmp_path_factory.mktemp("secrets")
    with bench(top) as running:
        number = itertools.count()
        for kind, make, place, build in pairs_of_answers():
            secret = running.seeded[f"{kind} in answer, {place}"] = make(running)
            running.upstream.answer = build(secret)
            authorization = f"Authorization: Bearer {secret}\r\n" if kind == "own" else ""
            running.send(f"GET /v1/things/{next(number)}", headers=authorization)
        for kind, make, place, describe in pairs_of_requests():
            secret = running.seeded[f"{kind} in request, {place}"] = make(running)
            running.upstream.answer = answer(json.dumps({"you": f"sent {secret}"}).encode())
            head, body, headers = describe(secret)
            running.send(
                head, body, f"X-Test-Id: {next(number)}\r\n{headers}" if "X-Test" not in headers else headers
            )
        sent = len(running.seeded)
        wait_until(lambda: _counted(running.totals()) >= sent - len(KINDS), "all are counted")
    return running


def _counted(totals: dict[str, int]) -> int:
    return totals["recorded"] + totals["not_recorded"]


def test_no_secret_is_in_any_file(seeded: Bench) -> None:
    assert len(seeded.seeded) > 450
    assert leaks(seeded.top, seeded.seeded) == []


def test_the_files_are_there(seeded: Bench) -> None:
    names = [path.name for path in files_below(seeded.top)]
    assert sum(name.endswith(".json") for name in names) > 250
    assert "report.json" in names
    assert any(name.endswith(".log") for name in names)
    assert b"REDACTED" in b"".join(
        path.read_bytes() for path in files_below(seeded.top) if path.suffix in (".json", ".txt")
    )


def test_a_credential_that_redaction_cannot_see_is_not_recorded_and_said_so(seeded: Bench) -> None:
    report = json.loads((seeded.top / "report.json").read_text())
    reasons = [entry["reason"] for entry in report["not_recorded"]]

    assert reasons.count(
        "the file of the body would hold a credential of the request, in a place or a spelling that is not redacted"
    ) == len(SPELLINGS)


# --- WebSockets ---------------------------------------------------------------------------------------------------


KINDS_IN_SESSIONS = ("sk-proj-", "ek_", "AKIA", "JWT", "own")


def hold_sessions(words: Bench, kind: str) -> None:
    """Hold a Realtime session and one of Responses with secrets in subprotocols, tools, messages and close reasons."""
    own = words.seeded[f"own beside {kind}"] = KINDS["own"](words)
    secret = own if kind == "own" else KINDS[kind](words)
    words.seeded[f"{kind} in a session"] = secret
    test_id = f"tests/{kind if kind == 'own' else secret}"
    headers = [("authorization", f"Bearer {own}"), ("x-test-id", test_id)]
    tools = [{"type": "mcp", "authorization": own, "headers": {"x": secret}}]
    with through_proxy(words.proxy) as connection:
        key = f"openai-insecure-api-key.{secret}"
        socket = WebSocket(
            connection, "/v1/realtime?model=m", headers=headers, subprotocols=["realtime", key]
        )
        socket.accepted()
        socket.send(type="session.update", session={"tools": tools, "instructions": f"\n{own}"})
        content = [{"type": "input_text", "text": json.dumps({"k": f"\n{secret}"})}]
        socket.send(
            type="conversation.item.create", item={"type": "message", "role": "user", "content": content}
        )
        socket.receive_until("conversation.item.done")
        socket.close(1000, secret)
    with through_proxy(words.proxy) as connection:
        socket = WebSocket(connection, "/v1/responses", headers=headers)
        socket.accepted()
        socket.send(type="response.create", model="gpt-4o", input=f"Say {secret}", tools=tools)
        socket.receive_until("response.completed")
        socket.close(1000, "done")


def test_no_secret_of_a_session_is_in_any_file(tmp_path: Path) -> None:
    options = ("recording_mode=record", f"recording_dir={tmp_path / 'recordings'}")
    with Upstream() as upstream, proxy(tmp_path / "home", *options, upstream=upstream) as running:
        words = Bench(running, ScriptedUpstream(0), tmp_path, random.Random(15), {})
        for kind in KINDS_IN_SESSIONS:
            hold_sessions(words, kind)

    assert len(list((tmp_path / "recordings").glob("*.json"))) == 2 * len(KINDS_IN_SESSIONS)
    assert leaks(tmp_path, words.seeded) == []
