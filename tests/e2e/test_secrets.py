"""No secret is in any file that a recording proxy leaves: recordings, cache, log, report, temporary files."""

from __future__ import annotations

import base64
import itertools
import json
import random
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from support.proxy import Proxy, proxy, wait_until
from support.scripted_upstream import ScriptedUpstream, answer, scripted_upstream

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

    def files(self) -> Iterator[Path]:
        return (path for path in self.top.rglob("*") if path.is_file())


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


def leaks(seen: Bench) -> list[str]:
    """Return which seeded secrets are in which files, as they are or in other spellings."""
    contents = [(path.name[:20], path.read_bytes()) for path in seen.files()]
    return [
        f"{where}: in {name}"
        for where, secret in seen.seeded.items()
        for name, content in contents
        if any(spelt in content for spelt in (secret.encode(), secret.encode("utf-16-le")))
    ]


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

BY_LOOK_ALONE = {"message", "path", "test id"}


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Every kind of secret in every place, recorded; the proxy has ended and has left its files."""
    top = tmp_path_factory.mktemp("secrets")
    with bench(top) as running:
        number = itertools.count()
        for (kind, make), (place, build) in itertools.product(KINDS.items(), (ANSWERS | SPELLINGS).items()):
            if place in SPELLINGS and kind != "own":
                continue
            secret = running.seeded[f"{kind} in answer, {place}"] = make(running)
            running.upstream.answer = build(secret)
            authorization = f"Authorization: Bearer {secret}\r\n" if kind == "own" else ""
            running.send(f"GET /v1/things/{next(number)}", headers=authorization)
        for (kind, make), (place, describe) in itertools.product(KINDS.items(), REQUESTS.items()):
            if kind == "own" and place in BY_LOOK_ALONE:
                continue
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
    assert len(seeded.seeded) > 300
    assert leaks(seeded) == []


def test_the_files_are_there(seeded: Bench) -> None:
    names = [path.name for path in seeded.files()]
    assert sum(name.endswith(".json") for name in names) > 250
    assert "report.json" in names
    assert any(name.endswith(".log") for name in names)
    assert b"REDACTED" in b"".join(
        path.read_bytes() for path in seeded.files() if path.suffix in (".json", ".txt")
    )


def test_a_credential_that_redaction_cannot_see_is_not_recorded_and_said_so(seeded: Bench) -> None:
    report = json.loads((seeded.top / "report.json").read_text())
    reasons = [entry["reason"] for entry in report["not_recorded"]]

    assert reasons.count(
        "the file of the body would hold a credential of the request, in a place or a spelling that is not redacted"
    ) == len(SPELLINGS)
