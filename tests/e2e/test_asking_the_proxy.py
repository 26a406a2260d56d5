"""Asking the proxy itself: the report and the reset, through the proxy and in base-URL mode, never upstream."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from openai_replay.mock import Upstream
from support.base_url import REVERSE, BaseURL, answer_in_turn, said
from support.proxy import CEILING_S, curl, proxy, recordings
from support.requests import chat_body

MODES = ("replay", "record", "record-if-missing", "live")


@pytest.fixture(scope="module")
def shared_upstream() -> Iterator[Upstream]:
    with Upstream(plain=True) as running:
        yield running


@pytest.fixture
def upstream(shared_upstream: Upstream) -> Upstream:
    shared_upstream.reset()
    return shared_upstream


@pytest.fixture
def folder(tmp_path: Path, upstream: Upstream) -> Path:
    """Recordings of the questions a (twice, by test `one`) and b (by no test)."""
    path = tmp_path / "recordings"
    answer_in_turn(upstream, "a1", "a2", "b1")
    options = ("recording_mode=record", f"recording_dir={path}")
    with proxy(tmp_path, *options, upstream=upstream, mode=REVERSE) as running, BaseURL(running) as client:
        for text, test_id in (("a", "one"), ("a", "one"), ("b", "")):
            assert client.send(chat_body(text), test_id=test_id).status == 200
    return path


def names_by_text(folder: Path) -> dict[str, str]:
    """Return the recordings' names by the answers that they hold."""
    return {one["response"]["body"]["__data__"]["said"]: name for name, one in recordings(folder).items()}


def ask(client: BaseURL, path: str, method: str = "GET") -> Any:
    reply = client.send(None, f"/@{path}", method=method)
    assert reply.status == 200, reply.body
    return reply.json()


def test_the_report_tells_what_was_replayed_missed_and_left_unused(tmp_path: Path, folder: Path) -> None:
    names = names_by_text(folder)
    with proxy(tmp_path, f"recording_dir={folder}", mode=REVERSE) as running, BaseURL(running) as client:
        for _ in range(3):
            client.send(chat_body("b"))
        client.send(chat_body("a"), test_id="one")
        client.send(chat_body("c"), test_id="two")
        client.send(chat_body("c"), test_id="two")
        report = ask(client, "/report")
    missed = report.pop("missed")
    assert report == {
        "mode": "replay",
        "totals": {
            "replayed": 4,
            "recorded": 0,
            "missed": 2,
            "not_recorded": 0,
            "unused": 1,
            "paced": 0,
            "faulted": 0,
        },
        "replayed": [
            {"recording": names["b1"], "test_id": None, "times": 3},
            {"recording": names["a1"], "test_id": "one", "times": 1},
        ],
        "recorded": [],
        "not_recorded": [],
        "unused": [names["a2"]],
        "paced": [],
        "faulted": [],
    }
    assert [(one["test_id"], one["method"], one["endpoint"], one["times"]) for one in missed] == [
        ("two", "POST", "/v1/chat/completions", 2)
    ]
    assert missed[0]["nearest"] in names.values()
    assert missed[0]["differences"][0]["path"] == "messages[0].content"


def test_the_report_of_one_test_is_its_own(tmp_path: Path, folder: Path) -> None:
    test_id = "tests/test_a.py::test[ü 1]"
    with proxy(tmp_path, f"recording_dir={folder}", mode=REVERSE) as running, BaseURL(running) as client:
        client.send(chat_body("a"), test_id=quote(test_id, safe=""))
        client.send(chat_body("c"), test_id=quote(test_id, safe=""))
        client.send(chat_body("a"), test_id="one")
        client.send(chat_body("d"))
        own = ask(client, f"/report?test_id={quote(test_id, safe='')}")
        of_none = ask(client, "/report?test_id=")
        of_unknown = ask(client, "/report?test_id=unknown")
    assert [(own["totals"]["replayed"], own["totals"]["missed"])] == [(1, 1)]
    assert {one["test_id"] for one in own["replayed"] + own["missed"]} == {test_id}
    assert (of_none["totals"]["replayed"], of_none["totals"]["missed"]) == (0, 1)
    assert (of_unknown["totals"]["replayed"], of_unknown["totals"]["missed"]) == (0, 0)


def test_a_reset_empties_the_report_of_one_test_or_of_all(tmp_path: Path, folder: Path) -> None:
    with proxy(tmp_path, f"recording_dir={folder}", mode=REVERSE) as running, BaseURL(running) as client:
        for test_id in ("one", "two"):
            client.send(chat_body("a"), test_id=test_id)
            client.send(chat_body("c"), test_id=test_id)
        assert ask(client, "/reset?test_id=one", "POST") == {"reset": True}
        report = ask(client, "/report")
        assert {one["test_id"] for one in report["replayed"] + report["missed"]} == {"two"}
        assert [said(client.send(chat_body("a"), test_id=one)) for one in ("one", "two")] == ["a1", "a2"]
        assert ask(client, "/reset", "POST") == {"reset": True}
        assert ask(client, "/report")["totals"] == {
            "replayed": 0,
            "recorded": 0,
            "missed": 0,
            "not_recorded": 0,
            "unused": 3,
            "paced": 0,
            "faulted": 0,
        }


def test_the_report_tells_what_was_recorded(tmp_path: Path, upstream: Upstream) -> None:
    options = ("recording_mode=record", f"recording_dir={tmp_path / 'recordings'}")
    answer_in_turn(upstream, "a1", "a2", "a2")
    with proxy(tmp_path, *options, upstream=upstream, mode=REVERSE) as running, BaseURL(running) as client:
        for _ in range(3):
            client.send(chat_body("a"), test_id="one")
        report = ask(client, "/report")
    assert report["mode"] == "record"
    assert report["totals"] == {
        "replayed": 0,
        "recorded": 2,
        "missed": 0,
        "not_recorded": 0,
        "unused": 0,
        "paced": 0,
        "faulted": 0,
        "equal": 1,  # the third answer, which the second one's file stands for
    }
    names = sorted(recordings(tmp_path / "recordings"), key=len)
    assert report["recorded"] == [{"recording": name, "test_id": "one"} for name in names]


