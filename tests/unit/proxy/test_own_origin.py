"""`origin`: an answer breaks off after its pieces, as a real one would. Over loopback, for that is what it is."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from openai_replay.proxy.own_origin import HOST, BreakingOrigin
from openai_replay.replay.answer import Answer

HEADERS = (("content-type", "text/event-stream; charset=utf-8"), ("retry-after", "1"))


def an_answer(*pieces: bytes, status: int = 200) -> Answer:
    return Answer(Path("x.json"), status, HEADERS, pieces, is_broken=True)


async def fetched(origin: BreakingOrigin, path: str) -> bytes:
    """Return all that comes until the connection ends."""
    reader, writer = await asyncio.open_connection(HOST, origin.port)
    writer.write(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
    received = await reader.read()
    writer.close()
    await writer.wait_closed()
    return received


def served(*answers: Answer) -> list[bytes]:
    async def run() -> list[bytes]:
        origin = BreakingOrigin()
        try:
            paths = [await origin.prepare(answer) for answer in answers]
            return [await fetched(origin, path) for path in paths]
        finally:
            origin.close()

    return asyncio.run(run())


HEAD = (
    b"content-type: text/event-stream; charset=utf-8\r\nretry-after: 1\r\ntransfer-encoding: chunked\r\n\r\n"
)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_stream_breaks_off_after_its_pieces(count: int) -> None:
    [received] = served(an_answer(*[b"data: 1\n\n"] * count))
    assert received == b"HTTP/1.1 200 OK\r\n" + HEAD + b"9\r\ndata: 1\n\n\r\n" * count


def test_a_piece_without_bytes_does_not_end_the_stream() -> None:
    [received] = served(an_answer(b"", b"data: 1\n\n", b""))
    assert received.endswith(b"\r\n\r\n9\r\ndata: 1\n\n\r\n")
    assert b"\r\n0\r\n" not in received


def test_a_status_without_a_name_is_sent_as_it_is() -> None:
    [received] = served(an_answer(status=299))
    assert received.startswith(b"HTTP/1.1 299 \r\n")


def test_each_answer_is_served_once_under_a_path_of_its_own() -> None:
    async def run() -> None:
        origin = BreakingOrigin()
        try:
            one, other = await origin.prepare(an_answer(b"1")), await origin.prepare(an_answer(b"2"))
            assert one != other
            assert (await fetched(origin, other)).endswith(b"1\r\n2\r\n")
            assert (await fetched(origin, one)).endswith(b"1\r\n1\r\n")
            assert await fetched(origin, one) == b""
            assert await fetched(origin, "/guessed") == b""
        finally:
            origin.close()

    asyncio.run(run())


def test_a_large_answer_comes_whole() -> None:
    [received] = served(an_answer(b"x" * 5_000_000))
    assert received.count(b"x") == 5_000_000 + HEAD.count(b"x")


def test_nobody_listens_before_the_first_answer_and_after_the_end() -> None:
    async def run() -> None:
        origin = BreakingOrigin()
        assert origin.port is None
        path = await origin.prepare(an_answer(b"1"))
        origin.close()
        with pytest.raises(ConnectionRefusedError):
            await fetched(origin, path)

    asyncio.run(run())


@pytest.mark.parametrize("request_bytes", [b"", b"GET", b"\r\n\r\n", b"x" * 100_000])
def test_what_is_no_request_gets_nothing(request_bytes: bytes) -> None:
    async def run() -> bytes:
        origin = BreakingOrigin()
        try:
            await origin.prepare(an_answer(b"1"))
            reader, writer = await asyncio.open_connection(HOST, origin.port)
            writer.write(request_bytes)
            writer.write_eof()
            received = await reader.read()
            writer.close()
            return received
        finally:
            origin.close()

    assert asyncio.run(run()) == b""
