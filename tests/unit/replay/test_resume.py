"""`resume`: the events after a `sequence_number` come from the recorded streams of the same response."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from openai_replay.format import delays
from openai_replay.format.recording import JSON
from openai_replay.replay.resume import Resumption, resumption_of
from openai_replay.request.identity import ApiRequest, describe
from support.requests import API, response_body
from unit.conftest import StartReplay
from unit.exchanges import NO_RULES, Replay, get, write_recording

ID = "resp_1"


def create(text: str = "Hi", test_id: str | None = None) -> ApiRequest:
    body: dict[str, JSON] = response_body(text, model="gpt-4.1", stream=True, background=True)
    return describe("POST", f"{API}/v1/responses", body, test_id, NO_RULES)


def events(numbers: Iterable[int], response_id: str = ID, text: str = "") -> list[JSON]:
    """Return the events of a stream; the first and the last one carry the response."""
    kinds = {0: "response.created", 9: "response.completed"}
    return [
        {"type": kinds[number], "sequence_number": number, "response": {"id": response_id}}
        if number in kinds
        else {"type": "response.output_text.delta", "sequence_number": number, "delta": f"{text}{number}"}
        for number in numbers
    ]


def numbers(
    replay: Replay, after: int | None, test_id: str | None = None, query: str = ""
) -> list[int] | None:
    more = "" if after is None else f"&starting_after={after}"
    answer = replay.answer(get(f"/v1/responses/{ID}?stream=true{more}{query}", test_id=test_id))
    if answer is None:
        return None
    return [int(piece.partition(b'"sequence_number":')[2].split(b",")[0]) for piece in answer.pieces]


@pytest.fixture
def replay(start_replay: StartReplay) -> Replay:
    return start_replay()


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (None, [*range(10)]),
        (-1, [*range(10)]),
        (-7, [*range(10)]),
        (0, [*range(1, 10)]),
        (8, [9]),
        (9, []),
        (999_999_999, []),
    ],
)
def test_the_rest_of_a_stream_comes_from_its_recording(
    folder: Path, replay: Replay, after: int | None, expected: list[int]
) -> None:
    write_recording(folder, "a.json", create(), events(range(10)), is_streaming=True)
    assert numbers(replay, after) == expected


def test_a_recording_that_became_a_pipe_is_not_waited_for(folder: Path, replay: Replay) -> None:
    write_recording(folder, "a.json", create(), events(range(10)), is_streaming=True)
    write_recording(folder, "b.json", create("Bye"), events(range(3)), is_streaming=True)
    assert numbers(replay, 8) == [9]
    (folder / "b.json").unlink()
    os.mkfifo(folder / "b.json")

    assert numbers(replay, 8) == [9]


def test_another_response_is_not_resumed(folder: Path, replay: Replay) -> None:
    write_recording(folder, "a.json", create(), events(range(10), "resp_2", text=ID), is_streaming=True)
    assert numbers(replay, 3) is None


def test_a_recording_of_the_request_itself_comes_first(folder: Path, replay: Replay) -> None:
    write_recording(folder, "a.json", create(), events(range(10)), is_streaming=True)
    own = get(f"/v1/responses/{ID}?stream=true&starting_after=3")
    write_recording(folder, "b.json", own, events([4]), is_streaming=True)
    assert numbers(replay, 3) == [4]


def test_streams_that_broke_are_put_together(folder: Path, replay: Replay) -> None:
    failure: dict[str, JSON] = {
        "is_exception": True,
        "exception_data": {},
        "exception_message": "The stream broke off",
    }
    write_recording(folder, "a.json", create(), events(range(4)), is_streaming=True, test_id=None, **failure)
    own = get(f"/v1/responses/{ID}?stream=true&starting_after=3")
    write_recording(folder, "b.json", own, events(range(4, 10)), is_streaming=True)

    assert numbers(replay, 1) == [*range(2, 10)]
    answer = replay.answer(get(f"/v1/responses/{ID}?stream=true&starting_after=1"))
    assert answer is not None
    assert not answer.is_broken


def test_a_stream_that_broke_for_good_breaks_again(folder: Path, replay: Replay) -> None:
    failure: dict[str, JSON] = {
        "is_exception": True,
        "exception_data": {},
        "exception_message": "The stream broke off",
    }
    write_recording(folder, "a.json", create(), events(range(4)), is_streaming=True, test_id=None, **failure)
    answer = replay.answer(get(f"/v1/responses/{ID}?stream=true&starting_after=1"))
    assert answer is not None
    assert answer.is_broken
    assert len(answer.pieces) == 2


def test_a_stream_of_a_response_that_failed_ends_with_the_failure(folder: Path, replay: Replay) -> None:
    error: JSON = {"code": "server_error", "message": "No."}
    failed: JSON = {
        "type": "response.failed",
        "sequence_number": 4,
        "response": {"id": ID, "status": "failed", "error": error},
    }
    write_recording(folder, "a.json", create(), [*events(range(4)), failed], is_streaming=True)
    answer = replay.answer(get(f"/v1/responses/{ID}?stream=true&starting_after=3"))

    assert answer is not None
    assert (len(answer.pieces), answer.is_broken) == (1, False)
    assert b'"type":"response.failed"' in answer.pieces[0]


def test_a_stream_that_came_over_a_websocket_is_resumed_over_http(folder: Path, replay: Replay) -> None:
    wire: dict[str, JSON] = {
        "client": [{"before": 2, "data": {"type": "response.steer"}}],
        "close": {"code": 1011},
    }
    failure: dict[str, JSON] = {
        "is_exception": True,
        "exception_data": {},
        "exception_message": "The stream broke off",
    }
    write_recording(
        folder, "a.json", create(), events(range(4)), is_streaming=True, test_id=None, wire=wire, **failure
    )
    answer = replay.answer(get(f"/v1/responses/{ID}?stream=true&starting_after=1"))

    assert numbers(replay, 1) == [2, 3]
    assert answer is not None
    assert answer.is_broken


def test_the_stream_of_the_same_test_comes_first(folder: Path, replay: Replay) -> None:
    write_recording(
        folder, "a.json", create("a"), events(range(10), text="a"), is_streaming=True, test_id="a"
    )
    write_recording(
        folder, "b.json", create("b"), events(range(10), text="b"), is_streaming=True, test_id="b"
    )
    for test_id in "ab":
        answer = replay.answer(get(f"/v1/responses/{ID}?stream=true&starting_after=7", test_id=test_id))
        assert answer is not None
        assert f'"{test_id}8"'.encode() in answer.pieces[0]


def test_recorded_times_begin_with_the_first_event_that_is_sent(folder: Path, replay: Replay) -> None:
    wire: dict[str, JSON] = {delays.NAME: delays.encode([5, *range(10, 110, 10), 120])}
    write_recording(folder, "a.json", create(), events(range(10)), is_streaming=True, wire=wire)
    answer = replay.answer(get(f"/v1/responses/{ID}?stream=true&starting_after=6"))
    assert answer is not None
    assert answer.times_ms == (0, 0, 10, 20, 40)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/responses/resp_1",
        "/v1/responses/resp_1?stream=false",
        "/v1/responses/resp_1/input_items?stream=true",
        "/v1/responses/resp_1?stream=true&starting_after=x",
        "/v1/responses/resp_1?stream=true&starting_after=1.5",
        "/v1/responses/resp_1?stream=true&starting_after=%D9%A3",
        "/v1/responses/resp_1?stream=true&starting_after=9999999999",
        "/v1/responses?stream=true",
    ],
)
def test_other_requests_resume_nothing(path: str) -> None:
    assert resumption_of(get(path)) is None


def test_a_resumption_names_the_response_and_the_last_number() -> None:
    request = get("/v1/responses/resp_1?starting_after=12&stream=true&include[]=x")
    assert resumption_of(request) == Resumption("resp_1", 12)
