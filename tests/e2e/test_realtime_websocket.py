"""Realtime sessions over WebSockets: one file each, replayed message by message, and misses that explain themselves."""

from __future__ import annotations

import base64
import json
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from support.both import KEY, Both, both
from support.proxy import Proxy, wait_until
from support.websocket import WebSocket, direct, through_proxy, without_expiry

TARGET = "/v1/realtime?model=gpt-realtime"
SOUND = bytes(range(256)) * 100

type Events = list[dict[str, Any]]


@pytest.fixture(scope="module")
def proxies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    with both(tmp_path_factory.mktemp("realtime")) as proxies:
        yield proxies


class Client:
    """Sockets to the Realtime API through a proxy, closed with the block."""

    def __init__(self, running: Proxy, stack: ExitStack) -> None:
        self._running = running
        self._stack = stack

    def socket(self, test_id: str, target: str = TARGET, **more: Any) -> WebSocket:
        connection = self._stack.enter_context(through_proxy(self._running))
        headers = [("authorization", f"Bearer {KEY}"), ("x-test-id", test_id)]
        socket = WebSocket(connection, target, headers=headers, **more)
        socket.accepted()
        return socket


def recorded(proxies: Both, test_id: str, act: Callable[[Client], Any]) -> Any:
    """Do something while recording, and wait for its file. Return the result without the session's expiry."""
    with ExitStack() as stack:
        result = act(Client(proxies.recorder, stack))
    wait_until(lambda: proxies.recordings_of(test_id), "the session is written")
    return without_expiry(result)


def replayed(proxies: Both, act: Callable[[Client], Any]) -> Any:
    """Do something in replay, where upstream hears nothing of it. Return the result as `recorded` does."""
    connections = proxies.upstream.connections
    with ExitStack() as stack:
        result = act(Client(proxies.replayer, stack))
    assert proxies.upstream.connections == connections
    return without_expiry(result)


def append(socket: WebSocket, content: bytes) -> None:
    socket.send(type="input_audio_buffer.append", audio=base64.b64encode(content).decode())


def say(socket: WebSocket, text: str, **item: Any) -> None:
    content = [{"type": "input_text", "text": text}]
    message = {"type": "message", "role": "user", "content": content, **item}
    socket.send(type="conversation.item.create", item=message)


def conversation(
    socket: WebSocket, *, piece: int = 4800, position_ms: int = 480, item_id: str = "msg_1"
) -> Events:
    """Talk: a session update, text, sound, a function call, an interruption, and a close."""
    events = socket.receive_until("session.created")
    tools = [{"type": "function", "name": "weather", "parameters": {"type": "object"}}]
    socket.send(type="session.update", event_id=f"event_{item_id}", session={"tools": tools})
    events += socket.receive_until("session.updated")
    say(socket, "Hello", id=item_id)
    socket.send(type="response.create")
    events += socket.receive_until("rate_limits.updated")
    for start in range(0, len(SOUND), piece):
        append(socket, SOUND[start : start + piece])
    socket.send(type="input_audio_buffer.commit")
    events += socket.receive_until("conversation.item.done")
    say(socket, "the weather please")
    socket.send(type="response.create")
    events += socket.receive_until("response.done")
    call_id = events[-1]["response"]["output"][0]["call_id"]
    events += socket.receive_until("rate_limits.updated")
    output = {"type": "function_call_output", "call_id": call_id, "output": "sunny"}
    socket.send(type="conversation.item.create", item=output)
    socket.send(type="response.create")
    events += socket.receive_until("response.done")
    spoken = events[-1]["response"]["output"][0]["id"]
    events += socket.receive_until("rate_limits.updated")
    truncation = {"item_id": spoken, "content_index": 0, "audio_end_ms": position_ms}
    socket.send(type="conversation.item.truncate", **truncation)
    events += socket.receive_until("conversation.item.truncated")
    socket.close(1000, "done")
    return events


def test_a_session_comes_back_message_for_message(proxies: Both) -> None:
    seen = recorded(proxies, "whole", lambda client: conversation(client.socket("whole")))

    assert replayed(proxies, lambda client: conversation(client.socket("whole"))) == seen


