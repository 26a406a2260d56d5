"""Pacing and faults of replayed WebSockets, Realtime sessions and responses, and the times that recording keeps."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from openai_replay.format import delays
from support.both import KEY, Both, both
from support.proxy import wait_until
from support.websocket import WebSocket, through_proxy

TEST = "paced"
REALTIME, RESPONSES = "/v1/realtime?model=gpt-realtime", "/v1/responses"
BODY = {"type": "response.create", "model": "gpt-5", "input": "Hello"}

# The stand-in API waits so long between two messages.
GAP_MS = 20
SCRIPT: list[Any] = [
    {"send": {"type": "session.created", "event_id": "event_1", "session": {"type": "realtime"}}},
    {"await": 1},
    {
        "send": {
            "type": "response.created",
            "event_id": "event_2",
            "response": {"object": "realtime.response"},
        }
    },
    {"send": {"type": "response.done", "event_id": "event_3", "response": {"object": "realtime.response"}}},
    {"await": 1},
    {"send": {"type": "error", "event_id": "event_4", "error": {"type": "x", "message": "over"}}},
]
CREATED, CANCEL = {"type": "response.create"}, {"type": "response.cancel"}


@pytest.fixture(scope="module")
def proxies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    with both(tmp_path_factory.mktemp("paced"), "recording_timing=true") as proxies:
        answer = {"websocket": SCRIPT, "delivery": {"gap_ms": GAP_MS}}
        proxies.upstream.add({"match": {"query": "model=gpt-realtime"}, "answer": answer})
        with opened(proxies, recording=True) as socket:
            assert talk(socket) == ["session.created", "response.created", "response.done", "error"]
            socket.close()
        with opened(proxies, RESPONSES, recording=True) as socket:
            socket.send(**BODY)
            socket.receive_until("response.completed")
            socket.close()
        wait_until(lambda: len(proxies.recordings_of(TEST)) == 2, "both are written")
        yield proxies


@contextmanager
def opened(
    proxies: Both, target: str = REALTIME, *, recording: bool = False, test_id: str = TEST, **own: str
) -> Iterator[WebSocket]:
    """Give a WebSocket whose upgrade has the headers `x-replay-…` of `own`."""
    headers = [("authorization", f"Bearer {KEY}"), ("x-test-id", test_id)]
    headers += [(f"x-replay-{name}", value) for name, value in own.items()]
    with through_proxy(proxies.recorder if recording else proxies.replayer) as connection:
        socket = WebSocket(connection, target, headers=headers)
        socket.accepted()
        yield socket


def talk(socket: WebSocket) -> list[str]:
    """Say both messages of the client, and return the types of the server's."""
    events = socket.receive_until("session.created")
    socket.send(**CREATED)
    events += socket.receive_until("response.done")
    socket.send(**CANCEL)
    events += socket.receive_until("error")
    return [event["type"] for event in events]


def refusal(proxies: Both, fault: str) -> tuple[int, Any]:
    headers = [("authorization", f"Bearer {KEY}"), ("x-test-id", "retried"), ("x-replay-fault", fault)]
    with through_proxy(proxies.replayer) as connection:
        status, body = WebSocket(connection, REALTIME, headers=headers).refusal()
        return status, json.loads(body)


def session_response(proxies: Both) -> Any:
    """Return the recorded response of the Realtime session."""
    (recording,) = [one for one in proxies.recordings_of(TEST) if one["request"]["method"] == "GET"]
    return recording["response"]


def milliseconds(began_s: float) -> float:
    return (time.monotonic() - began_s) * 1000


def test_a_session_keeps_its_times_in_one_line(proxies: Both) -> None:
    response = session_response(proxies)
    head, *messages, end = delays.decode(response["wire"]["delays"])

    assert len(messages) == len(response["body"])
    assert 0 <= head <= messages[0] <= end
    # The server's third message is one gap behind its second, which answers the client's first.
    assert messages[3] - messages[1] >= GAP_MS - 1


def test_recorded_times_are_kept_to(proxies: Both) -> None:
    times = delays.decode(session_response(proxies)["wire"]["delays"])[1:-1]
    with opened(proxies, pacing="recorded") as socket:
        socket.receive_until("session.created")
        asked_s = time.monotonic()
        socket.send(**CREATED)
        socket.receive_until("response.done")

        assert milliseconds(asked_s) >= times[3] - times[1] - 1


def test_made_up_delays_count_from_the_clients_message(proxies: Both) -> None:
    with opened(proxies, pacing="ttft=60ms,gap=40ms") as socket:
        socket.receive_until("session.created")
        asked_s = time.monotonic()
        socket.send(**CREATED)
        socket.receive_until("response.created")
        first_ms = milliseconds(asked_s)
        socket.receive_until("response.done")

        assert (first_ms >= 59, milliseconds(asked_s) >= 99) == (True, True)
    assert proxies.replayer.ask("/report")["totals"]["paced"] > 0


