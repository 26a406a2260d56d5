"""Each injected fault has its effect, as curl, openai-python and openai-node see it."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any
from urllib.parse import quote

import httpx
import openai
import pytest
from openai import OpenAI

from openai_replay.trouble.fault_rules import FaultKind, parse_fault
from support.both import KEY, both, listening_client
from support.node import node
from support.proxy import CEILING_S, Proxy, curl, proxy
from support.requests import CHAT_PATH, CHAT_URL, chat_body

HELLO: dict[str, Any] = chat_body("Hello")
STREAM = {**HELLO, "stream": True}
RATE_LIMITED = {**HELLO, "seed": 429}
SLOW_DOWN: dict[str, Any] = {
    "match": {"body": RATE_LIMITED},
    "answer": {
        "status": 429,
        "headers": {"retry-after": "20", "retry-after-ms": "20000"},
        "json": {"error": {"message": "Slow down", "type": "requests", "param": None, "code": None}},
    },
}

# curl's exit codes for a transfer that ended too early: partial file, HTTP/2 stream not closed cleanly; of a reset
# connection; and of its time limit.
PARTIAL_FILE, HTTP2_STREAM, RECEIVE_ERROR, TIMED_OUT = 18, 92, 56, 28

# The recorded stream has so many chunks before `[DONE]`.
ITEMS = 11

PROTOCOLS = ["--http1.1", "--http2"]


@dataclass
class Rig:
    """A replayer as a proxy and one with a base URL, on the recordings of one stream and one plain answer.

    The latter caps the seconds of `retry-after`.
    """

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
        proxies.upstream.add(SLOW_DOWN)
        for body in (HELLO, STREAM, RATE_LIMITED):
            assert curl(proxies.recorder, CHAT_URL, "-d", json.dumps(body)).returncode == 0
        proxies.recorder.ask("/report")
        whole = curl(proxies.replayer, CHAT_URL, "-d", json.dumps(STREAM)).stdout
        chunks = [block + b"\n\n" for block in whole.split(b"\n\n")[:-1]]
        assert len(chunks) == ITEMS + 1
        options = (f"recording_dir={proxies.folder}", "recording_retry_after=0.5")
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


def test_a_stall_lasts_until_the_client_leaves(rig: Rig) -> None:
    stalls = list(product(PROTOCOLS, (0, 3)))
    with ThreadPoolExecutor(len(stalls)) as pool:
        for (_, count), done in zip(stalls, pool.map(partial(stalled, rig), stalls), strict=True):
            status = b"200" if count else b"000"
            assert (done.returncode, done.stdout) == (TIMED_OUT, b"".join(rig.chunks[:count]) + status)


def stalled(rig: Rig, stall: tuple[str, int]) -> subprocess.CompletedProcess[bytes]:
    """Let curl give up an answer after a time in which the chunks before the stall come even on a busy machine."""
    protocol, count = stall
    return rig.curl(f"stall_after={count}", STREAM, protocol, "--max-time", "3", "-w", "%{http_code}")


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
    ("fault", "status", "wait"), [("rate_limit;retry_after=0", "429", "0"), ("error=503", "503", "")]
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


def test_a_misspelt_header_is_refused(rig: Rig) -> None:
    done = rig.curl("", HELLO, "-H", "X-Replay-Faults: rate_limit")
    assert json.loads(done.stdout)["error"]["message"] == (
        "unknown header x-replay-faults: did you mean X-Replay-Fault?"
    )


def test_a_request_without_a_recording_stays_a_miss(rig: Rig) -> None:
    done = rig.curl("rate_limit", {**HELLO, "seed": 1}, "-w", "%{http_code}")
    assert done.stdout.endswith(b"400")
    assert b"recording_not_found" in done.stdout


@pytest.mark.parametrize(
    ("fault", "body", "uncapped"),
    [("", RATE_LIMITED, b"429|20|20000"), ("rate_limit;retry_after=20", HELLO, b"429|20|")],
    ids=["recorded", "injected"],
)
def test_a_cap_shortens_the_wait_after_a_failure(
    rig: Rig, fault: str, body: dict[str, Any], uncapped: bytes
) -> None:
    facts = ("-w", "\n%{http_code}|%header{retry-after}|%header{retry-after-ms}")
    assert rig.curl(fault, body, *facts).stdout.endswith(b"\n" + uncapped)
    assert rig.curl_by_base_url(fault, body, *facts).stdout.endswith(b"\n429|0|500")


# --- openai-python and openai-node --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Seen:
    """A call's outcome in an SDK: its items (one for a plain answer), the class of the error, the ms that it took."""

    items: Sequence[Any]
    error: str
    ms: float