def test_a_replayed_session_has_not_expired(proxies: Both) -> None:
    times: list[int] = []

    def act(client: Client) -> None:
        socket = client.socket("expiry")
        times.append(socket.receive()["session"]["expires_at"])
        socket.close()

    recorded(proxies, "expiry", act)
    (recording,) = proxies.recordings_of("expiry")
    recording["response"]["body"][0]["data"]["__data__"]["session"]["expires_at"] = 1_600_000_000
    (proxies.folder / next(_names(proxies, "expiry"))).write_text(json.dumps(recording))
    before_s = time.time()
    replayed(proxies, act)

    assert before_s + 3599 <= times[1] <= time.time() + 3600


def test_cuts_of_sound_ids_and_positions_may_differ(proxies: Both) -> None:
    seen = recorded(proxies, "other", lambda client: conversation(client.socket("other")))
    live = replayed(
        proxies,
        lambda client: conversation(client.socket("other"), piece=777, position_ms=99, item_id="msg_live"),
    )
    expected = json.loads(json.dumps(seen).replace("msg_1", "msg_live"))
    expected[-1]["audio_end_ms"] = 99

    assert live == expected


def test_it_is_one_file_with_sound_that_plays(proxies: Both) -> None:
    recorded(proxies, "files", lambda client: conversation(client.socket("files")))
    (recording,) = proxies.recordings_of("files")
    names = recording["response"]["wire"]["audio"]
    with wave.open(str(proxies.folder / names["client"]), "rb") as reader:
        assert (reader.getframerate(), reader.readframes(10**6)) == (24000, SOUND)
    with wave.open(str(proxies.folder / names["server"]), "rb") as reader:
        assert reader.getnframes() > 24000 // 10
    sides = [message["from"] for message in recording["response"]["body"]]

    assert sides[:3] == ["server", "client", "server"]
    assert recording["response"]["wire"]["close"] == {"by": "client", "code": 1000, "reason": "done"}


def test_another_message_is_a_miss_that_names_it_and_closes_for_good(proxies: Both) -> None:
    recorded(proxies, "miss", lambda client: conversation(client.socket("miss")))

    def act(client: Client) -> tuple[dict[str, Any], tuple[int, str]]:
        socket = client.socket("miss")
        socket.receive_until("session.created")
        socket.send(type="session.update", session={"tools": []})
        return socket.receive(), socket.closed()

    error, closed = replayed(proxies, act)
    message = error["error"]["message"]

    assert (error["type"], error["error"]["code"]) == ("error", "recording_not_found")
    assert message.startswith("No recording for message 2 of the session GET /v1/realtime by test miss.")
    assert "session.tools[0]: recorded " in message
    assert closed[0] == 1008
    assert message in proxies.replayer.log()
    (missed,) = [one for one in proxies.replayer.ask("/report")["missed"] if one["test_id"] == "miss"]
    assert (missed["message"], missed["nearest"]) == (2, next(iter(_names(proxies, "miss"))))


def _names(proxies: Both, test_id: str) -> Iterator[str]:
    for path in proxies.folder.glob("*.json"):
        if json.loads(path.read_bytes())["test_id"] == test_id:
            yield path.name


def test_a_session_that_was_not_recorded_is_refused_for_good(proxies: Both) -> None:
    def act(client: Client) -> tuple[dict[str, Any], tuple[int, str]]:
        socket = client.socket("nothing", "/v1/realtime?model=never-recorded")
        return socket.receive(), socket.closed()

    error, closed = replayed(proxies, act)

    assert error["error"]["code"] == "recording_not_found"
    assert closed[0] == 1008


def test_a_client_that_leaves_before_its_last_message_is_a_miss(proxies: Both) -> None:
    recorded(proxies, "early", lambda client: conversation(client.socket("early")))

    def act(client: Client) -> None:
        socket = client.socket("early")
        socket.receive_until("session.created")
        socket.close()

    replayed(proxies, act)
    wait_until(lambda: "session GET /v1/realtime by test early" in proxies.replayer.log(), "it is logged")


@pytest.mark.parametrize(
    ("end", "closed"), [({"close": [1001, "going away"]}, (1001, "going away")), ({"break": True}, None)]
)
def test_a_session_that_the_server_ends_ends_as_it_did(
    proxies: Both, end: Any, closed: tuple[int, str] | None
) -> None:
    test_id = f"ended {closed}"
    target = f"/v1/realtime?model=ends-{closed is None}"
    script = [{"send": {"type": "session.created", "event_id": "event_1", "session": {}}}, {"await": 1}, end]
    proxies.upstream.add({"match": {"query": target.partition("?")[2]}, "answer": {"websocket": script}})

    def act(client: Client) -> tuple[dict[str, Any], tuple[int, str]]:
        socket = client.socket(test_id, target)
        created = socket.receive()
        socket.send(type="response.create")
        return created, socket.closed()

    seen = recorded(proxies, test_id, act)

    assert replayed(proxies, act) == seen
    assert seen[1] == (closed or (1006, ""))


