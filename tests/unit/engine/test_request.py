"""`request`: two requests with one fingerprint are equal, and the parts that the engine reads of a request."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from openai_replay.engine.command_line import Target
from openai_replay.engine.request import fingerprint, received, without_weightless
from openai_replay.options import OPTIONS, settings
from openai_replay.service.service import Run, Service

TARGET = Target("https", "api.openai.com", 443)


def scope(
    path: str = "/v1/models",
    headers: Sequence[tuple[bytes, bytes]] = (),
    query: bytes = b"",
    method: str = "GET",
) -> dict[str, Any]:
    return {
        "http_version": "1.1",
        "method": method,
        "raw_path": path.encode(),
        "query_string": query,
        "headers": headers,
    }


DIFFERENT = [
    (scope(), b""),
    ({**scope(), "http_version": "2"}, b""),
    (scope(method="POST"), b""),
    (scope("/v1/model"), b""),
    (scope(query=b"a=1"), b""),
    (scope("/v1/models?a=1"), b""),
    (scope(), b"{}"),
    (scope(headers=[(b"x-test-id", b"t")]), b""),
    (scope(headers=[(b"x-test-id", b"u")]), b""),
    (scope(headers=[(b"content-type", b"t")]), b""),
    (scope(headers=[(b"content-type", b"")]), b""),
    (scope(), b"content-type\0t\0\0"),
    (scope(headers=[(b"authorization", b"Bearer a")]), b""),
    (scope(headers=[(b"x-my-api-key", b"a")]), b""),
    (scope(headers=[(b"x-replay-fault", b"error=500")]), b""),
]


def test_requests_that_may_get_different_answers_have_different_fingerprints() -> None:
    assert len({fingerprint(one, body) for one, body in DIFFERENT}) == len(DIFFERENT)


def test_headers_that_have_no_say_do_not_count() -> None:
    traced = scope(headers=[(b"traceparent", b"00-1"), (b"x-stainless-retry-count", b"1")])
    assert fingerprint(traced, b"{}") == fingerprint(scope(), b"{}")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service whose requests belong to the test `default` if they bring no test id."""
    values: dict[str, object] = {option.name: option.default for option in OPTIONS}
    values |= {"recording_dir": str(tmp_path), "recording_test_id": "default"}
    service = Service.opened(Run.new({}), settings(values), {})
    yield service
    service.close()
    service.run.worker.close()


@pytest.mark.parametrize(
    ("path", "headers", "test_id", "rest"),
    [
        ("/v1/models", [], "default", "/v1/models"),
        ("/@a%2Fb/v1/models", [], "a/b", "/v1/models"),
        ("/@a/v1/models", [(b"x-test-id", b"b%20c")], "b c", "/v1/models"),
        ("/@a/v1/models", [(b"x-test-id", b"")], "a", "/v1/models"),
        ("/v1/models", [(b"x-test-id", "ü".encode("latin-1"))], "ü", "/v1/models"),
        ("/v1/models", [(b"proxy-authorization", b"Basic dDo=")], "t", "/v1/models"),
        ("/@openai-replay-process-1/v1/models", [], "its test", "/v1/models"),
    ],
)
def test_a_test_id_comes_from_a_header_or_the_path(
    service: Service, path: str, headers: list[tuple[bytes, bytes]], test_id: str, rest: str
) -> None:
    service.run.aliases.set("openai-replay-process-1", "its test")
    request = received(scope(path, headers), b"", service)
    assert (request.test_id, request.path) == (test_id, rest)


def test_the_control_page_is_a_path_and_a_host(service: Service) -> None:
    assert received(scope("/@/report", query=b"test_id=a"), b"", service).path == "/report?test_id=a"
    assert received(scope("/@/report"), b"", service).is_control()
    assert received(scope("/report", [(b"host", b"openai-replay.test:80")]), b"", service).is_control()
    assert not received(scope("/report", [(b"host", b"127.0.0.1:8080")]), b"", service).is_control()


def test_a_compressed_body_is_described_as_what_it_holds(service: Service) -> None:
    sent = scope("/v1/x", [(b"content-encoding", b"gzip")], b"b=2", "POST")
    described = received(sent, gzip.compress(b'{"a": 1}'), service).describe(service, TARGET)
    damaged = received(sent, b"{}", service).describe(service, TARGET)
    assert described.url == "https://api.openai.com/v1/x?b=2"
    assert (described.method, described.body, damaged.body) == ("POST", {"a": 1}, {})


REQUEST = b"POST /v1/models HTTP/1.1\r\nHost: a\r\ncontent-type: t\r\nContent-Length: 2\r\n\r\n{}"


@pytest.mark.parametrize(
    "line",
    [b"traceparent: 00-1", b"X-Request-Id:1", b"accept: \xc3\xbc", b"a:", b"x-note: content-length: 3"],
)
def test_lines_without_weight_are_left_out(line: bytes) -> None:
    head, _, body = REQUEST.partition(b"\r\n\r\n")
    for place in range(1, 5):
        lines = head.split(b"\r\n")
        lines.insert(place, line)
        assert without_weightless(b"\r\n".join((*lines, b"", body))) == REQUEST


@pytest.mark.parametrize(
    "line",
    [
        b"authorization: a",
        b"X-My-Api-Key: a",
        b"X-Test-Id: a",
        b"x-replay-fault: a",
        b"User-Agent: a",
        b"connection: close",
        b"Proxy-Connection: close",
        b"Transfer-Encoding: chunked",
        b"content-length: 3",
        b"expect: 100-continue",
        b"upgrade: websocket",
        b"no header",
        b" folded: b",
        b"blank : b",
        b"\xc3\xbc: b",
        b": b",
        b"",
    ],
)
def test_lines_of_weight_and_lines_that_are_no_header_stay(line: bytes) -> None:
    data = b"GET / HTTP/1.1\r\n" + line + b"\r\n\r\n"
    assert without_weightless(data) == data


@pytest.mark.parametrize("byte", [b"\r", b"\n", b"\0", b"\x7f"])
def test_a_head_that_parsers_may_read_differently_stays(byte: bytes) -> None:
    data = b"GET / HTTP/1.1\r\na: b" + byte + b"c\r\nd: e\r\n\r\n"
    assert without_weightless(data) == data
    assert without_weightless(b"GET / HTTP/1.1\r\na: b\r\n") == b"GET / HTTP/1.1\r\na: b\r\n"
