"""The effect of each of the four modes on a request, and which requests they concern."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openai_replay.mock import Upstream
from support.proxy import Proxy, curl, proxy, recordings, wait_until
from support.requests import CHAT_PATH, chat_body

HOST = "api.openai.com"
CONNECTIONS = ("proxy", "base-url")


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """An upstream that says something else each time it is asked the same."""
    with Upstream() as upstream:
        answers = [{"json": {"object": "chat.completion", "choices": [], "turn": turn}} for turn in range(9)]
        upstream.add({"match": {"path": CHAT_PATH}, "sequence": answers})
        yield upstream


def turn(running: Proxy, question: str = "Hello", *arguments: str) -> int:
    """Return which answer of the upstream's the client got."""
    body = json.dumps(chat_body(question))
    is_base_url = "reverse proxy" in running.log()
    url = f"{running.url}{CHAT_PATH}" if is_base_url else f"https://{HOST}{CHAT_PATH}"
    direct = ("--noproxy", "*") if is_base_url else ()
    asked = curl(running, url, *direct, *arguments, "--json", body)
    assert asked.returncode == 0, asked.stderr
    answer = json.loads(asked.stdout)
    return int(answer["turn"]) if "turn" in answer else missed(answer)


MISSED = -1


def missed(answer: dict[str, Any]) -> int:
    assert answer["error"]["code"] == "recording_not_found"
    return MISSED


def mode_of(connection: str) -> str:
    return "" if connection == "proxy" else f"reverse:https://{HOST}"


def turns_in(folder: Path) -> list[int]:
    """Return which answers are recorded, by file name."""
    values = recordings(folder).values()
    return sorted(value["response"]["body"]["__data__"]["turn"] for value in values)


@pytest.mark.parametrize("connection", CONNECTIONS)
def test_record_always_asks_upstream_and_overwrites(
    tmp_path: Path, upstream: Upstream, connection: str
) -> None:
    options = ("recording_mode=record", f"recording_dir={tmp_path / 'recordings'}")
    for run, question in ((0, "Hello"), (1, "Hello"), (2, "Something else")):
        with proxy(tmp_path / "home", *options, upstream=upstream, mode=mode_of(connection)) as recorder:
            assert turn(recorder, question) == run
    assert turns_in(tmp_path / "recordings") == [1, 2]
    assert len(upstream.requests) == 3


@pytest.mark.parametrize("connection", CONNECTIONS)
def test_replay_is_the_default_and_never_asks_upstream(
    tmp_path: Path, upstream: Upstream, connection: str
) -> None:
    mode = mode_of(connection)
    (tmp_path / "home").mkdir()
    with proxy(tmp_path / "home", "recording_mode=record", upstream=upstream, mode=mode) as recorder:
        assert turn(recorder) == 0
    before = upstream.connections
    with proxy(tmp_path / "home", upstream=upstream, mode=mode) as replayer:
        assert [turn(replayer), turn(replayer), turn(replayer, "Never recorded")] == [0, 0, MISSED]
    assert upstream.connections == before
    assert turns_in(tmp_path / "home" / "recordings") == [0]


@pytest.mark.parametrize("connection", CONNECTIONS)
def test_record_if_missing_replays_what_was_there_and_records_the_rest(
    tmp_path: Path, upstream: Upstream, connection: str
) -> None:
    mode, folder = mode_of(connection), tmp_path / "recordings"
    options = (f"recording_dir={folder}",)
    with proxy(
        tmp_path / "home", *options, "recording_mode=record", upstream=upstream, mode=mode
    ) as recorder:
        assert turn(recorder) == 0
    before = upstream.connections
    for repeat in range(2):
        with proxy(
            tmp_path / "home", *options, "recording_mode=record-if-missing", upstream=upstream, mode=mode
        ) as recorder:
            assert turn(recorder) == 0
            assert upstream.connections == before + repeat
            assert turn(recorder, "New") == 1
    assert turns_in(folder) == [0, 1]


