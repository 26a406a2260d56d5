"""`timing`: the times of a response's parts are in one line of the recording, and change nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from openai_replay.format import delays
from openai_replay.format.recording import decode
from openai_replay.record.exchange import End, Exchange, Timing
from openai_replay.record.record import record
from openai_replay.replay.answer import Answer, render
from openai_replay.store.store import Stored
from unit.exchanges import answered, chat, chunk, completion, get, streamed

STREAM = streamed(chat(stream=True), [chunk(text) for text in ("a", "b", "c")])
PATH = Path("recordings/ab12.json")
BLOCKS = [block + b"\n\n" for block in b"".join(STREAM.body).split(b"\n\n")[:-1]]


def timed(
    exchange: Exchange, *pieces: tuple[float, bytes], head_ms: float = 5, end_ms: float = 99
) -> Exchange:
    return replace(exchange, body=[piece for _, piece in pieces], timing=Timing(head_ms, end_ms, pieces))


def answer_of(exchange: Exchange) -> Answer:
    """Return the answer of an exchange's recording, as a later run reads it from its file."""
    recording = decode(b"".join(record(exchange).pieces()), PATH)
    return render([Stored(PATH, (0, 0, 0), recording, exchange.api_request.identity)], exchange.api_request)


def line_of(exchange: Exchange) -> object:
    content = b"".join(record(exchange).pieces())
    return decode(content, PATH).response.wire.get(delays.NAME)


def test_each_event_of_a_stream_has_its_delay() -> None:
    pieces = [(10.0 * number, block) for number, block in enumerate(BLOCKS, 1)]
    assert len(BLOCKS) == 4  # three chunks and [DONE]
    assert line_of(timed(STREAM, *pieces)) == "5*2 10*3 59"


def test_an_event_came_with_the_bytes_that_completed_it() -> None:
    body = b"".join(BLOCKS)
    cut = len(BLOCKS[0]) - 1
    pieces = [(10.0, body[:cut]), (20.0, body[cut : cut + 1]), (30.0, body[cut + 1 :])]
    assert line_of(timed(STREAM, *pieces)) == "5 15 10 0*2 69"


def test_a_comment_has_a_delay_too() -> None:
    pieces = [(10.0, b": keep-alive\n\n"), *((20.0, block) for block in BLOCKS)]
    assert line_of(timed(STREAM, *pieces)) == "5*2 10 0*3 79"


def test_a_broken_stream_keeps_the_time_of_its_break() -> None:
    broken = replace(timed(STREAM, (10.0, BLOCKS[0]), (20.0, b"data: {")), end=End.CUT_BY_UPSTREAM)
    assert line_of(broken) == "5*2 89"


def test_a_plain_answer_has_the_times_of_its_head_and_its_end() -> None:
    exchange = answered(chat(), completion())
    assert line_of(timed(exchange, (20.0, b"".join(exchange.body)))) == "5 94"


def test_an_answer_without_a_body_stays_one() -> None:
    exchange = answered(get("/v1/files/f"), b"")
    answer = answer_of(timed(exchange))
    assert (answer.pieces, answer.times_ms) == ((), (5, 99))


@given(st.lists(st.integers(0, 1000), min_size=4, max_size=4).map(sorted))
def test_times_change_neither_the_digest_nor_any_other_line(times_ms: list[int]) -> None:
    with_times = record(timed(STREAM, *zip(map(float, times_ms), BLOCKS, strict=True), end_ms=2000))
    without = record(STREAM)
    file, plain = (b"".join(recorded.pieces()).splitlines() for recorded in (with_times, without))

    assert with_times.digest == without.digest
    assert set(plain) <= set(file) | {b'    "is_streaming": true'}
    assert len(file) == len(plain) + 3  # "wire": { "delays": … }


@given(st.lists(st.integers(0, 1000), min_size=4, max_size=4).map(sorted))
def test_the_answer_has_the_times_again(times_ms: list[int]) -> None:
    pieces = zip(map(float, times_ms), BLOCKS, strict=True)
    answer = answer_of(timed(STREAM, *pieces, head_ms=0, end_ms=2000))
    assert answer.times_ms == (0, *times_ms, 2000)
