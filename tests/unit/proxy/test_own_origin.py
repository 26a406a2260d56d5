"""`own_origin`: an answer comes piece by piece, each at its time, and ends as it should. Over loopback."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from openai_replay.proxy.loopback_origin import HOST
from openai_replay.proxy.own_origin import OwnOrigin
from openai_replay.replay.delivery import Delivery, Ending
from openai_replay.service.progress import Progress

PATH = Path("x.json")
HEADERS = (("content-type", "text/event-stream; charset=utf-8"), ("retry-after", "1"))


def an_answer(*pieces: bytes, status: int = 200, ending: Ending = Ending.CUT) -> Delivery:
    return Delivery(PATH, status, HEADERS, pieces, (0,) * len(pieces), ending=ending)


async def fetched(origin: OwnOrigin, path: str) -> bytes:
    """Return all that comes until the connection ends."""
    reader, writer = await asyncio.open_connection(HOST, origin.port)
    writer.write(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
    received = await reader.read()
    writer.close()
    await writer.wait_closed()
    return received


def served(*answers: Delivery) -> list[bytes]:
    async def run() -> list[bytes]:
        origin = OwnOrigin(Progress())
        try:
            paths = [await origin.prepare(answer) for answer in answers]
            return [await fetched(origin, path) for path in paths]
        finally:
            origin.close()

    return asyncio.run(run())


HEAD = (
    b"content-type: text/event-stream; charset=utf-8\r\nretry-after: 1\r\ntransfer-encoding: chunked\r\n\r\n"
)


@pytest.mark.parametrize("ending", [Ending.CUT, Ending.RESET])
@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_stream_breaks_off_after_its_pieces(count: int, ending: Ending) -> None:
    [received] = served(an_answer(*[b"data: 1\n\n"] * count, ending=ending))
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
        origin = OwnOrigin(Progress())
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
        origin = OwnOrigin(Progress())
        assert origin.port is None
        path = await origin.prepare(an_answer(b"1"))
        origin.close()
        with pytest.raises(ConnectionRefusedError):
            await fetched(origin, path)

    asyncio.run(run())


@pytest.mark.parametrize("request_bytes", [b"", b"GET", b"\r\n\r\n", b"x" * 100_000])
def test_what_is_no_request_gets_nothing(request_bytes: bytes) -> None:
    async def run() -> bytes:
        origin = OwnOrigin(Progress())
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


async def received_until(reader: asyncio.StreamReader, end: bytes) -> list[tuple[float, bytes]]:
    """Return the reads up to one that ends so, each with its time on the loop's clock."""
    reads: list[tuple[float, bytes]] = []
    loop = asyncio.get_running_loop()
    while not (reads and b"".join(data for _, data in reads).endswith(end)):
        data = await reader.read(65536)
        reads.append((loop.time(), data))
    return reads


def test_no_piece_comes_before_its_time_and_all_of_them_come() -> None:
    planned_ms = {b"data: %d\n\n" % number: 20.0 * number for number in range(1, 6)}
    pieces, times_ms = tuple(planned_ms), tuple(planned_ms.values())
    paced = Delivery(PATH, 200, HEADERS, pieces, times_ms, head_at_ms=10, end_at_ms=120)

    async def run() -> tuple[float, list[tuple[float, bytes]]]:
        origin = OwnOrigin(Progress())
        try:
            start = asyncio.get_running_loop().time()
            path = await origin.prepare(paced)
            reader, writer = await asyncio.open_connection(HOST, origin.port)
            writer.write(f"GET {path} HTTP/1.1\r\n\r\n".encode())
            reads = await received_until(reader, b"0\r\n\r\n")
            writer.close()
            return start, reads
        finally:
            origin.close()

    start, reads = asyncio.run(run())
    received = b""
    came_ms: dict[bytes, float] = {}
    for at, data in reads:
        received += data
        came_ms |= {
            piece: (at - start) * 1000 for piece in pieces if piece in received and piece not in came_ms
        }

    assert [came_ms[piece] >= at_ms for piece, at_ms in planned_ms.items()] == [True] * 5
    assert (reads[-1][0] - start) * 1000 >= 120
    assert received.count(b"data: ") == 5


def test_a_body_with_its_length_leaves_the_connection_for_the_next_answer() -> None:
    async def run() -> list[bytes]:
        origin = OwnOrigin(Progress())
        try:
            one = Delivery(PATH, 200, (), (b"one",), (0,), length=3)
            paths = [await origin.prepare(one), await origin.prepare(replace(one, pieces=(b"two",)))]
            reader, writer = await asyncio.open_connection(HOST, origin.port)
            bodies = []
            for path in paths:
                writer.write(f"GET {path} HTTP/1.1\r\n\r\n".encode())
                assert (await reader.readuntil(b"\r\n\r\n")).endswith(b"content-length: 3\r\n\r\n")
                bodies.append(await reader.readexactly(3))
            writer.close()
            return bodies
        finally:
            origin.close()

    assert asyncio.run(run()) == [b"one", b"two"]


def test_a_stall_keeps_the_connection_open_until_the_client_leaves() -> None:
    async def run() -> bytes:
        origin = OwnOrigin(Progress())
        try:
            stalled = await origin.prepare(an_answer(b"data: 1\n\n", ending=Ending.STALL))
            other = await origin.prepare(an_answer(b"data: 2\n\n"))
            reader, writer = await asyncio.open_connection(HOST, origin.port)
            writer.write(f"GET {stalled} HTTP/1.1\r\n\r\n".encode())
            await reader.readuntil(b"data: 1\n\n\r\n")
            await fetched(origin, other)
            assert not reader.at_eof()
            writer.write_eof()
            rest = await reader.read()
            writer.close()
            await writer.wait_closed()
            return rest
        finally:
            origin.close()

    assert asyncio.run(run()) == b""


def test_a_slow_reader_gets_all_of_a_paced_answer() -> None:
    pieces, times_ms = (b"x" * 1_000_000,) * 8, tuple(map(float, range(8)))
    [received] = served(Delivery(PATH, 200, (), pieces, times_ms, end_at_ms=8, ending=Ending.CUT))
    assert received.count(b"x") == 8_000_000