def test_a_cut_session_ends_without_a_close_frame(proxies: Both) -> None:
    with opened(proxies, fault="cut_after=2") as socket:
        socket.receive_until("session.created")
        socket.send(**CREATED)
        socket.receive_until("response.created")

        assert socket.closed()[0] == 1006


def test_a_session_can_be_cut_before_its_first_message(proxies: Both) -> None:
    with opened(proxies, fault="cut_after=0") as socket:
        assert socket.closed()[0] == 1006


@pytest.mark.parametrize("target", [REALTIME, RESPONSES])
def test_a_reset_is_one_for_the_client(proxies: Both, target: str) -> None:
    with opened(proxies, target, fault="reset_after=1") as socket:
        if target == RESPONSES:
            socket.send(**BODY)
        socket.receive()
        with pytest.raises(ConnectionResetError):
            socket.closed()


def test_a_cut_response_ends_without_a_close_frame(proxies: Both) -> None:
    with opened(proxies, RESPONSES, fault="cut_after=2") as socket:
        socket.send(**BODY)
        socket.receive()
        socket.receive()

        assert socket.closed()[0] == 1006


def test_a_stalled_session_goes_on_later(proxies: Both) -> None:
    began_s = time.monotonic()
    with opened(proxies, fault="stall_after=1;for=150ms") as socket:
        talk(socket)

        assert milliseconds(began_s) >= 150


def test_a_session_that_stalls_for_ever_answers_pings(proxies: Both) -> None:
    with opened(proxies, fault="stall_after=1") as socket:
        socket.receive()
        socket.send(**CREATED)

        assert socket.ping(b"are you there") == b"are you there"


def test_a_malformed_message_has_half_of_its_text(proxies: Both) -> None:
    with opened(proxies, fault="malformed_at=1") as socket:
        said = socket.message()

        assert isinstance(said, str)
        with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
            json.loads(said)


def test_a_duplicated_message_comes_twice(proxies: Both) -> None:
    with opened(proxies, fault="duplicate_at=1") as socket:
        assert socket.receive() == socket.receive()
        socket.send(**CREATED)
        assert socket.receive()["type"] == "response.created"


def test_slow_messages_come_apart(proxies: Both) -> None:
    began_s = time.monotonic()
    with opened(proxies, fault="slow=50ms") as socket:
        talk(socket)

        assert milliseconds(began_s) >= 200


def test_a_rate_limit_refuses_the_upgrade_and_the_retry_gets_the_session(proxies: Both) -> None:
    status, body = refusal(proxies, "rate_limit;retry_after=1;first=1")
    assert (status, body["error"]["code"]) == (429, "rate_limit_exceeded")
    with opened(proxies, test_id="retried", fault="rate_limit;first=1") as socket:
        assert socket.receive()["type"] == "session.created"


def test_an_error_is_an_event_of_a_response(proxies: Both) -> None:
    with opened(proxies, RESPONSES, fault="error=503") as socket:
        socket.send(**BODY)
        event = socket.receive()

        assert (event["type"], event["status"]) == ("error", 503)


def test_a_faulty_session_says_so_and_is_no_miss(proxies: Both) -> None:
    before = proxies.replayer.ask("/report")["totals"]
    headers = [("authorization", f"Bearer {KEY}"), ("x-replay-fault", "malformed_at=1")]
    with through_proxy(proxies.replayer) as connection:
        socket = WebSocket(connection, REALTIME, headers=headers)
        accepted = socket.accepted()
        socket.message()
        socket.close()
    after = proxies.replayer.ask("/report")["totals"]

    assert (b"x-replay-fault", b"malformed_at") in accepted.extra_headers
    assert (after["missed"], after["faulted"]) == (before["missed"], before["faulted"] + 1)


def test_a_header_that_makes_no_sense_is_explained(proxies: Both) -> None:
    with opened(proxies, fault="cut_afer=1") as socket:
        event = socket.receive()

        assert event["error"]["code"] == "replay_header_invalid"
        assert "did you mean cut_after?" in event["error"]["message"]
        assert socket.closed()[0] == 1008


def test_a_recording_without_times_says_so_once(proxies: Both) -> None:
    with opened(proxies, recording=True, test_id="untimed") as socket:
        talk(socket)
        socket.close()
    wait_until(lambda: proxies.recordings_of("untimed"), "the session is written")
    for path in proxies.folder.glob("*.json"):
        recording = json.loads(path.read_bytes())
        if recording["test_id"] == "untimed":
            del recording["response"]["wire"]["delays"]
            path.write_text(json.dumps(recording))
    for _ in range(2):
        with opened(proxies, test_id="untimed", pacing="recorded") as socket:
            talk(socket)

    wait_until(lambda: "has no times" in proxies.replayer.log(), "it is said")
    assert proxies.replayer.log().count("has no times") == 1
