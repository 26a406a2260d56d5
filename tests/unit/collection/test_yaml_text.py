"""`yaml_text`: YAML of several languages' tools as plain values, and errors with their place."""

from __future__ import annotations

import pytest

from openai_replay.collection.yaml_text import yaml_documents


def test_tags_of_other_languages_leave_their_values() -> None:
    text = """
a: !ruby/object:VCR::Thing {code: 1}
b: !!python/tuple [1, !!binary "AP8="]
c: !binary |-
  AP8=
d: 2020-01-01T00:00:00Z
e: !ruby/symbol post
"""
    assert yaml_documents(text.encode()) == [
        {
            "a": {"code": 1},
            "b": [1, b"\x00\xff"],
            "c": b"\x00\xff",
            "d": "2020-01-01T00:00:00Z",
            "e": "post",
        }
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("? !!python/object/apply:multidict._multidict.istr [Accept]\n: a", {"Accept": "a"}),
        ("? !!python/object/new:istr {args: [Accept], state: {x: 1}}\n: a", {"Accept": "a"}),
        ("!!python/object/new:Dict {dictitems: {a: 1}}", {"a": 1}),
        ("!!python/object/apply:collections.OrderedDict [[[a, 1]]]", [["a", 1]]),
        ("!!python/object/apply:_io.BytesIO {state: [!!binary AA==]}", {"state": [b"\0"]}),
        ("=", "="),
        ("!!timestamp 2020-01-01", "2020-01-01"),
    ],
)
def test_a_python_object_is_its_members_or_its_one_argument(text: str, value: object) -> None:
    assert yaml_documents(text.encode()) == [value]


def test_each_document_of_a_file_is_read() -> None:
    assert yaml_documents(b"---\na: 1\n---\n- 2\n...\n") == [{"a": 1}, [2]]


def test_no_tag_runs_anything() -> None:
    assert yaml_documents(b"!!python/object/apply:os.system ['exit 1']") == ["exit 1"]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"a: [", "expected YAML, .* @ line 2 column 1"),
        (b"a: !!binary 'A'", "expected YAML, expected base64, .* @ line 1 column 4"),
        (b"--- 1\n--- [\n", "expected YAML, "),
        (b"? [a]\n: 1", "expected YAML, found unhashable key @ line 1 column 3"),
        (b"a: \xff", "expected YAML, "),
        (b"a: &x [*x]\nb: *y", "expected YAML, "),
    ],
)
def test_a_fault_is_named_with_its_place(raw: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        yaml_documents(raw)