type Expected = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Case:
    """A call with a fault in its answer.

    `python` and `node` are the number of items that the SDK hands out and the class of the error that it raises, as for
    the real thing; None: the SDK neither ends nor repeats such a call by itself. `timeout_s` is the client's limit for
    a silence. `aborted_s`: after this time the Node program gives up the call. `retries`: how often the SDK tries
    again; `faults`: how often the fault is served.
    """

    fault: str
    is_stream: bool
    python: Expected | None
    node: Expected | None
    timeout_s: float = CEILING_S
    aborted_s: float = 0
    retries: int = 0
    faults: int = 1
    least_ms: float = 0

    @property
    def name(self) -> str:
        return f"{'stream' if self.is_stream else 'plain'}-{self.fault}"

    @property
    def body(self) -> dict[str, Any]:
        return STREAM if self.is_stream else HELLO

    def headers(self, sdk: str) -> dict[str, str]:
        return {"X-Replay-Fault": self.fault, "X-Test-Id": quote(f"{sdk}-{self.name}", safe="")}


def failure(fault: str, error: str) -> list[Case]:
    """Return the cases of a failure in place of a streamed and of a plain answer."""
    return [Case(fault, is_stream, (0, error), (0, error)) for is_stream in (True, False)]


def retried(
    fault: str, *, is_stream: bool = False, retries: int = 2, is_repeated_by_node: bool = True, **more: Any
) -> Case:
    """Return the case of a call whose first two attempts get a fault."""
    whole = (ITEMS if is_stream else 1, "")
    return Case(
        f"{fault};first=2",
        is_stream,
        whole,
        whole if is_repeated_by_node else None,
        retries=retries,
        faults=2,
        **more,
    )


CASES = [
    *failure("rate_limit", "RateLimitError"),
    *failure("error=400", "BadRequestError"),
    *failure("error=401", "AuthenticationError"),
    *failure("error=403", "PermissionDeniedError"),
    *failure("error=404", "NotFoundError"),
    *failure("error=409", "ConflictError"),
    *failure("error=422", "UnprocessableEntityError"),
    *failure("error=500", "InternalServerError"),
    *failure("error=503", "InternalServerError"),
    # A busy machine may cost this call more attempts than the two with a fault.
    retried("stall_after=0", timeout_s=1, retries=6),
    # openai-node's timeout ends with the head of an answer: only the program itself can give up a stream after that.
    Case("stall_after=3", True, (3, "ReadTimeout"), (3, ""), timeout_s=3, aborted_s=3),
    Case("stall_after=3;for=300ms", True, (ITEMS, ""), (ITEMS, ""), least_ms=300),
    Case("stall_after=0", True, (0, "APITimeoutError"), (0, "APIConnectionTimeoutError"), timeout_s=3),
    Case("stall_after=0", False, (0, "APITimeoutError"), (0, "APIConnectionTimeoutError"), timeout_s=3),
    Case("stall_after=1", False, (0, "APITimeoutError"), None, timeout_s=3),
    Case("cut_after=0", True, (0, "RemoteProtocolError"), (0, "TypeError")),
    Case("cut_after=3", True, (3, "RemoteProtocolError"), (3, "TypeError")),
    Case("cut_after=1", False, (0, "APIConnectionError"), (0, "TypeError")),
    Case("reset_after=3", True, (3, "ReadError"), (3, "TypeError")),
    Case("reset_after=1", False, (0, "APIConnectionError"), (0, "TypeError")),
    Case("malformed_at=3", True, (2, "JSONDecodeError"), (2, "SyntaxError")),
    Case("malformed_at=1", False, (0, "JSONDecodeError"), (0, "SyntaxError")),
    Case("duplicate_at=3", True, (ITEMS + 1, ""), (ITEMS + 1, "")),
    Case("slow=20ms", True, (ITEMS, ""), (ITEMS, ""), least_ms=20 * ITEMS),
    Case("slow=100ms", False, (1, ""), (1, ""), least_ms=100),
    retried("rate_limit;retry_after=1ms"),
    retried("error=503;retry_after=1ms", is_stream=True),
    # openai-node has the head of the answer by then, and repeats no call after that.
    retried("cut_after=1", is_repeated_by_node=False),
    retried("reset_after=1", is_repeated_by_node=False),
]

