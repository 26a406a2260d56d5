"""`import_httprr`: requests and responses as they stood on the wire, and traces that are damaged."""

from __future__ import annotations

import pytest

from openai_replay.collection.import_httprr import exchanges, is_trace
from openai_replay.record.raw_exchange import NotTaken, RawExchange

REQUEST = b"POST https://api.openai.com/v1/x HTTP/1.1\r\nHost: api.openai.com\r\n\r\n{}"
RESPONSE = b"HTTP/2.0 200 OK\r\nContent-Type: application/json\r\n\r\n[1]"


def trace(*pairs: tuple[bytes, bytes], line_end: bytes = b"\n") -> bytes:
    return (
        b"httprr trace v1"
        + line_end
        + b"".join(
            b"%d %d" % (len(sent), len(received)) + line_end + sent + received for sent, received in pairs
        )
    )


def read(raw: bytes) -> list[RawExchange | NotTaken]:
    return [*exchanges(raw, "a.httprr")]


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_each_pair_is_an_exchange(line_end: bytes) -> None:
    one, two = read(trace((REQUEST, RESPONSE), (REQUEST, RESPONSE), line_end=line_end))
    assert isinstance(one, RawExchange)
    assert isinstance(two, RawExchange)
    assert (one.method, one.url, one.request_body) == ("POST", "https://api.openai.com/v1/x", b"{}")
    assert (one.status, one.response_headers, one.response_body) == (
        200,
        (("Content-Type", "application/json"),),
        b"[1]",
    )
    assert two.place == "a.httprr, exchange 2"


def test_a_path_alone_gets_its_host() -> None:
    [found] = read(trace((b"GET /v1/x HTTP/1.1\r\nHost: api.openai.com\r\n\r\n", RESPONSE)))
    assert isinstance(found, RawExchange)
    assert found.url == "https://api.openai.com/v1/x"


@pytest.mark.parametrize(
    ("coded", "body"),
    [
        (b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n", b"abcde"),
        (b"0\r\n\r\n", b""),
        (b"abc", b"abc"),
        (b"3\r\nab", b"3\r\nab"),
        (b"", b""),
    ],
)
def test_a_body_loses_its_chunks(coded: bytes, body: bytes) -> None:
    received = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + coded
    [found] = read(trace((REQUEST, received)))
    assert isinstance(found, RawExchange)
    assert found.response_body == body


@pytest.mark.parametrize(
    ("raw", "problems"),
    [
        (b"httprr trace v1\n", []),
        (trace((REQUEST, RESPONSE))[:-1], ["exchange 1: expected two lengths, and so many bytes after them"]),
        (
            trace((REQUEST, RESPONSE)) + b"x",
            ["exchange 2: expected two lengths, and so many bytes after them"],
        ),
        (trace((b"", RESPONSE)), ["exchange 1: expected the first line of a request, got b''"]),
        (
            trace((REQUEST, b"HTTP/1.1 OK\r\n\r\n")),
            ["exchange 1: expected an HTTP status in the response's first line from 200 to 599, got 'OK'"],
        ),
    ],
)
def test_damage_is_named_with_its_place(raw: bytes, problems: list[str]) -> None:
    named = [str(found) for found in read(raw) if isinstance(found, NotTaken)]
    assert named == [f"a.httprr, {problem}" for problem in problems]


def test_the_first_line_tells_a_trace() -> None:
    assert is_trace(trace())
    assert not is_trace(b"httprr trace v2\n")
