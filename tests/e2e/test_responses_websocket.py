"""The Responses API over WebSockets: recorded like streamed POSTs, and replayed over either transport."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from openai_replay.mock import Outcome, Upstream
from support.base_url import BaseURL
from support.both import KEY, Both, both
from support.proxy import Proxy, proxy, recordings, wait_until
from support.requests import response_body
from support.websocket import WebSocket, direct, through_proxy

TARGET = "/v1/responses"
AUTHORIZATION = ("authorization", f"Bearer {KEY}")
LAST = ("response.completed", "response.failed", "response.incomplete", "error")
BODY = response_body("Hello", model="gpt-5")

type Events = list[dict[str, Any]]


@pytest.fixture(scope="module")
def proxies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    with both(tmp_path_factory.mktemp("responses-websocket")) as proxies:
        yield proxies


@pytest.fixture(scope="module")
def by_base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    home = tmp_path_factory.mktemp("responses-websocket-by-base-url")
    with both(home, mode="reverse:https://api.openai.com") as proxies:
        yield proxies


class Client:
    """Sockets to the API through a proxy, closed with the block."""

    def __init__(self, running: Proxy, stack: ExitStack) -> None:
        self._running = running
        self._stack = stack

    def socket(self, *, test_id: str = "", target: str = TARGET) -> WebSocket:
        connection = self._stack.enter_context(through_proxy(self._running))
        headers = [AUTHORIZATION, *([("x-test-id", test_id)] if test_id else [])]
        socket = WebSocket(connection, target, headers=headers)
        socket.accepted()
        return socket


def twice[T](proxies: Both, act: Callable[[Client], T]) -> tuple[T, T]:
    """Do something while recording and in replay, where upstream hears nothing of it."""
    with ExitStack() as stack:
        recorded = act(Client(proxies.recorder, stack))
    proxies.recorder.ask("/report")
    connections = proxies.upstream.connections
    with ExitStack() as stack:
        replayed = act(Client(proxies.replayer, stack))
    assert proxies.upstream.connections == connections
    return recorded, replayed


def create(socket: WebSocket, **members: Any) -> None:
    socket.send(type="response.create", **{**BODY, **members})


def exchange(socket: WebSocket, **members: Any) -> Events:
    create(socket, **members)
    return socket.receive_until(*LAST)


def of_lane(events: Events, lane: str) -> Events:
    return [event for event in events if event["stream_id"] == lane]


# --- recorded and replayed ---


def test_each_event_comes_back_as_it_came(proxies: Both) -> None:
    def act(client: Client) -> list[str]:
        socket = client.socket(test_id="texts")
        create(socket)
        texts = [str(socket.message())]
        while json.loads(texts[-1])["type"] not in LAST:
            texts.append(str(socket.message()))
        return texts

    recorded, replayed = twice(proxies, act)

    assert replayed == recorded
    assert json.loads(recorded[-1])["type"] == "response.completed"


def test_the_file_is_that_of_a_streamed_post(tmp_path: Path) -> None:
    events = [{"type": "response.created", "sequence_number": 0, "response": {"id": "resp_1"}}]
    events += [{"type": "response.completed", "sequence_number": 1, "response": {"id": "resp_1"}}]
    with both(tmp_path, mode="reverse:https://api.openai.com") as proxies:
        script = [{"await": 1}, *({"send": event} for event in events), {"await": 9}]
        proxies.upstream.add({"match": {"method": "GET"}, "answer": {"websocket": script}})
        stream = [{"event": event["type"], "data": event} for event in events]
        proxies.upstream.add({"match": {"method": "POST"}, "answer": {"events": stream}})
        with BaseURL(proxies.recorder) as client:
            client.send({**BODY, "stream": True}, TARGET)
            client.send(path="/@/reset", method="POST")
        (name,) = recordings(proxies.folder)
        over_http = (proxies.folder / name).read_bytes()
        (proxies.folder / name).write_bytes(b"replaced by the next run")
        with direct(proxies.recorder) as connection:
            socket = WebSocket(connection, TARGET)
            socket.accepted()
            exchange(socket, stream_id="lane")

        assert (proxies.folder / name).read_bytes() == over_http


def test_a_recording_made_over_http_answers_over_a_websocket(proxies: Both) -> None:
    events = proxies.seen(
        proxies.recorder,
        lambda client: [
            event.to_dict()
            for event in client.responses.create(model="gpt-5", input="Crosswise", stream=True)
        ],
        "crosswise",
    ).result
    proxies.recorder.ask("/report")
    with ExitStack() as stack:
        socket = Client(proxies.replayer, stack).socket(test_id="crosswise")
        replayed = exchange(socket, input="Crosswise", stream_id="a")

    assert [event.pop("stream_id") for event in replayed] == ["a"] * len(events)
    assert replayed == events


def test_a_recording_made_over_a_websocket_answers_over_http(proxies: Both) -> None:
    with ExitStack() as stack:
        socket = Client(proxies.recorder, stack).socket(test_id="back")
        recorded = exchange(socket, input="And back", stream_id="a")
    proxies.recorder.ask("/report")
    events = proxies.seen(
        proxies.replayer,
        lambda client: [
            event.to_dict() for event in client.responses.create(model="gpt-5", input="And back", stream=True)
        ],
        "back",
    ).result

    assert [{**event, "stream_id": "a"} for event in events] == recorded


def test_one_connection_carries_a_conversation(proxies: Both) -> None:
    def act(client: Client) -> Events:
        socket = client.socket(test_id="conversation")
        first = exchange(socket, input="First", store=False)
        return first + exchange(socket, input="Second", previous_response_id=first[-1]["response"]["id"])

    recorded, replayed = twice(proxies, act)

    assert replayed == recorded
    assert [event["type"] for event in recorded].count("response.completed") == 2


def test_lanes_run_side_by_side_and_in_order_within(proxies: Both) -> None:
    def act(client: Client) -> Events:
        socket = client.socket(test_id="lanes")
        for lane, text in (("a", "One"), ("b", "Two"), ("a", "Three")):
            create(socket, input=text, stream_id=lane)
        events: Events = []
        while [event["type"] for event in events].count("response.completed") < 3:
            events.append(socket.receive())
        return events

    recorded, replayed = twice(proxies, act)

    order = [event["stream_id"] for event in recorded]
    assert order.index("b") < order.index("a", order.index("b"))
    assert [event["type"] for event in of_lane(recorded, "a")].count("response.created") == 2
    for lane in ("a", "b"):
        assert of_lane(replayed, lane) == of_lane(recorded, lane)


def test_a_warm_up_is_a_request_of_its_own(proxies: Both) -> None:
    def act(client: Client) -> tuple[Events, Events]:
        socket = client.socket(test_id="warm-up")
        return exchange(socket, generate=False), exchange(socket)

    recorded, replayed = twice(proxies, act)

    assert replayed == recorded
    assert [event["type"] for event in recorded[0]] == ["response.created", "response.completed"]
    assert len(recorded[1]) > 2


def test_repeats_get_the_next_recording(proxies: Both) -> None:
    def act(client: Client) -> list[str]:
        socket = client.socket(test_id="repeats")
        return [exchange(socket, input="Again")[-1]["response"]["id"] for _ in range(3)]

    recorded, replayed = twice(proxies, act)

    assert replayed == recorded
    assert len(set(recorded)) == 3


def test_steering_is_kept_in_its_place(proxies: Both) -> None:
    def act(client: Client) -> Events:
        socket = client.socket(test_id="steering")
        create(socket, input="Say 60 words")
        events = socket.receive_until("response.output_text.delta")
        previous = events[0]["response"]["id"]
        socket.send(type="response.steer", previous_response_id=previous, input="A haiku")
        events += socket.receive_until("response.incomplete")
        return events + socket.receive_until("response.completed")

    recorded, replayed = twice(proxies, act)

    assert replayed == recorded
    assert "response.steer.accepted" in [event["type"] for event in recorded]


def test_an_error_of_the_api_comes_as_it_came(proxies: Both) -> None:
    def act(client: Client) -> list[str]:
        socket = client.socket(test_id="errors")
        create(socket, previous_response_id="resp_none", stream_id="a")
        refused = str(socket.message())
        exchange(socket, stream_id="a")  # the connection goes on
        return [refused]

    recorded, replayed = twice(proxies, act)

    assert replayed == recorded
    assert json.loads(recorded[0])["error"]["code"] == "previous_response_not_found"


def test_an_error_is_the_error_that_http_has(proxies: Both) -> None:
    with ExitStack() as stack:
        socket = Client(proxies.recorder, stack).socket(test_id="error-over-http")
        (event,) = exchange(socket, input="Which?", previous_response_id="resp_none")
    proxies.recorder.ask("/report")

    def post(client: Any) -> Any:
        return client.post(
            "/responses",
            body={**BODY, "input": "Which?", "previous_response_id": "resp_none", "stream": True},
            cast_to=object,
        )

    with pytest.raises(Exception, match="previous_response_not_found") as raised:
        proxies.seen(proxies.replayer, post, "error-over-http")

    assert raised.value.status_code == event["status"] == 400  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("test_id", "end", "closed"),
    [("broken", {"break": True}, None), ("closed", {"close": [1011, "overloaded"]}, (1011, "overloaded"))],
)
def test_a_break_and_a_close_frame_come_as_they_came(
    proxies: Both, test_id: str, end: Any, closed: tuple[int, str] | None
) -> None:
    event = {"type": "response.created", "sequence_number": 0, "response": {"id": "resp_1"}}
    script = [{"await": 1}, {"send": event}, end]
    proxies.upstream.add(
        {"match": {"path": TARGET, "headers": {"x-break": test_id}}, "answer": {"websocket": script}}
    )

    def act(client: Client) -> tuple[dict[str, Any], tuple[int, str]]:
        connection = client._stack.enter_context(through_proxy(client._running))
        socket = WebSocket(connection, TARGET, headers=[("x-test-id", test_id), ("x-break", test_id)])
        socket.accepted()
        create(socket, input=test_id)
        return socket.receive(), socket.closed()

    recorded, replayed = twice(proxies, act)

    assert replayed == recorded
    assert recorded[0] == event
    assert recorded[1] == (closed or (1006, ""))
    (recording,) = proxies.recordings_of(test_id)
    assert recording["response"]["exception_data"]["ended_by"] == "upstream"


def test_the_limit_of_a_connection_is_recorded_with_the_request_that_met_it(proxies: Both) -> None:
    error = {"code": "websocket_connection_limit_reached", "message": "60 minutes", "type": "invalid"}
    refused = {"type": "error", "status": 400, "error": error}
    script = [{"await": 1}, {"send": refused}, {"close": [1000, ""]}]
    proxies.upstream.add({"match": {"path": TARGET, "times": 1}, "answer": {"websocket": script}})

    def act(client: Client) -> tuple[Events, Events]:
        return (
            exchange(client.socket(test_id="limit"), input="Late"),
            exchange(client.socket(test_id="limit"), input="Late"),
        )

    recorded, replayed = twice(proxies, act)

    assert replayed == recorded
    assert recorded[0] == [refused]
    assert recorded[1][-1]["type"] == "response.completed"


# --- misses ---


def test_a_miss_is_an_error_event_of_its_lane_and_the_connection_goes_on(proxies: Both) -> None:
    with ExitStack() as stack:
        exchange(Client(proxies.recorder, stack).socket(test_id="miss"), input="The one that is recorded")
    proxies.recorder.ask("/report")
    connections = proxies.upstream.connections
    with ExitStack() as stack:
        socket = Client(proxies.replayer, stack).socket(test_id="miss")
        (missed,) = exchange(socket, input="The one that is not recorded", stream_id="b")
        answered = exchange(socket, input="The one that is recorded", stream_id="b")

    assert (missed["type"], missed["status"], missed["stream_id"]) == ("error", 400, "b")
    assert missed["error"]["code"] == "recording_not_found"
    assert missed["error"]["message"].startswith("No recording for POST /v1/responses (request ")
    assert answered[-1]["type"] == "response.completed"
    assert 'input: recorded "The one that is recorded"' in proxies.replayer.log()
    assert proxies.upstream.connections == connections


def test_a_message_that_is_not_of_the_recording_is_a_miss(proxies: Both) -> None:
    with ExitStack() as stack:
        socket = Client(proxies.replayer, stack).socket(test_id="steered out of the blue")
        socket.send(type="response.steer", previous_response_id="resp_none", input="?")
        missed = socket.receive()

    assert missed["error"]["code"] == "recording_not_found"


def test_an_unreadable_recording_is_an_error_event(proxies: Both) -> None:
    with ExitStack() as stack:
        exchange(Client(proxies.recorder, stack).socket(test_id="unreadable"), input="Edited")
    proxies.recorder.ask("/report")
    (path,) = [p for p in proxies.folder.glob("*.json") if b'"unreadable"' in p.read_bytes()]
    path.write_bytes(path.read_bytes()[:-20])
    try:
        with ExitStack() as stack:
            (refused,) = exchange(
                Client(proxies.replayer, stack).socket(test_id="unreadable"), input="Edited"
            )
    finally:
        path.unlink()

    assert refused["error"]["code"] == "recording_unreadable"


# --- test ids, secrets, base URL ---


def test_the_test_id_comes_from_the_proxys_user_name(proxies: Both) -> None:
    user = base64.b64encode(b"of the user:").decode()
    header = f"proxy-authorization: Basic {user}\r\n"
    with through_proxy(proxies.recorder, connect_headers=header) as connection:
        socket = WebSocket(connection, TARGET)
        socket.accepted()
        exchange(socket, input="Whose?")
    proxies.recorder.ask("/report")

    assert len(proxies.recordings_of("of the user")) == 1


def test_it_works_by_base_url_with_a_test_id_in_the_path(by_base_url: Both) -> None:
    seen = []
    for running in (by_base_url.recorder, by_base_url.replayer):
        connections = by_base_url.upstream.connections
        with direct(running) as connection:
            socket = WebSocket(connection, f"/@a%20test{TARGET}")
            socket.accepted()
            seen.append(exchange(socket))

    assert seen[1] == seen[0]
    assert by_base_url.upstream.connections == connections
    assert by_base_url.upstream.requests[-1].target == TARGET
    assert len(by_base_url.recordings_of("a test")) == 1


def test_pings_are_answered_in_replay(proxies: Both) -> None:
    with through_proxy(proxies.replayer) as connection:
        socket = WebSocket(connection, TARGET)
        socket.accepted()

        assert socket.ping(b"there?") == b"there?"


def test_no_key_is_written(proxies: Both) -> None:
    with ExitStack() as stack:
        socket = Client(proxies.recorder, stack).socket(test_id="secrets")
        exchange(socket, input=f"My key is {KEY}.")
    proxies.recorder.ask("/report")
    (recording,) = proxies.recordings_of("secrets")

    assert recording["request"]["body"]["input"] == "My key is REDACTED."
    assert KEY not in json.dumps(recording)


def test_a_client_that_leaves_early_is_recorded_as_far_as_it_came(proxies: Both) -> None:
    with ExitStack() as stack:
        socket = Client(proxies.recorder, stack).socket(test_id="left")
        create(socket, input="Say 5000 words")
        socket.receive_until("response.output_text.delta")
        socket.close()
    wait_until(lambda: proxies.recordings_of("left"), "the recording is written")
    (recording,) = proxies.recordings_of("left")

    assert recording["response"]["exception_data"]["ended_by"] == "client"


def test_the_upstream_sees_the_clients_close_frame(proxies: Both) -> None:
    with ExitStack() as stack:
        Client(proxies.recorder, stack).socket().close(1000, "enough")
    proxies.upstream.wait_for(lambda upstream: upstream.requests[-1].outcome is Outcome.ANSWERED)

    assert proxies.upstream.requests[-1].closed == (1000, "enough")


def test_a_request_after_a_warm_up_is_the_post_with_all_input(proxies: Both) -> None:
    asked: list[Any] = [{"role": "user", "content": part} for part in ("First,", "then")]

    def post(client: Any) -> str:
        stream = client.responses.create(model="gpt-5", input=asked, stream=True)
        return str(list(stream)[-1].response.id)

    def warmed_up(client: Client) -> str:
        socket = client.socket(test_id="warmed-up")
        warm_up = exchange(socket, input=asked[:1], generate=False)[-1]["response"]["id"]
        return str(exchange(socket, input=asked[1:], previous_response_id=warm_up)[-1]["response"]["id"])

    over_http = proxies.seen(proxies.recorder, post, "warmed-up").result
    proxies.recorder.ask("/report")
    with ExitStack() as stack:
        assert warmed_up(Client(proxies.replayer, stack)) == over_http
    proxies.recorder.ask("/reset", "POST")
    with ExitStack() as stack:
        over_websocket = warmed_up(Client(proxies.recorder, stack))
    proxies.recorder.ask("/report")

    assert proxies.seen(proxies.replayer, post, "warmed-up").result == over_websocket


def test_record_if_missing_replays_the_recorded_and_records_the_rest(tmp_path: Path) -> None:
    with Upstream() as upstream, both(tmp_path, upstream=upstream) as proxies:
        with ExitStack() as stack:
            known = exchange(Client(proxies.recorder, stack).socket(), input="Known")
        options = ("recording_mode=record-if-missing", f"recording_dir={proxies.folder}")
        with proxy(tmp_path / "mixed", *options, upstream=upstream) as mixed, ExitStack() as stack:
            socket = Client(mixed, stack).socket()
            assert exchange(socket, input="Known") == known
            new = exchange(socket, input="New")
            assert exchange(socket, input="Known", stream_id="a")[0]["stream_id"] == "a"
        asked = [json.loads(str(message))["input"] for message in upstream.requests[-1].messages]
        with ExitStack() as stack:
            replayed = exchange(Client(proxies.replayer, stack).socket(), input="New")

    assert asked == ["New"]
    assert replayed == new


# --- faults and pacing ---

WHOLE, BREAK, RESET = "whole", 1006, "reset"


@pytest.fixture(scope="module")
def whole(proxies: Both) -> list[str]:
    """The messages of an answer without a fault, which is recorded for a separate test."""
    with ExitStack() as stack:
        exchange(Client(proxies.recorder, stack).socket(test_id="faults"))
    proxies.recorder.ask("/report")
    with through_proxy(proxies.replayer) as connection:
        texts, _, _ = received(WebSocket(connection, TARGET, headers=[("x-test-id", "faults")]))
    return texts


@pytest.fixture(scope="module")
def engine(proxies: Both, whole: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    home = tmp_path_factory.mktemp("engine")
    options = (f"recording_dir={proxies.folder}",)
    with proxy(home, *options, mode="reverse:https://api.openai.com", program="engine") as running:
        yield running


def received(socket: WebSocket) -> tuple[list[str], int | str, float]:
    """Ask once; return the messages, how it ended (whole, reset, or a close code), and the ms until then."""
    socket.accepted()
    start_s = time.monotonic()
    create(socket)
    texts: list[str] = []
    while not texts or not any(f'"type":"{kind}"' in texts[-1] for kind in LAST):
        try:
            said = socket.message()
        except ConnectionResetError:
            return texts, RESET, (time.monotonic() - start_s) * 1000
        if not isinstance(said, str):
            return texts, int(said.code), (time.monotonic() - start_s) * 1000
        texts.append(said)
    return texts, WHOLE, (time.monotonic() - start_s) * 1000


def faulty(whole: list[str], fault: str) -> list[str]:
    """Return the messages that a fault leaves."""
    second = {
        "malformed_at=2": [whole[1][: len(whole[1]) // 2]],
        "duplicate_at=2": [whole[1]] * 2,
    }
    if fault in ("cut_after=2", "reset_after=2"):
        return whole[:2]
    return [whole[0], *second.get(fault, [whole[1]]), *whole[2:]]


@pytest.mark.parametrize(
    ("header", "value", "end", "least_ms"),
    [
        ("x-replay-fault", "cut_after=2", BREAK, 0),
        ("x-replay-fault", "reset_after=2", RESET, 0),
        ("x-replay-fault", "malformed_at=2", WHOLE, 0),
        ("x-replay-fault", "duplicate_at=2", WHOLE, 0),
        ("x-replay-fault", "slow=20ms", WHOLE, 100),
        ("x-replay-fault", "stall_after=2;for=200ms", WHOLE, 200),
        ("x-replay-pacing", "ttft=100ms,gap=10ms", WHOLE, 150),
    ],
)
@pytest.mark.parametrize("program", ["mitmdump", "engine"])
def test_faults_and_pacing_are_those_of_http(
    proxies: Both,
    engine: Proxy,
    whole: list[str],
    program: str,
    header: str,
    value: str,
    end: int | str,
    least_ms: float,
) -> None:
    headers = [("x-test-id", "faults"), (header, value)]
    opened = direct(engine) if program == "engine" else through_proxy(proxies.replayer)
    with opened as connection:
        texts, ended, ms = received(WebSocket(connection, TARGET, headers=headers))
    assert (texts, ended) == (faulty(whole, value), end)
    assert ms >= least_ms


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("rate_limit;first=1", 429, "rate_limit_exceeded"),
        ("error=503;first=1", 503, "service_unavailable"),
        ("rate_limits", 400, "replay_header_invalid"),
    ],
)
@pytest.mark.parametrize("program", ["mitmdump", "engine"])
def test_a_failure_is_an_error_event_and_the_connection_goes_on(
    proxies: Both, engine: Proxy, whole: list[str], program: str, fault: str, status: int, code: str
) -> None:
    headers = [("x-test-id", f"{code}-{program}"), ("x-replay-fault", fault)]
    opened = direct(engine) if program == "engine" else through_proxy(proxies.replayer)
    with opened as connection:
        socket = WebSocket(connection, TARGET, headers=headers)
        socket.accepted()
        [failure] = exchange(socket)
        second = exchange(socket)
    assert (failure["status"], failure["error"]["code"]) == (status, code)
    assert second[-1]["type"] == ("error" if code == "replay_header_invalid" else "response.completed")
