"""`import_batch`: lines of input and output are joined by their custom ids, in the order of the input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from openai_replay.collection.batch_ids import custom_id
from openai_replay.collection.import_batch import Batches, is_batch
from openai_replay.record.raw_exchange import NotTaken, RawExchange


def asked(name: str, **body: Any) -> dict[str, Any]:
    return {"custom_id": name, "method": "POST", "url": "/v1/embeddings", "body": body}


def answered(name: str, status: int = 200, **body: Any) -> dict[str, Any]:
    return {"custom_id": name, "response": {"status_code": status, "body": body}, "error": None}


def read(*files: list[Any]) -> list[RawExchange | NotTaken]:
    batches = Batches()
    for number, lines in enumerate(files, 1):
        raw = b"".join(json.dumps(line).encode() + b"\n" if line else b"{\n" for line in lines)
        batches.add(raw, Path(f"{number}.jsonl"))
    return [*batches.exchanges()]


def test_output_finds_its_input_whatever_the_order_of_files_and_lines() -> None:
    inputs, outputs = [asked("a", n=1), asked("b", n=2)], [answered("b", said=2), answered("a", 429, said=1)]
    for found in (read(inputs, outputs), read(outputs, inputs)):
        assert [one.status for one in found if isinstance(one, RawExchange)] == [429, 200]
        assert [json.loads(one.response_body)["said"] for one in found if isinstance(one, RawExchange)] == [
            1,
            2,
        ]
        assert {one.url for one in found if isinstance(one, RawExchange)} == {
            "https://api.openai.com/v1/embeddings"
        }


def test_lines_without_their_other_half_and_lines_that_failed_are_named() -> None:
    failed = {"custom_id": "b", "response": None, "error": {"code": "batch_expired", "message": "Expired."}}
    found = read([asked("a"), asked("b"), None], [failed, answered("c")])
    assert [*map(str, found)] == [
        "1.jsonl, line 3: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        "1.jsonl, line 1: expected an output line with custom_id a, there is none",
        "2.jsonl, line 1: the batch has no response for it: Expired.",
        "2.jsonl, line 2: expected an input line with custom_id c, there is none",
    ]


def test_an_exported_id_gives_the_test_id_back() -> None:
    [first, second] = read(
        [asked(custom_id(1, "tests/a.py::b[ü/1]")), asked(custom_id(2, None))],
        [answered(custom_id(1, "tests/a.py::b[ü/1]")), answered(custom_id(2, None))],
    )
    assert isinstance(first, RawExchange)
    assert isinstance(second, RawExchange)
    assert (first.test_id, second.test_id) == ("tests/a.py::b[ü/1]", None)


def test_a_batch_is_known_by_its_first_line() -> None:
    assert is_batch(b'\xef\xbb\xbf\n{"custom_id": "a"}\n')
    assert not is_batch(b'[{"custom_id": "a"}]')
    assert not is_batch(b"# custom_id\n")
