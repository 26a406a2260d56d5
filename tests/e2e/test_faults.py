"""Each injected fault is what it says, as curl, openai-python and openai-node see it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI

from support.both import KEY, both, listening_client
from support.node import node
from support.proxy import Proxy, curl, proxy
from support.requests import CHAT_PATH, CHAT_URL, chat_body

HELLO: dict[str, Any] = chat_body("Hello")
STREAM = {**HELLO, "stream": True}

# What curl says of a transfer that ended too early: partial file, HTTP/2 stream not closed cleanly; of a reset
# connection; and of its own time limit.
PARTIAL_FILE, HTTP2_STREAM, RECEIVE_ERROR, TIMED_OUT = 18, 92, 56, 28

# Seconds after which a client gives up on an answer that stalls. The chunks before the stall, and the answer after the
# last fault, must come sooner, and do on a machine that does much else.
PATIENT_S = 10

PROTOCOLS = ["--http1.1", "--http2"]


@dataclass
class Rig:
    """A replayer as a proxy and one with a base URL, on the recordings of one stream and one plain answer."""

    through: Proxy
    by_base_url: Proxy
    chunks: list[bytes]

    def curl(self, fault: str, body: dict[str, Any], *arguments: str) -> subprocess.CompletedProcess[bytes]:
        return curl(
            self.through, CHAT_URL, "-d", json.dumps(body), "-H", f"X-Replay-Fault: {fault}", *arguments
        )

    def curl_by_base_url(
        self, fault: str, body: dict[str, Any], *arguments: str
    ) -> subprocess.CompletedProcess[bytes]:
        url = f"{self.by_base_url.url}{CHAT_PATH}"
        header = f"X-Replay-Fault: {fault}"
        return curl(self.by_base_url, url, "--noproxy", "*", "-d", json.dumps(body), "-H", header, *arguments)


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    home = tmp_path_factory.mktemp("faults")
    with both(home) as proxies:
        for body in (HELLO, STREAM):
            assert curl(proxies.recorder, CHAT_URL, "-d", json.dumps(body)).returncode == 0
        proxies.recorder.ask("/report")
        whole = curl(proxies.replayer, CHAT_URL, "-d", json.dumps(STREAM)).stdout
        chunks = [block + b"\n\n" for block in whole.split(b"\n\n")[:-1]]
        options = (f"recording_dir={proxies.folder}",)
        mode = "reverse:https://api.openai.com"
        with proxy(home / "by-base-url", *options, mode=mode) as by_base_url:
            yield Rig(proxies.replayer, by_base_url, chunks)


# --- curl ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("count", [0, 1, 5])
def test_a_cut_breaks_the_transfer_after_its_chunks(rig: Rig, protocol: str, count: int) -> None:
    done = rig.curl(f"cut_after={count}", STREAM, protocol)
    assert done.returncode == (PARTIAL_FILE if protocol == "--http1.1" else HTTP2_STREAM)
    assert done.stdout == b"".join(rig.chunks[:count])


def test_a_cut_breaks_the_transfer_by_base_url(rig: Rig) -> None:
    done = rig.curl_by_base_url("cut_after=3", STREAM)
    assert (done.returncode, done.stdout) == (PARTIAL_FILE, b"".join(rig.chunks[:3]))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_plain_answer_is_cut_in_its_middle(rig: Rig, protocol: str) -> None:
    whole = rig.curl("", HELLO, protocol).stdout
    done = rig.curl("cut_after=1", HELLO, protocol)

    assert done.returncode == (PARTIAL_FILE if protocol == "--http1.1" else HTTP2_STREAM)
    assert done.stdout == whole[: len(whole) // 2]


@pytest.mark.parametrize("count", [0, 3])
def test_a_reset_ends_the_connection_with_a_reset(rig: Rig, count: int) -> None:
    for done in (
        rig.curl(f"reset_after={count}", STREAM, "--http1.1"),
        rig.curl_by_base_url(f"reset_after={count}", STREAM),
    ):
        assert done.returncode == RECEIVE_ERROR, done.stderr
        assert b"reset" in done.stderr
        assert done.stdout == b"".join(rig.chunks[:count])


def test_a_reset_over_http2_resets_the_stream(rig: Rig) -> None:
    done = rig.curl("reset_after=3", STREAM, "--http2")
    assert (done.returncode, done.stdout) == (HTTP2_STREAM, b"".join(rig.chunks[:3]))


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("count", [0, 3])
def test_a_stall_lasts_until_the_client_leaves(rig: Rig, protocol: str, count: int) -> None:
    most = str(PATIENT_S if count else 3)
    done = rig.curl(f"stall_after={count}", STREAM, protocol, "--max-time", most, "-w", "%{http_code}")
    status = b"200" if count else b"000"
    assert (done.returncode, done.stdout) == (TIMED_OUT, b"".join(rig.chunks[:count]) + status)


def test_a_stall_that_ends_lets_the_whole_answer_come(rig: Rig) -> None:
    done = rig.curl("stall_after=3;for=300ms", STREAM, "-w", "%{time_total}")
    body, _, seconds = done.stdout.rpartition(b"\n\n")
    assert body + b"\n\n" == b"".join(rig.chunks)
    assert float(seconds) >= 0.3


def test_slow_chunks_all_come(rig: Rig) -> None:
    done = rig.curl("slow=20ms", STREAM, "-w", "%{time_starttransfer} %{time_total}")
    body, _, times = done.stdout.rpartition(b"\n\n")
    start, total = map(float, times.split())

    assert body + b"\n\n" == b"".join(rig.chunks)
    assert total - start >= 0.02 * (len(rig.chunks) - 1) - 0.005


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_malformed_chunk_is_half_a_json_text(rig: Rig, protocol: str) -> None:
    events = rig.curl("malformed_at=2", STREAM, protocol).stdout.split(b"\n\n")
    assert events[0] + b"\n\n" == rig.chunks[0]
    assert rig.chunks[1].startswith(events[1])
    assert 0 < len(events[1]) < len(rig.chunks[1]) - 2
    assert [event + b"\n\n" for event in events[2:-1]] == rig.chunks[2:]


def test_a_duplicated_chunk_comes_twice(rig: Rig) -> None:
    assert rig.curl("duplicate_at=2", STREAM).stdout == b"".join((*rig.chunks[:2], *rig.chunks[1:]))


@pytest.mark.parametrize(
    ("fault", "status", "wait"), [("rate_limit;retry_after=2", "429", "2"), ("error=503", "503", "")]
)
@pytest.mark.parametrize("body", [HELLO, STREAM], ids=["plain", "stream"])
def test_a_failure_comes_in_place_of_the_answer(
    rig: Rig, fault: str, status: str, wait: str, body: dict[str, Any]
) -> None:
    for done in (
        rig.curl(fault, body, "-w", "\n%{http_code}|%header{retry-after}|%header{x-replay-fault}"),
        rig.curl_by_base_url(
            fault, body, "-w", "\n%{http_code}|%header{retry-after}|%header{x-replay-fault}"
        ),
    ):
        text, _, facts = done.stdout.rpartition(b"\n")
        assert facts.decode() == f"{status}|{wait}|{fault.partition(';')[0].partition('=')[0]}"
        assert fault in json.loads(text)["error"]["message"]


def test_a_header_that_makes_no_sense_is_refused_once(rig: Rig) -> None:
    done = rig.curl("rate_limits", HELLO, "-w", "\n%{http_code} %header{x-should-retry}")
    text, _, facts = done.stdout.rpartition(b"\n")
    error = json.loads(text)["error"]

    assert facts == b"400 false"
    assert error["code"] == "replay_header_invalid"
    assert error["message"].startswith(
        "X-Replay-Fault='rate_limits': unknown word 'rate_limits': did you mean rate_limit?"
    )


def test_a_request_without_a_recording_stays_a_miss(rig: Rig) -> None:
    done = rig.curl("rate_limit", {**HELLO, "seed": 1}, "-w", "%{http_code}")
    assert done.stdout.endswith(b"400")
    assert b"recording_not_found" in done.stdout


def test_a_rule_that_makes_no_sense_stops_the_start(tmp_path: Path) -> None:
    options = ("recording_dir=.", "recording_faults=rate_limit;frist=2")
    with pytest.raises(AssertionError) as caught, proxy(tmp_path, *options):
        pass
    assert (
        "recording_faults='rate_limit;frist=2': unknown word 'frist': did you mean first? "
        "Allowed: every, first, model, p, path, retry_after, seed, test" in str(caught.value)
    )


def test_a_cap_shortens_the_wait_after_a_recorded_failure(tmp_path: Path) -> None:
    with both(tmp_path, "recording_retry_after=0.5") as proxies:
        proxies.upstream.add(
            {
                "match": {"body": HELLO},
                "answer": {
                    "status": 429,
                    "headers": {"retry-after": "20", "retry-after-ms": "20000"},
                    "json": {
                        "error": {"message": "Slow down", "type": "requests", "param": None, "code": None}
                    },
                },
            }
        )
        waits = ("-d", json.dumps(HELLO), "-w", "\n%{http_code} %header{retry-after} %header{retry-after-ms}")
        recorded = curl(proxies.recorder, CHAT_URL, *waits)
        proxies.recorder.ask("/report")
        replayed = curl(proxies.replayer, CHAT_URL, *waits)
    assert recorded.stdout.endswith(b"\n429 20 20000")
    assert replayed.stdout.endswith(b"\n429 0.5 500")


# --- openai-python ------------------------------------------------------------------------------------------------


def python_sees(rig: Rig, fault: str, *, stream: bool, test_id: str = "", **options: Any) -> tuple[int, str]:
    """Return how many chunks openai-python got (1 for a plain answer), and the class of the error that it raised."""
    with listening_client(rig.through, test_id) as (http_client, _):
        client = OpenAI(
            api_key=KEY,
            http_client=http_client,
            default_headers={"X-Replay-Fault": fault},
            **{"max_retries": 0, **options},
        )
        count = 0
        try:
            answer = client.chat.completions.create(**(STREAM if stream else HELLO))
            for _ in answer if stream else [answer]:
                count += 1
        except (openai.APIError, httpx.TransportError, json.JSONDecodeError) as exc:
            return count, type(exc).__name__
    return count, ""


@pytest.mark.parametrize(
    ("fault", "count", "error"),
    [
        ("rate_limit", 0, "RateLimitError"),
        ("error=500", 0, "InternalServerError"),
        ("error=503", 0, "InternalServerError"),
        ("error=400", 0, "BadRequestError"),
        ("error=401", 0, "AuthenticationError"),
        ("error=403", 0, "PermissionDeniedError"),
        ("error=404", 0, "NotFoundError"),
        ("error=409", 0, "ConflictError"),
        ("error=422", 0, "UnprocessableEntityError"),
        ("cut_after=3", 3, "RemoteProtocolError"),
        ("reset_after=3", 3, "ReadError"),
        ("malformed_at=3", 2, "JSONDecodeError"),
    ],
)
def test_python_raises_for_a_stream_as_for_the_real_thing(
    rig: Rig, fault: str, count: int, error: str
) -> None:
    assert python_sees(rig, fault, stream=True) == (count, error)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("rate_limit", "RateLimitError"),
        ("error=503", "InternalServerError"),
        ("cut_after=1", "APIConnectionError"),
        ("reset_after=1", "APIConnectionError"),
        ("malformed_at=1", "JSONDecodeError"),
    ],
)
def test_python_raises_for_a_plain_answer_as_for_the_real_thing(rig: Rig, fault: str, error: str) -> None:
    assert python_sees(rig, fault, stream=False) == (0, error)


@pytest.mark.parametrize(
    ("stream", "fault", "count", "error"),
    [
        (True, "stall_after=3", 3, "ReadTimeout"),
        (True, "stall_after=0", 0, "APITimeoutError"),
        (False, "stall_after=0", 0, "APITimeoutError"),
        (False, "stall_after=1", 0, "APITimeoutError"),
    ],
)
def test_python_runs_into_its_timeout(rig: Rig, stream: bool, fault: str, count: int, error: str) -> None:
    timeout = PATIENT_S if count else 2.0
    assert python_sees(rig, fault, stream=stream, timeout=timeout) == (count, error)


def faults_of(running: Proxy, test_id: str) -> list[tuple[str, int]]:
    report = running.ask(f"/report?test_id={test_id}")
    return [(entry["fault"], entry["times"]) for entry in report["faulted"]]


@pytest.mark.parametrize(
    ("stream", "fault"),
    [
        (False, "rate_limit;retry_after=0"),
        (True, "error=503;retry_after=0"),
        (False, "cut_after=1"),
        (False, "reset_after=1"),
        (False, "stall_after=0"),
    ],
)
def test_python_retries_until_the_fault_is_over(rig: Rig, stream: bool, fault: str) -> None:
    test_id = f"python-{fault.partition(';')[0]}"
    options: dict[str, Any] = {"max_retries": 2, "timeout": PATIENT_S if "stall" in fault else 60.0}
    expected = len(rig.chunks) - 1 if stream else 1

    assert python_sees(rig, f"{fault};first=2", stream=stream, test_id=test_id, **options) == (expected, "")
    assert faults_of(rig.through, test_id) == [(fault.partition("=")[0].partition(";")[0], 2)]


# --- openai-node --------------------------------------------------------------------------------------------------


def node_sees(rig: Rig, fault: str, *, stream: bool, test_id: str = "", **options: Any) -> tuple[int, str]:
    """Return how many chunks openai-node got (1 for a plain answer), and the class of the error that it raised."""
    calls = [[["chat", "completions", "create"], STREAM if stream else HELLO]]
    options = {"headers": {"X-Replay-Fault": fault}, **options}
    [answer] = node(rig.through, calls, test_id=test_id, options=options)
    count = len(answer["items"]) if "items" in answer else int("value" in answer)
    return count, answer.get("error", {}).get("class", "")


@pytest.mark.parametrize(
    ("stream", "fault", "count", "error"),
    [
        (True, "rate_limit", 0, "RateLimitError"),
        (True, "error=503", 0, "InternalServerError"),
        (True, "error=401", 0, "AuthenticationError"),
        (True, "cut_after=3", 3, "TypeError"),
        (True, "reset_after=3", 3, "TypeError"),
        (True, "malformed_at=3", 2, "SyntaxError"),
        (False, "rate_limit", 0, "RateLimitError"),
        (False, "error=500", 0, "InternalServerError"),
        (False, "cut_after=1", 0, "TypeError"),
        (False, "malformed_at=1", 0, "SyntaxError"),
    ],
)
def test_node_raises_as_for_the_real_thing(
    rig: Rig, stream: bool, fault: str, count: int, error: str
) -> None:
    assert node_sees(rig, fault, stream=stream) == (count, error)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_node_runs_into_its_timeout(rig: Rig, stream: bool) -> None:
    assert node_sees(rig, "stall_after=0", stream=stream, timeout=2000) == (0, "APIConnectionTimeoutError")


@pytest.mark.parametrize(
    ("stream", "fault"),
    [(False, "rate_limit;retry_after=0"), (True, "error=503;retry_after=0"), (False, "stall_after=0")],
)
def test_node_retries_until_the_fault_is_over(rig: Rig, stream: bool, fault: str) -> None:
    test_id = f"node-{fault.partition(';')[0]}"
    options: dict[str, Any] = {"maxRetries": 2, "timeout": 1000 * PATIENT_S if "stall" in fault else 60_000}
    expected = len(rig.chunks) - 1 if stream else 1

    assert node_sees(rig, f"{fault};first=2", stream=stream, test_id=test_id, **options) == (expected, "")
    assert faults_of(rig.through, test_id) == [(fault.partition("=")[0].partition(";")[0], 2)]