@pytest.mark.parametrize("connection", CONNECTIONS)
def test_live_passes_everything_through_and_writes_nothing(
    tmp_path: Path, upstream: Upstream, connection: str
) -> None:
    mode, folder = mode_of(connection), tmp_path / "recordings"
    options = (f"recording_dir={folder}",)
    with proxy(tmp_path / "home", *options, "recording_mode=live", upstream=upstream, mode=mode) as passing:
        assert turn(passing) == 0
    assert not folder.exists()
    with proxy(
        tmp_path / "home", *options, "recording_mode=record", upstream=upstream, mode=mode
    ) as recorder:
        assert turn(recorder) == 1
    files = {path: path.read_bytes() for path in folder.iterdir()}
    with proxy(tmp_path / "home", *options, "recording_mode=live", upstream=upstream, mode=mode) as passing:
        assert [turn(passing), turn(passing, "New"), turn(passing, "Hello", "--http2")] == [2, 3, 4]
    assert {path: path.read_bytes() for path in folder.iterdir()} == files


@pytest.mark.parametrize("mode", ["record", "record-if-missing", "live"])
def test_what_is_ours_never_reaches_upstream(tmp_path: Path, upstream: Upstream, mode: str) -> None:
    options = (f"recording_dir={tmp_path / 'recordings'}", f"recording_mode={mode}")
    with proxy(tmp_path / "home", *options, upstream=upstream) as passing:
        body = json.dumps({"model": "gpt-4o", "messages": []})
        key = ("-H", "Authorization: Bearer sk-live-1234", "-H", "X-Test-Id: a")
        for protocol in ("--http1.1", "--http2"):
            assert curl(passing, f"https://{HOST}{CHAT_PATH}", protocol, *key, "-d", body, test_id="b").stdout
    for request in upstream.requests:
        assert request.header("x-test-id") is None
        assert request.header("proxy-authorization") is None
        assert request.header("authorization") == "Bearer sk-live-1234"
        assert request.body == body.encode()


def test_recordings_are_read_from_subfolders_and_written_to_the_top(
    tmp_path: Path, upstream: Upstream
) -> None:
    folder = tmp_path / "recordings"
    options = (f"recording_dir={folder}",)
    with proxy(tmp_path / "home", *options, "recording_mode=record", upstream=upstream) as recorder:
        assert turn(recorder, "First") == 0
    (folder / "by" / "subject").mkdir(parents=True)
    (written,) = folder.glob("*.json")
    written.rename(folder / "by" / "subject" / "a name that a person chose.json")
    with proxy(
        tmp_path / "home", *options, "recording_mode=record-if-missing", upstream=upstream
    ) as recorder:
        assert [turn(recorder, "First"), turn(recorder, "Second")] == [0, 1]
        wait_until(lambda: list(folder.glob("*.json")), "the second is written")
    assert len(list(folder.glob("*.json"))) == 1
    with proxy(tmp_path / "home", *options) as replayer:
        assert [turn(replayer, "First"), turn(replayer, "Second")] == [0, 1]


def test_only_recorded_hosts_are_recorded(tmp_path: Path, upstream: Upstream) -> None:
    folder = tmp_path / "recordings"
    hosts = ("recording_hosts=*.openai.azure.com", "recording_hosts=vllm.example:443")
    with proxy(
        tmp_path / "home", f"recording_dir={folder}", "recording_mode=record", *hosts, upstream=upstream
    ) as recorder:
        for host in ("x.openai.azure.com", "vllm.example"):
            assert curl(recorder, f"https://{host}/v1/models").returncode == 0
        for host in (HOST, "openrouter.ai"):
            trusted = ("--cacert", str(upstream.ca_file))
            assert curl(recorder, f"https://{host}/v1/models", *trusted).returncode == 0
    urls = {value["request"]["url"] for value in recordings(folder).values()}
    assert urls == {"https://x.openai.azure.com/v1/models", "https://vllm.example/v1/models"}