def test_turns_that_the_server_detects_come_with_the_sound(proxies: Both) -> None:
    def act(client: Client, piece: int = 4800) -> Events:
        socket = client.socket("vad")
        events = socket.receive_until("session.created")
        detection = {"turn_detection": {"type": "server_vad"}}
        socket.send(type="session.update", session={"audio": {"input": detection}})
        events += socket.receive_until("session.updated")
        for start in range(0, len(SOUND), piece):
            append(socket, SOUND[start : start + piece])
        events += socket.receive_until("rate_limits.updated")
        socket.close()
        return events

    seen = recorded(proxies, "vad", act)

    assert replayed(proxies, lambda client: act(client, 1111)) == seen
    assert "input_audio_buffer.speech_started" in [event["type"] for event in seen]


def test_a_browsers_key_is_neither_written_nor_chosen_as_subprotocol(proxies: Both) -> None:
    secret = "ek_0123456789abcdef0123456789abcdef"
    offered = ("realtime", f"openai-insecure-api-key.{secret}")

    def act(client: Client) -> str | None:
        connection = client._stack.enter_context(through_proxy(client._running))
        socket = WebSocket(connection, TARGET, subprotocols=offered, headers=[("x-test-id", "browser")])
        chosen = socket.accepted().subprotocol
        socket.receive_until("session.created")
        say(socket, f"My key is {secret}.")
        socket.receive_until("conversation.item.done")
        socket.close()
        return chosen

    assert recorded(proxies, "browser", act) == "realtime"
    assert replayed(proxies, act) == "realtime"
    (recording,) = proxies.recordings_of("browser")
    assert recording["request"]["body"] == {"__websocket__": {"subprotocols": ["realtime"]}}
    assert secret not in json.dumps(recording)


def test_repeats_are_numbered_and_replayed_in_order(proxies: Both) -> None:
    def act(client: Client) -> list[str]:
        ids = []
        for text in ("One", "Two"):
            socket = client.socket("repeats")
            ids.append(socket.receive()["session"]["id"])
            say(socket, text)
            socket.receive_until("conversation.item.done")
            socket.close()
        return ids

    seen = recorded(proxies, "repeats", act)
    wait_until(lambda: len(proxies.recordings_of("repeats")) == 2, "both sessions are written")

    assert replayed(proxies, act) == seen


def ask(client: Client, test_id: str, text: str) -> None:
    """Say one text in a session, and wait for the whole answer."""
    socket = client.socket(test_id)
    socket.receive_until("session.created")
    socket.send(type="session.update", session={"output_modalities": ["text"]})
    socket.receive_until("session.updated")
    say(socket, text)
    socket.send(type="response.create")
    socket.receive_until("response.done")
    socket.close()


def test_sessions_of_one_test_are_told_apart_by_the_clients_messages(proxies: Both) -> None:
    texts = ["hello", "bye", "more"]
    for number, text in enumerate(texts, 1):
        with ExitStack() as stack:
            ask(Client(proxies.recorder, stack), "apart", text)
        wait_until(partial(_has_recordings, proxies, number), "the session is written")
    for text in reversed(texts):
        replayed(proxies, partial(ask, test_id="apart", text=text))
    report = proxies.replayer.ask("/report?test_id=apart")
    assert [one["times"] for one in report["replayed"]] == [1, 1, 1]
    assert report["missed"] == []


def _has_recordings(proxies: Both, count: int) -> bool:
    return len(proxies.recordings_of("apart")) == count


def test_calls_and_client_secrets_are_http_exchanges(proxies: Both) -> None:
    def secret(client: Any) -> Any:
        return client.realtime.client_secrets.create(session={"type": "realtime", "model": "gpt-realtime"})

    def call(client: Any) -> Any:
        return client.realtime.calls.create(sdp="v=0\r\n").response

    made = proxies.twice(secret, "secret")
    assert made[1].result.session == made[0].result.session
    called = proxies.twice(call, "call")
    assert called[1].result.headers["location"] == called[0].result.headers["location"]


