"""`import_wiremock`: mappings of the recorder become exchanges in the order of recording, and patterns are named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from openai_replay.collection.import_files import Files, found_in
from openai_replay.collection.import_wiremock import Mappings, is_mapping
from openai_replay.record.raw_exchange import NotTaken, RawExchange

PATH = Path("mappings") / "a.json"
JSON_HEADERS = {"Content-Type": {"equalTo": "application/json"}}


def stub(request: dict[str, Any], response: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "id": "1f4d",
        "request": {"method": "POST", "url": "/v1/x", **request},
        "response": {"status": 200, **response},
        **more,
    }


def read(request: dict[str, Any], response: dict[str, Any], path: Path = PATH) -> RawExchange | NotTaken:
    mappings = Mappings()
    mappings.add(stub(request, response), path)
    [found] = mappings.exchanges()
    return found


@pytest.mark.parametrize(
    ("pattern", "sent"),
    [
        ({"equalToJson": '{"a": 1}', "ignoreExtraElements": True}, b'{"a": 1}'),
        ({"equalToJson": {"a": "naïve"}}, '{"a": "naïve"}'.encode()),
        ({"equalTo": "plain"}, b"plain"),
        ({"binaryEqualTo": "AP8="}, b"\x00\xff"),
    ],
)
def test_a_request_is_the_body_that_its_mapping_wants(pattern: dict[str, Any], sent: bytes) -> None:
    found = read({"bodyPatterns": [pattern], "headers": JSON_HEADERS}, {"body": "x"})
    assert isinstance(found, RawExchange)
    assert (found.url, found.request_body, found.response_body) == ("/v1/x", sent, b"x")
    assert found.request_headers == (("Content-Type", "application/json"),)


@pytest.mark.parametrize(
    ("members", "body"),
    [
        ({"body": "naïve"}, "naïve".encode()),
        ({"jsonBody": {"a": [1]}}, b'{"a": [1]}'),
        ({"base64Body": "AP8="}, b"\x00\xff"),
        ({}, b""),
    ],
)
def test_an_answer_is_text_json_or_base64(members: dict[str, Any], body: bytes) -> None:
    found = read({}, {"headers": {"x": ["1", "2"]}, **members})
    assert isinstance(found, RawExchange)
    assert (found.response_body, found.response_headers) == (body, (("x", "1"), ("x", "2")))


def test_a_body_may_be_in_the_files_beside_the_mappings_and_nowhere_else(tmp_path: Path) -> None:
    for folder in ("mappings/sub", "__files/sub"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "__files" / "sub" / "1.bin").write_bytes(b"\xff")
    (tmp_path / "secret").write_text("a secret")
    path = tmp_path / "mappings" / "sub" / "a.json"
    found = read({}, {"bodyFileName": "sub/1.bin"}, path)
    assert isinstance(found, RawExchange)
    assert found.response_body == b"\xff"
    assert "expected the body in __files/2.bin, No such file" in str(
        read({}, {"bodyFileName": "2.bin"}, path)
    )
    for name in ("../secret", "/etc/passwd", "..\\\\secret"):
        assert "expected a file of __files beside" in str(read({}, {"bodyFileName": name}, path))
    assert "expected a file of __files beside" in str(read({}, {"bodyFileName": "1"}, tmp_path / "a.json"))


def test_query_parameters_are_part_of_the_url() -> None:
    query = {"limit": {"equalTo": "3"}, "a": {"hasExactly": [{"equalTo": "b c"}, {"equalTo": "d"}]}}
    found = read({"url": None, "urlPath": "/v1/files", "queryParameters": query}, {})
    assert "expected a text request.url" in str(found)
    mappings = Mappings()
    mappings.add(
        {
            "request": {"method": "GET", "urlPath": "/v1/files", "queryParameters": query},
            "response": {"status": 200},
        },
        PATH,
    )
    [found] = mappings.exchanges()
    assert isinstance(found, RawExchange)
    assert found.url == "/v1/files?limit=3&a=b+c&a=d"


@pytest.mark.parametrize(
    ("request_members", "reason"),
    [
        (
            {"bodyPatterns": [{"matchesJsonPath": "$.a"}]},
            "expected the body of a request, the mapping has matchesJsonPath",
        ),
        (
            {"bodyPatterns": [{"contains": "a"}, {"contains": "b"}]},
            "expected the body of a request, the mapping has patterns",
        ),
        ({"multipartPatterns": []}, "expected the body of a request, the mapping has patterns"),
        ({"headers": {"accept": {"matches": ".*"}}}, "expected a text accept.equalTo, got nothing"),
    ],
)
def test_a_mapping_for_several_requests_is_named(request_members: dict[str, Any], reason: str) -> None:
    assert str(read(request_members, {})).startswith(f"{PATH}: {reason}")


def test_a_mapping_for_several_urls_is_named() -> None:
    mappings = Mappings()
    mappings.add({"request": {"method": "GET", "urlPattern": "/.*"}, "response": {"status": 200}}, PATH)
    assert "expected a url or urlPath of a request, the mapping is for several" in str(
        next(iter(mappings.exchanges()))
    )


def test_mappings_of_several_files_come_in_the_order_of_recording(tmp_path: Path) -> None:
    bodies = {"b": ("first", 12), "a": ("third", 10), "c": ("second", 11)}
    for name, (said, index) in bodies.items():
        value = stub({}, {"body": said}, insertionIndex=index)
        (tmp_path / f"{name}.json").write_text(json.dumps(value))
    (tmp_path / "d.json").write_text(json.dumps({"mappings": [stub({}, {"body": "last"}, insertionIndex=9)]}))
    files = Files(lambda path: iter(()))
    for path, is_named in found_in([tmp_path]):
        assert [*files.exchanges(path, is_named=is_named)] == []
    answers = [found.response_body for found in files.later_exchanges() if isinstance(found, RawExchange)]
    assert answers == [b"first", b"second", b"third", b"last"]


@pytest.mark.parametrize(
    "value",
    [
        None,
        {"mappings": []},
        {"request": {"method": "GET", "url": "https://x/y"}, "response": {"status": 200, "body": ""}},
        {"request": {"method": "GET", "url": "/y", "host": "x"}, "response": {"status": 200, "body": ""}},
        {
            "request": {"method": "GET", "url": "/y", "headers": {"Host": "x"}, "body": ""},
            "response": {"status": {"code": 200}, "body": ""},
        },
        {"request": {"url": "/y"}, "response": {}},
    ],
)
def test_another_value_is_no_mapping(value: object) -> None:
    assert is_mapping(stub({}, {}))
    assert not is_mapping(value)
