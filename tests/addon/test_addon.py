"""The hooks, called as mitmproxy calls them, without a proxy around."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import tls
from mitmproxy.test import tflow

from openai_replay.options import OPTIONS
from openai_replay.proxy.tap import Tap
from support.proxy import recordings
from support.requests import streamed_chat_body

from .conftest import HOST, hook, loaded, request_flow

CHAT = streamed_chat_body("Hello")
CHUNK: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion.chunk",
    "created": 1761123456,
    "model": "gpt-4o",
    "choices": [{"index": 0, "delta": {"content": "Hi"}, "logprobs": None, "finish_reason": None}],
}
EVENT = b"data: " + json.dumps(CHUNK).encode() + b"\n\n"
DONE = b"data: [DONE]\n\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "recordings"
    path.mkdir()
    return path


async def recorded(folder: Path, body: Any = CHAT, **headers: str) -> None:
    """Record a stream of one chunk."""
    async with loaded(folder, recording_mode="record") as recorder:
        flow = await recorder.ask(request_flow(body, **headers))
        await recorder.answer(flow, EVENT, DONE, content_type="text/event-stream")


def error_of(flow: Any) -> dict[str, Any]:
    error: dict[str, Any] = json.loads(flow.response.content)["error"]
    return error


async def test_the_addon_is_loaded_with_the_defaults_of_the_documentation(folder: Path) -> None:
    async with loaded(folder) as replayer:
        expected = {option.name: option.default for option in OPTIONS} | {"recording_dir": str(folder)}
        assert expected == {
            name: value if isinstance(value := replayer.option(name), str) else tuple(value)
            for name in expected
        }


@pytest.mark.parametrize("mode", ["replay", "record-if-missing"])
async def test_in_replay_nothing_connects_before_a_request_needs_it(folder: Path, mode: str) -> None:
    async with loaded(
        folder, recording_mode=mode, connection_strategy="eager", upstream_cert=True
    ) as replayer:
        assert replayer.option("connection_strategy") == "lazy"
        assert replayer.option("upstream_cert") is False


async def test_only_recorded_hosts_and_the_proxy_itself_are_decrypted(folder: Path) -> None:
    async with loaded(
        folder, recording_hosts=["api.openai.com", "*.openai.azure.com", "localhost:8000"]
    ) as replayer:
        assert replayer.option("allow_hosts") == [
            r"^api\.openai\.com\.?:[0-9]+$",
            r"^(?:[\w-]+\.)+openai\.azure\.com\.?:[0-9]+$",
            r"^localhost\.?:8000$",
            "^openai-replay.test:",
        ]


async def test_a_choice_of_hosts_to_decrypt_that_the_user_made_is_left_alone(folder: Path) -> None:
    async with loaded(folder, ignore_hosts=["internal"]) as replayer:
        assert replayer.option("allow_hosts") == []


async def test_after_a_bad_option_everything_is_refused(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with loaded(folder, recording_mode="replya") as addon:
        assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [
            "recording_mode='replya': expected one of replay, record, record-if-missing, live"
        ]
        flow = await addon.ask(request_flow(CHAT, host="anything.example"))
        assert error_of(flow)["message"] == "The addon did not start; the proxy's log says why."
        assert addon.refusal_to_connect("anything.example") == "the addon did not start: nothing connects"


async def test_a_recorded_request_is_answered_and_a_miss_explained(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await recorded(folder)
    (name,) = recordings(folder)
    async with loaded(folder) as replayer:
        hit = await replayer.ask(request_flow(CHAT))
        assert hit.response is not None
        assert hit.response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert hit.response.content is not None
        first, done, rest = hit.response.content.split(b"\n\n")
        wire = json.loads(first.removeprefix(b"data: "))
        assert wire == CHUNK | {"id": f"rec-{name[:12]}", "created": 0}
        assert (done, rest) == (b"data: [DONE]", b"")
        miss = await replayer.ask(request_flow({**CHAT, "model": "gpt-4o-mini"}))
        assert miss.response is not None
        assert miss.response.status_code == 400
        assert dict(miss.response.headers) == {
            "content-type": "application/json",
            "x-should-retry": "false",
            "content-length": str(len(miss.response.content or b"")),
        }
        error = error_of(miss)
        shown = f"The nearest is {name[:12]}….json; the proxy's log shows the difference."
        assert error["message"].startswith("No recording for POST /v1/chat/completions (request ")
        assert error["message"].endswith(shown)
        assert {name: error[name] for name in ("type", "param", "code")} == {
            "type": "recording_error",
            "param": None,
            "code": "recording_not_found",
        }
    assert f'The nearest is {name}:\n    model: recorded "gpt-4o", asked "gpt-4o-mini"' in caplog.text


async def test_only_ruby_gets_the_message_at_the_top_too(folder: Path) -> None:
    async with loaded(folder) as replayer:
        for user_agent, has_message in (("OpenAI/Ruby 0.80.0", True), ("OpenAI/Python 2.8.1", False)):
            flow = await replayer.ask(request_flow(CHAT, user_agent=user_agent))
            assert flow.response is not None
            assert ("message" in json.loads(flow.response.content or b"")) is has_message


async def test_what_is_ours_is_taken_off_before_a_request_goes_upstream(folder: Path) -> None:
    async with loaded(folder, recording_mode="record") as recorder:
        flow = await recorder.ask(request_flow(CHAT, x_test_id="a", proxy_authorization="Basic dDo="))
        assert flow.response is None
        assert "x-test-id" not in flow.request.headers
        assert "proxy-authorization" not in flow.request.headers
        in_url = request_flow(CHAT, path="/@a%2Fb/v1/chat/completions", mode=f"reverse:https://{HOST}")
        assert (await recorder.ask(in_url)).request.path == "/v1/chat/completions"
        other = await recorder.ask(request_flow(CHAT, host="other.example", x_test_id="a"))
        assert other.request.headers["x-test-id"] == "a"


@pytest.mark.parametrize(
    ("mode", "fault"), [("record", "no fault"), ("record-if-missing", "rate_limit"), ("live", "no fault")]
)
async def test_pacing_and_faults_leave_a_live_answer_alone_and_say_so_once(
    folder: Path, caplog: pytest.LogCaptureFixture, mode: str, fault: str
) -> None:
    async with loaded(folder, recording_mode=mode) as addon:
        for _ in range(2):
            flow = await addon.ask(request_flow(CHAT, x_replay_fault=fault, x_replay_pacing="2x"))
            assert flow.response is None
            assert not {"x-replay-fault", "x-replay-pacing"} & {name.lower() for name in flow.request.headers}
            await addon.trigger(hook("response", flow))
    said = [record.message for record in caplog.records if "X-Replay" in record.message]
    assert said == [
        "X-Replay-Pacing and X-Replay-Fault have no effect on answers of the API, which are not replayed. "
        "(This is said once.)"
    ]


@pytest.mark.parametrize(
    ("headers", "path", "expected"),
    [
        ({"x_test_id": "header", "proxy_authorization": "Basic dXNlcjo="}, "/@path/v1/models", "header"),
        ({"proxy_authorization": "Basic dXNlcjo="}, "/@path/v1/models", "user"),
        ({}, "/@path/v1/models", "path"),
        ({}, "/v1/models", "option"),
        ({"x_test_id": "tests%2Ftest_a.py%3A%3Atest_b"}, "/v1/models", "tests/test_a.py::test_b"),
    ],
)
async def test_the_first_source_of_a_test_id_wins(
    folder: Path, headers: dict[str, str], path: str, expected: str
) -> None:
    options = {"recording_mode": "record", "recording_test_id": "option"}
    async with loaded(folder, **options) as recorder:
        flow = request_flow(CHAT, path=path, mode=f"reverse:https://{HOST}", **headers)
        await recorder.ask(flow)
        await recorder.answer(flow, b"{}", content_type="application/json")
    assert [recording["test_id"] for recording in recordings(folder).values()] == [expected]


CONNECTIONS = [
    ("replay", HOST, None, "replay never connects to a recorded host"),
    ("replay", HOST.upper(), None, "replay never connects to a recorded host"),
    ("replay", f"{HOST}.", None, "replay never connects to a recorded host"),
    ("replay", "192.0.2.7", HOST, "replay never connects to a recorded host"),
    ("replay", "other.example", None, None),
    ("replay", f"not-{HOST}", None, None),
    ("record", HOST, None, None),
    ("record-if-missing", HOST, None, None),
    ("live", HOST, None, None),
    ("live", "openai-replay.test", None, "openai-replay.test is the proxy itself, over plain HTTP"),
]


@pytest.mark.parametrize(("mode", "host", "sni", "expected"), CONNECTIONS)
async def test_connections_that_are_refused(
    folder: Path, mode: str, host: str, sni: str | None, expected: str | None
) -> None:
    async with loaded(folder, recording_mode=mode) as addon:
        assert addon.refusal_to_connect(host, sni=sni) == expected


@pytest.mark.parametrize("mode", ["replay", "record"])
async def test_a_request_to_the_proxy_itself_is_refused(tmp_path: Path, mode: str) -> None:
    async with loaded(tmp_path, recording_mode=mode) as addon:
        flow = request_flow(host="127.0.0.1:8080")
        flow.client_conn.sockname = ("127.0.0.1", 8080)
        await addon.ask(flow)

    assert flow.response is not None
    assert flow.response.status_code == 400
    assert "This is the address of the proxy itself" in (flow.response.text or "")


async def test_mitmproxys_refusal_to_connect_to_itself_stays(tmp_path: Path) -> None:
    async with loaded(tmp_path) as addon:
        error = addon.refusal_to_connect("example.com", error="Request destination unknown.")

    assert error == "Request destination unknown."


async def test_a_bug_in_the_check_refuses_the_connection(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with loaded(folder, recording_mode="record") as addon:
        monkeypatch.setattr("openai_replay.proxy.guard.leads_to_recorded_host", broken)
        assert addon.refusal_to_connect(HOST) == "the addon failed; the proxy's log says why"


def broken(*_: Any, **__: Any) -> Any:
    raise RuntimeError("a bug")


@pytest.mark.parametrize(
    "piece", ["session.Session.describe_flow", "replaying.replay", "replaying.explained_miss"]
)
async def test_a_bug_in_replay_leaves_the_refusal(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, piece: str
) -> None:
    caplog.set_level(logging.INFO, "openai_replay.requests")
    async with loaded(folder) as replayer:
        monkeypatch.setattr(f"openai_replay.proxy.{piece}", broken)
        flow = await replayer.ask(request_flow(CHAT))
        assert error_of(flow)["message"] == "The replay failed; the proxy's log says why."
    assert "a bug" in caplog.text
    lines = [record.getMessage() for record in caplog.records if record.name == "openai_replay.requests"]
    assert [line.split() for line in lines] == [["refused", "POST", "/v1/chat/completions"]]


UPGRADE = {
    "upgrade": "websocket",
    "connection": "upgrade",
    "sec_websocket_key": "x",
    "sec_websocket_version": "13",
}


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"upgrade": "websocket"}, "Connection"),
        (UPGRADE, "the replay failed, RuntimeError: a bug"),
    ],
)
async def test_an_upgrade_that_is_refused_is_in_the_report(
    folder: Path, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str], reason: str
) -> None:
    async with loaded(folder) as replayer:
        monkeypatch.setattr("openai_replay.proxy.upgrades.replayed_upgrade", broken)
        flow = await replayer.ask(request_flow(path="/v1/realtime", **headers))
        assert flow.response is not None
        assert flow.response.status_code == 400
        report = await replayer.ask(request_flow(host="openai-replay.test", path="/report"))
        assert report.response is not None
        (missed,) = report.response.json()["missed"]
    assert reason in missed["refused"]


async def test_every_piece_of_a_recorded_response_passes_at_once(folder: Path) -> None:
    async with loaded(folder, recording_mode="record") as recorder:
        flow = await recorder.ask(request_flow(CHAT))
        pieces = [EVENT[:10], EVENT[10:], DONE, b""]
        passed = await recorder.begin_answer(flow, *pieces, content_type="text/event-stream")
        assert passed == pieces
        await recorder.trigger(hook("response", flow))
    (recording,) = recordings(folder).values()
    assert len(recording["response"]["body"]) == 1


@pytest.mark.parametrize(
    ("message", "protocols", "by"),
    [
        ("Client disconnected.", (b"http/1.1", b"http/1.1"), "the client left"),
        ("stream reset by client (CANCEL)", (b"h2", b"h2"), "the client left"),
        ("stream reset by client (INTERNAL_ERROR)", (b"h2", b"h2"), "the connection to the API broke"),
        ("stream reset by client (CANCEL)", (b"http/1.1", b"h2"), "the connection to the API broke"),
        ("stream reset by client (INTERNAL_ERROR)", (b"h2", b"http/1.1"), "the client left"),
        (
            "HTTP/1 protocol error: peer closed connection",
            (b"h2", b"http/1.1"),
            "the connection to the API broke",
        ),
    ],
)
async def test_a_response_that_breaks_off_is_kept_and_says_who_broke_it(
    folder: Path, message: str, protocols: tuple[bytes, bytes], by: str
) -> None:
    async with loaded(folder, recording_mode="record") as recorder:
        flow = await recorder.ask(request_flow(CHAT))
        flow.client_conn.alpn, flow.server_conn.alpn = protocols
        await recorder.begin_answer(flow, EVENT, content_type="text/event-stream")
        await recorder.break_off(flow, message)
    (recording,) = recordings(folder).values()
    assert recording["response"]["exception_message"] == f"The stream broke off after 1 chunks: {by}."


async def test_a_client_that_leaves_when_it_has_all_bytes_leaves_a_whole_recording(folder: Path) -> None:
    answer = b'{"object": "list", "data": []}'
    async with loaded(folder, recording_mode="record") as recorder:
        for path, headers in (("/v1/files", {"content_length": str(len(answer))}), ("/v1/batches", {})):
            flow = await recorder.ask(request_flow(path=path))
            await recorder.begin_answer(flow, answer, content_type="application/json", **headers)
            await recorder.break_off(flow, "Client disconnected.")
        cut = await recorder.ask(request_flow(path="/v1/evals"))
        await recorder.begin_answer(cut, answer[:-1], content_type="application/json")
        await recorder.break_off(cut, "Client disconnected.")
    endpoints = {recording["request"]["endpoint"] for recording in recordings(folder).values()}
    assert endpoints == {"/v1/files", "/v1/batches"}


@pytest.mark.parametrize("has_left", [False, True])
async def test_an_answer_whose_client_has_left_before_it_is_not_kept(folder: Path, has_left: bool) -> None:
    await recorded(folder)
    async with loaded(folder) as replayer:
        flow = await replayer.ask(request_flow(CHAT, x_replay_pacing="gap=1ms"))
        if has_left:
            await replayer.break_off(flow, "Client disconnected.")
        reader, writer = await asyncio.open_connection(flow.request.host, flow.request.port)
        writer.write(f"GET {flow.request.path} HTTP/1.1\r\n\r\n".encode())
        assert await reader.read(1) == (b"" if has_left else b"H")
        writer.close()


def test_a_tap_whose_disk_is_full_hands_on_and_says_so() -> None:
    tap = Tap()
    tap.close()  # writing to it fails from now on
    assert [tap(piece) for piece in (b"a", b"b", b"")] == [b"a", b"b", b""]
    assert tap.problem == "its bytes could not be kept: I/O operation on closed file."


async def test_the_proxy_answers_for_itself_in_every_mode(folder: Path) -> None:
    for mode in ("replay", "record", "record-if-missing", "live"):
        async with loaded(folder, recording_mode=mode) as addon:
            flow = await addon.ask(request_flow(host="openai-replay.test", path="/report"))
            assert flow.response is not None
            assert json.loads(flow.response.content or b"")["mode"] == mode


async def test_a_client_that_does_not_trust_the_certificate_is_told_the_remedy(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with loaded(folder) as addon:
        for host in (HOST, "other.example"):
            client = tflow.tclient_conn()
            client.sni = host
            addon.addon.tls_failed_client(tls.TlsData(client, Any))  # type: ignore[arg-type]
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 1
    assert warnings[0].startswith(f"A client ended the TLS handshake for {HOST}: ")
    assert "NODE_EXTRA_CA_CERTS" in warnings[0]


async def test_the_report_is_written_when_the_addon_ends(folder: Path, tmp_path: Path) -> None:
    await recorded(folder)
    report = tmp_path / "report.json"
    async with loaded(folder, recording_report=str(report)) as replayer:
        await replayer.ask(request_flow(CHAT))
    assert json.loads(report.read_bytes())["totals"]["replayed"] == 1


async def test_an_addon_that_is_unloaded_leaves_a_guard(folder: Path) -> None:
    async with loaded(folder) as replayer:
        # As for a script that was saved: mitmproxy cannot wait for the task of `done`.
        replayer.context.master.addons.remove(replayer.addon)
        guard: Any = replayer.context.master.addons.get("openai_replay_guard")
        flow = request_flow(CHAT)
        guard.request(flow)
        assert error_of(flow)["message"] == "The addon was unloaded; the proxy's log says why."
        other = request_flow(CHAT, host="other.example")
        guard.request(other)
        assert other.response is None
