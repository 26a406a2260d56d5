"""Delays are kept while recording, and a replay takes the time that its pacing says, by curl's own clock."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openai_replay.format import delays
from openai_replay.mock import Upstream
from support.both import Both, both
from support.curl_clock import event_times, gaps
from support.proxy import CEILING_S, curl, proxy, recordings
from support.requests import CHAT_URL, chat_body

HELLO: dict[str, Any] = chat_body("Hello")
STREAM = {**HELLO, "stream": True}
CHUNKS = 200

# Gaps of 1 to 21 ms, in an order without a pattern.
GAPS_MS = [1 + number * number % 21 for number in range(CHUNKS)]

LONG: dict[str, Any] = {**HELLO, "stream": True, "seed": 200}


def a_chunk(number: int) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"content": f"{number} "}, "logprobs": None, "finish_reason": None}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": "gpt-4o-2024-08-06",
        "service_tier": "default",
        "system_fingerprint": "fp_1",
        "choices": [choice],
    }


def long_stream(gap_ms: float) -> dict[str, Any]:
    """Return a scenario whose stream has 200 chunks."""
    events = [{"data": a_chunk(number)} for number in range(CHUNKS - 1)] + [{"data": "[DONE]"}]
    return {"match": {"body": LONG}, "answer": {"events": events, "delivery": {"gap_ms": gap_ms}}}


@pytest.fixture(scope="module")
def proxies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    with both(tmp_path_factory.mktemp("pacing"), "recording_timing=true") as proxies:
        proxies.upstream.add(long_stream(gap_ms=8))
        for body in (HELLO, STREAM, LONG):
            assert curl(proxies.recorder, CHAT_URL, "-d", json.dumps(body)).returncode == 0
        proxies.recorder.ask("/report")
        yield proxies


def recorded_times(proxies: Both, body: dict[str, Any]) -> tuple[int, ...]:
    [response] = [
        one["response"] for one in recordings(proxies.folder).values() if one["request"]["body"] == body
    ]
    return delays.decode(response["wire"]["delays"])


PROTOCOLS = ["--http1.1", "--http2"]


def test_the_times_are_one_short_line_of_the_file(proxies: Both) -> None:
    for path in proxies.folder.glob("*.json"):
        lines = [line for line in path.read_text().splitlines() if '"delays"' in line]
        assert len(lines) == 1
        assert re.fullmatch(r' {6}"delays": "\d+(\*\d+)?( \d+(\*\d+)?)*"', lines[0])


def test_a_recording_without_the_option_differs_in_the_times_alone(proxies: Both, tmp_path: Path) -> None:
    upstream = proxies.upstream
    folder = tmp_path / "recordings"
    options = (f"recording_dir={folder}", "recording_mode=record")
    with proxy(tmp_path / "home", *options, upstream=upstream) as recorder:
        assert curl(recorder, CHAT_URL, "-d", json.dumps(LONG)).returncode == 0
        recorder.ask("/report")
    [(name, plain)] = recordings(folder).items()
    timed = recordings(proxies.folder)[name]

    assert "wire" not in plain["response"]
    assert timed["response"].pop("wire").keys() == {"delays"}
    assert timed == plain


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_recorded_gaps_are_replayed(proxies: Both, protocol: str) -> None:
    planned = [float(time) for time in recorded_times(proxies, LONG)[1:-1]]
    seen = event_times(proxies.replayer, LONG, protocol, "-H", "X-Replay-Pacing: recorded")

    assert len(planned) == len(seen) == CHUNKS
    # curl cannot see an event before it is sent; the clock of `planned` is in whole ms.
    assert all(at >= plan - 1 for at, plan in zip(seen, planned, strict=True))
    # The stream takes its time from the first to the last chunk, also when a busy machine delays chunks in between.
    assert sum(gaps(seen)) >= 0.9 * sum(gaps(planned))


@pytest.mark.parametrize(("pacing", "factor"), [("2x", 2), ("0.5x", 0.5)])
def test_a_factor_scales_the_recorded_times(proxies: Both, pacing: str, factor: float) -> None:
    planned = [time / factor for time in recorded_times(proxies, LONG)[1:-1]]
    seen = event_times(proxies.replayer, LONG, "-H", f"X-Replay-Pacing: {pacing}")

    assert all(at >= plan - 1 for at, plan in zip(seen, planned, strict=True))


def test_gaps_of_a_made_up_order_are_replayed_in_that_order(tmp_path: Path) -> None:
    with Upstream(plain=True) as upstream:
        upstream.add(long_stream(gap_ms=0))
        folder = tmp_path / "recordings"
        options = (f"recording_dir={folder}", "recording_mode=record", "recording_timing=true")
        with proxy(tmp_path / "recorder", *options, upstream=upstream) as recorder:
            assert curl(recorder, CHAT_URL, "-d", json.dumps(LONG)).returncode == 0
            recorder.ask("/report")
    [path] = folder.glob("*.json")
    recording = json.loads(path.read_bytes())
    times = [0.0, 0.0]
    for gap in GAPS_MS[1:]:
        times.append(times[-1] + gap)
    recording["response"]["wire"]["delays"] = delays.encode([*times, times[-1]])
    path.write_text(json.dumps(recording, indent=2))

    with proxy(tmp_path / "replayer", f"recording_dir={folder}", "recording_pacing=recorded") as replayer:
        seen = event_times(replayer, LONG)

    assert all(at >= plan - 1 for at, plan in zip(seen, times[1:], strict=True))
    # The long gaps are the long ones that curl sees: on average, for single gaps suffer from a busy machine.
    long_gaps = [gap for gap, planned in zip(gaps(seen), GAPS_MS[1:], strict=True) if planned > 14]
    short_gaps = [gap for gap, planned in zip(gaps(seen), GAPS_MS[1:], strict=True) if planned < 8]
    assert sum(long_gaps) / len(long_gaps) > sum(short_gaps) / len(short_gaps)


def test_made_up_delays_need_no_recorded_times(proxies: Both) -> None:
    seen = event_times(proxies.replayer, LONG, "-H", "X-Replay-Pacing: ttft=100ms,gap=2ms")
    assert all(at >= 100 + 2 * number - 1 for number, at in enumerate(seen))
    assert len(seen) == CHUNKS


def test_a_base_url_is_paced_too(proxies: Both, tmp_path: Path) -> None:
    options = (f"recording_dir={proxies.folder}", "recording_pacing=recorded")
    planned = recorded_times(proxies, LONG)[1:-1]
    with proxy(tmp_path, *options, mode="reverse:https://api.openai.com") as replayer:
        url = f"{replayer.url}/v1/chat/completions"
        seen = event_times(replayer, LONG, "--noproxy", "*", url=url)
    assert len(seen) == CHUNKS
    assert all(at >= plan - 1 for at, plan in zip(seen, planned, strict=True))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_plain_answer_waits_its_time(proxies: Both, protocol: str) -> None:
    arguments = ("-d", json.dumps(HELLO), protocol, "-w", "\n%{time_total} %header{content-length}")
    at_once = curl(proxies.replayer, CHAT_URL, *arguments)
    waited = curl(proxies.replayer, CHAT_URL, *arguments, "-H", "X-Replay-Pacing: ttft=300ms")
    body, _, facts = waited.stdout.rpartition(b"\n")
    seconds, length = facts.split()

    assert float(seconds) >= 0.3
    assert body == at_once.stdout.rpartition(b"\n")[0]
    assert int(length) == len(body)


def test_the_pacing_header_never_goes_upstream(proxies: Both) -> None:
    body = {**HELLO, "seed": 4}
    headers = ("-H", "X-Replay-Pacing: recorded", "-H", "X-Replay-Fault: rate_limit")
    assert curl(
        proxies.recorder, CHAT_URL, "-d", json.dumps(body), *headers, "-w", "%{http_code}"
    ).stdout.endswith(b"200")
    sent = proxies.upstream.requests[-1]
    assert "x-replay-pacing" not in {name.lower() for name, _ in sent.headers}
    assert "x-replay-fault" not in {name.lower() for name, _ in sent.headers}


def test_all_streams_of_one_http2_connection_run_side_by_side(proxies: Both) -> None:
    count = 12
    to_nowhere = [argument for _ in range(count) for argument in (CHAT_URL, "-o", "/dev/null")]
    stalled = [
        "-H",
        "X-Replay-Fault: stall_after=3",
        "--max-time",
        "10",
        "-w",
        "%{num_connects} %{size_download}\n",
    ]
    done = subprocess.run(
        ["curl", "-sS", "--http2", "--parallel", "-d", json.dumps(STREAM), *stalled, *to_nowhere],
        capture_output=True,
        env=proxies.replayer.environment(),
        timeout=CEILING_S,
        check=False,
    )
    connects, sizes = zip(*(map(int, line.split()) for line in done.stdout.splitlines()), strict=True)
    assert sum(connects) == 1
    assert len(sizes) == count
    assert min(sizes) == max(sizes) > 0


def test_the_log_and_the_report_say_that_answers_are_paced(proxies: Both, tmp_path: Path) -> None:
    options = (f"recording_dir={proxies.folder}", "recording_pacing=2x", "recording_faults=error=503;first=1")
    with proxy(tmp_path, *options) as replayer:
        for _ in range(3):
            curl(replayer, CHAT_URL, "-d", json.dumps(STREAM), test_id="t")
        report = replayer.ask("/report?test_id=t")

    assert (
        "Recorded answers are not sent as they were: recording_pacing=2x, recording_faults=error=503;first=1."
        in replayer.log()
    )
    assert report["paced"] == [{"test_id": "t", "times": 2}]
    assert report["faulted"] == [{"fault": "error", "test_id": "t", "times": 1}]
    assert (report["totals"]["paced"], report["totals"]["faulted"]) == (2, 1)
