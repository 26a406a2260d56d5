"""`yaml_text`: YAML of several languages' tools as plain values, and errors with their place."""

from __future__ import annotations

import pytest

from openai_replay.collection.yaml_text import load_yaml


def test_tags_of_other_languages_leave_their_values() -> None:
    text = """
a: !ruby/object:VCR::Thing {code: 1}
b: !!python/tuple [1, !!binary "AP8="]
c: !binary |-
  AP8=
d: 2020-01-01T00:00:00Z
e: !ruby/symbol post
"""
    assert load_yaml(text.encode()) == {
        "a": {"code": 1},
        "b": [1, b"\x00\xff"],
        "c": b"\x00\xff",
        "d": "2020-01-01T00:00:00Z",
        "e": "post",
    }


def test_no_tag_runs_anything() -> None:
    assert load_yaml(b"!!python/object/apply:os.system ['exit 1']") == ["exit 1"]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"a: [", "expected YAML, .* @ line 2 column 1"),
        (b"a: !!binary 'A'", "expected YAML, expected base64, .* @ line 1 column 4"),
        (b"--- 1\n--- 2\n", "expected YAML, "),
        (b"a: \xff", "expected YAML, "),
        (b"a: &x [*x]\nb: *y", "expected YAML, "),
    ],
)
def test_a_fault_is_named_with_its_place(raw: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_yaml(raw)