# So many calls wait at a time, and no more, so that none waits for the handshakes of the others.
AT_ONCE = 8

OF_PYTHON = [case for case in CASES if case.python]
OF_NODE = [case for case in CASES if case.node]


def python_call(http_client: httpx.Client, case: Case) -> Seen:
    """Make one call with openai-python."""
    client = OpenAI(
        api_key=KEY,
        http_client=http_client,
        default_headers=case.headers("python"),
        max_retries=case.retries,
        timeout=httpx.Timeout(CEILING_S, read=case.timeout_s),
    )
    items: list[Any] = []
    error = ""
    start_s = time.monotonic()
    try:
        answer = client.chat.completions.create(**case.body)
        for item in answer if case.is_stream else [answer]:
            items.append(item.model_dump())
    except (openai.APIError, httpx.TransportError, json.JSONDecodeError) as exc:
        error = type(exc).__name__
    return Seen(items, error, (time.monotonic() - start_s) * 1000)


@pytest.fixture(scope="module")
def python_saw(rig: Rig) -> dict[str, Seen]:
    """All calls by openai-python, side by side, so that their timeouts pass at the same time."""
    with listening_client(rig.through, "") as (http_client, _), ThreadPoolExecutor(AT_ONCE) as pool:
        seen = pool.map(partial(python_call, http_client), OF_PYTHON)
        return {case.name: one for case, one in zip(OF_PYTHON, seen, strict=True)}


@pytest.fixture(scope="module")
def node_saw(rig: Rig) -> dict[str, Seen]:
    """All calls by openai-node, side by side in one program."""
    calls = [[["chat", "completions", "create"], case.body, node_options(case)] for case in OF_NODE]
    answers = node(rig.through, calls, test_id="", options={"atOnce": AT_ONCE})
    return {case.name: node_outcome(answer) for case, answer in zip(OF_NODE, answers, strict=True)}


def node_options(case: Case) -> dict[str, Any]:
    return {
        "headers": case.headers("node"),
        "maxRetries": case.retries,
        "timeout": 1000 * case.timeout_s,
        "abortAfterMs": 1000 * case.aborted_s,
    }


def node_outcome(answer: dict[str, Any]) -> Seen:
    items = answer.get("items", [answer["value"]] if "value" in answer else [])
    return Seen(items, answer.get("error", {}).get("class", ""), answer["ms"])


@pytest.mark.parametrize("case", OF_PYTHON, ids=lambda case: case.name)
def test_openai_python_meets_each_fault_as_the_real_thing(
    rig: Rig, python_saw: dict[str, Seen], case: Case
) -> None:
    assert_met(rig, case, "python", python_saw[case.name], case.python)


@pytest.mark.parametrize("case", OF_NODE, ids=lambda case: case.name)
def test_openai_node_meets_each_fault_as_the_real_thing(
    rig: Rig, node_saw: dict[str, Seen], case: Case
) -> None:
    assert_met(rig, case, "node", node_saw[case.name], case.node)


def assert_met(rig: Rig, case: Case, sdk: str, seen: Seen, expected: Expected | None) -> None:
    kind = case.fault.partition(";")[0].partition("=")[0]
    report = rig.through.ask(f"/report?test_id={quote(f'{sdk}-{case.name}', safe='')}")

    assert (len(seen.items), seen.error) == expected
    assert seen.ms >= case.least_ms
    assert [(entry["fault"], entry["times"]) for entry in report["faulted"]] == [(kind, case.faults)]


def test_both_sdks_hand_out_a_duplicated_chunk_twice(
    python_saw: dict[str, Seen], node_saw: dict[str, Seen]
) -> None:
    for seen in (python_saw["stream-duplicate_at=3"], node_saw["stream-duplicate_at=3"]):
        assert seen.items[3] == seen.items[2]
        assert seen.items[4] != seen.items[3]


def test_each_kind_of_fault_is_met_by_both_sdks() -> None:
    kinds = {kind.value for kind in FaultKind}
    assert {parse_fault(case.fault).kind.value for case in OF_PYTHON} == kinds
    assert {parse_fault(case.fault).kind.value for case in OF_NODE} == kinds