def test_an_upgrade_that_the_api_refuses_is_refused_again(proxies: Both) -> None:
    def act(client: Client) -> tuple[int, Any]:
        connection = client._stack.enter_context(through_proxy(client._running))
        headers = [("authorization", "Bearer invalid-key-0123456789"), ("x-test-id", "refused")]
        status, body = WebSocket(connection, "/v1/realtime?model=refused", headers=headers).refusal()
        return status, json.loads(body)

    seen = recorded(proxies, "refused", act)

    assert seen[0] == 401
    assert replayed(proxies, act) == seen


def test_it_works_by_base_url(tmp_path: Path) -> None:
    with both(tmp_path, mode="reverse:https://api.openai.com") as proxies:
        seen = []
        for running in (proxies.recorder, proxies.replayer):
            with direct(running) as connection:
                socket = WebSocket(connection, f"/@a%20test{TARGET}")
                socket.accepted()
                seen.append(conversation(socket))
            wait_until(lambda: proxies.recordings_of("a test"), "the session is written")

        assert without_expiry(seen[1]) == without_expiry(seen[0])


ROUNDS, IN_A_ROUND = 8, 500
# Three quarters of a minute of 24 kHz PCM16 in each round, a tenth of a second in each message.
PIECE = bytes(4800)


def resident_kib(running: Proxy) -> int:
    """Return the resident memory of a proxy's process."""
    status = Path(f"/proc/{running.process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_memory_does_not_grow_with_a_session(proxies: Both) -> None:
    def act(client: Client) -> None:
        socket = client.socket("long")
        socket.receive_until("session.created")
        for _ in range(ROUNDS):
            for _ in range(IN_A_ROUND):
                append(socket, PIECE)
            socket.send(type="input_audio_buffer.clear")
            socket.receive_until("input_audio_buffer.cleared")
        socket.close()

    for running, run in ((proxies.recorder, recorded_long), (proxies.replayer, replayed_long)):
        before = resident_kib(running)
        run(proxies, act)
        # 19 MB of sound passed, in 26 MB of messages.
        assert resident_kib(running) - before < 16 * 1024


def recorded_long(proxies: Both, act: Callable[[Client], None]) -> None:
    recorded(proxies, "long", act)


def replayed_long(proxies: Both, act: Callable[[Client], None]) -> None:
    replayed(proxies, act)


def test_sockets_that_are_open_when_the_proxy_ends_are_kept_as_far_as_they_came(tmp_path: Path) -> None:
    with both(tmp_path) as proxies:
        with ExitStack() as stack:
            client = Client(proxies.recorder, stack)
            session, responses = client.socket("open"), client.socket("open", "/v1/responses")
            created = session.receive()
            append(session, SOUND)
            say(session, "Hello", id="msg_1")
            session.receive_until("conversation.item.done")
            responses.send(type="response.create", model="gpt-5", input="Hi")
            responses.receive_until("response.completed")
            assert proxies.recorder.stop() == 0
        by_method = {one["request"]["method"]: one["response"] for one in proxies.recordings_of("open")}
        assert by_method["GET"]["exception_data"]["ended_by"] == "proxy"
        assert "exception_data" not in by_method["POST"]

        def act(client: Client) -> tuple[Any, int]:
            socket = client.socket("open")
            replayed_created = socket.receive()
            append(socket, SOUND)
            say(socket, "Hello", id="msg_1")
            socket.receive_until("conversation.item.done")
            return replayed_created, socket.closed()[0]

        assert replayed(proxies, act) == (without_expiry(created), 1006)


def test_a_killed_proxy_leaves_whole_files_only(tmp_path: Path) -> None:
    with both(tmp_path) as proxies, ExitStack() as stack:
        client = Client(proxies.recorder, stack)
        recorded_before = client.socket("whole")
        conversation(recorded_before)
        wait_until(lambda: proxies.recordings_of("whole"), "the first session is written")
        socket = client.socket("killed")
        socket.receive_until("session.created")
        append(socket, SOUND)
        proxies.recorder.process.kill()
        proxies.recorder.process.wait()

        assert proxies.recordings_of("killed") == []
        assert len(proxies.recordings_of("whole")) == 1
        assert all(json.loads(path.read_bytes()) for path in proxies.folder.glob("*.json"))
