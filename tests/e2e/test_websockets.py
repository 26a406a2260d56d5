"""WebSockets to recorded hosts: refused with 426 where the user says so, and never answered by a plain GET."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from openai_replay.mock import Upstream
from support.both import Both, both
from support.proxy import proxy
from support.websocket import WebSocket, through_proxy

REALTIME = "/v1/realtime?model=gpt-realtime"


@pytest.fixture(scope="module")
def proxies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    with both(tmp_path_factory.mktemp("websockets")) as proxies:
        yield proxies


def test_a_recording_of_the_same_get_does_not_answer_an_upgrade(proxies: Both) -> None:
    proxies.upstream.add({"match": {"path": "/v1/upgradable"}, "answer": {"json": {"id": "plain"}}})
    recorded = proxies.seen(proxies.recorder, lambda client: client.get("/upgradable", cast_to=object), "")
    proxies.recorder.ask("/report")
    with through_proxy(proxies.replayer) as connection:
        socket = WebSocket(connection, "/v1/upgradable")
        socket.accepted()
        error, closed = socket.receive(), socket.closed()

    assert recorded.result == {"id": "plain"}
    assert (error["error"]["code"], closed[0]) == ("recording_not_found", 1008)


@pytest.mark.parametrize("mode", ["record", "record-if-missing", "live", "replay"])
def test_refuse_answers_426_in_every_mode(tmp_path: Path, mode: str) -> None:
    (tmp_path / "recordings").mkdir()
    options = (
        f"recording_mode={mode}",
        "recording_websocket=refuse",
        f"recording_dir={tmp_path / 'recordings'}",
    )
    with (
        Upstream() as upstream,
        proxy(tmp_path, *options, upstream=upstream) as running,
        through_proxy(running) as connection,
    ):
        connections = upstream.connections
        status, _ = WebSocket(connection, REALTIME).refusal()
        totals = running.ask("/report")["totals"]

    assert (status, upstream.requests) == (426, [])
    assert (totals["refused_upgrades"], totals["missed"], totals["not_recorded"]) == (1, 0, 0)
    assert mode != "replay" or upstream.connections == connections