@pytest.mark.parametrize("mode", MODES)
def test_it_never_goes_upstream(tmp_path: Path, upstream: Upstream, mode: str) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    options = (f"recording_mode={mode}", f"recording_dir={folder}")
    connections = upstream.connections
    with proxy(tmp_path, *options, upstream=upstream) as running:
        assert running.ask("/report")["mode"] == mode
        assert running.ask("/reset", "POST") == {"reset": True}
        for url in ("http://openai-replay.test/", "http://openai-replay.test/v1/models"):
            asked = curl(running, url, "-w", "\n%{http_code}")
            assert asked.stdout.endswith(b"\n404"), asked.stdout
        tunnelled = curl(running, "http://openai-replay.test/report", "--proxytunnel")
        assert json.loads(tunnelled.stdout)["mode"] == mode
        # Any outcome is right: only plain HTTP is promised.
        curl(running, "https://openai-replay.test/report")
    assert upstream.connections == connections
    with proxy(tmp_path, *options, upstream=upstream, mode=REVERSE) as running, BaseURL(running) as client:
        assert ask(client, "/report")["mode"] == mode
        assert client.send(None, "/@/v1/models").status == 404
        assert client.send(None, "/@").status == 404
    # While it records, mitmproxy connects in base-URL mode before it has heard a request.
    if mode in ("replay", "record-if-missing"):
        assert upstream.connections == connections
    assert upstream.requests == []


def test_what_cannot_be_asked_is_said(tmp_path: Path, folder: Path) -> None:
    with proxy(tmp_path, f"recording_dir={folder}", mode=REVERSE) as running, BaseURL(running) as client:
        wrong_path = client.send(None, "/@/status")
        wrong_method = client.send(None, "/@/reset")
    assert (wrong_path.status, wrong_path.json()) == (
        404,
        {
            "error": {
                "message": "unknown path /status: expected GET /report or POST /reset or GET /metrics",
                "type": "recording_error",
            }
        },
    )
    assert (wrong_method.status, wrong_method.json()) == (
        405,
        {
            "error": {
                "message": "unexpected method GET: expected POST /reset",
                "type": "recording_error",
            }
        },
    )


def test_a_test_asks_through_its_own_proxy_url(tmp_path: Path, folder: Path) -> None:
    """The user name in the proxy's URL is no scope by itself: the query says which test."""
    with proxy(tmp_path, f"recording_dir={folder}") as running:
        environment = running.environment(test_id="one")
        asked = subprocess.run(
            ["curl", "-sS", "http://openai-replay.test/report?test_id=one"],
            env=environment,
            capture_output=True,
            timeout=CEILING_S,
            check=True,
        )
    assert json.loads(asked.stdout)["totals"]["unused"] == 3


# --- the report at the end ----------------------------------------------------------------------------------------


def test_the_report_is_written_when_the_proxy_ends(tmp_path: Path, folder: Path) -> None:
    file = tmp_path / "report.json"
    options = (f"recording_dir={folder}", f"recording_report={file}")
    with proxy(tmp_path, *options, mode=REVERSE) as running:
        with BaseURL(running) as client:
            client.send(chat_body("b"))
            client.send(chat_body("c"))
            asked = ask(client, "/report")
        assert not file.exists()
        assert running.stop() == 0
    assert json.loads(file.read_text()) == asked
    assert asked["totals"] == {
        "replayed": 1,
        "recorded": 0,
        "missed": 1,
        "not_recorded": 0,
        "unused": 2,
        "paced": 0,
        "faulted": 0,
    }


def test_the_report_of_a_recording_run_has_all_of_it(tmp_path: Path, upstream: Upstream) -> None:
    file = tmp_path / "report.json"
    options = (
        "recording_mode=record",
        f"recording_dir={tmp_path / 'recordings'}",
        f"recording_report={file}",
    )
    with proxy(tmp_path, *options, upstream=upstream, mode=REVERSE) as running, BaseURL(running) as client:
        for number in range(20):
            assert client.send(chat_body(f"question {number}")).status == 200
        running.stop()
    report = json.loads(file.read_text())
    assert {one["recording"] for one in report["recorded"]} == set(recordings(tmp_path / "recordings"))
    assert report["totals"]["recorded"] == 20


def test_a_run_without_requests_reports_every_recording_as_unused(tmp_path: Path, folder: Path) -> None:
    file = tmp_path / "report.json"
    with proxy(tmp_path, f"recording_dir={folder}", f"recording_report={file}") as running:
        running.stop()
    assert json.loads(file.read_text())["unused"] == sorted(names_by_text(folder).values())


def test_the_metrics_count_answers_for_prometheus(tmp_path: Path, folder: Path) -> None:
    with proxy(tmp_path, f"recording_dir={folder}", mode=REVERSE) as running, BaseURL(running) as client:
        client.send(chat_body("nobody has recorded this"))
        reply = client.send(path="/@/metrics")
    assert reply.status == 200
    headers = {name.lower(): value for name, value in reply.headers.items()}
    assert headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = reply.body.decode().splitlines()
    assert 'openai_replay_answers_total{outcome="missed"} 1' in lines
    assert 'openai_replay_answers_total{outcome="replayed"} 0' in lines
    assert "openai_replay_open_streams 0" in lines
