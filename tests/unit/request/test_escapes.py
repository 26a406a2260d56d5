"""`escapes`: each level of escapes is undone, and every character of it leads back to its place."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.request.escapes import levels, original, unescaped


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        (r"a\nb", "a\nb"),
        (r"a\\nb", r"a\nb"),
        (r"\/\"\t", '/"\t'),
        (r"s\u006b-", "sk-"),
        ("a%3Db%2F", "a=b/"),
        (r"s\x6b-\u{6b}", "sk-k"),
        ("s&#107;-&#x6B;&#107 &lt;", "sk-kk <"),
        (r"\u{ffffff}&#0;&#1;&#9999999;", "\U0010ffff\ufffd\ufffd\ufffd"),
        ("100%zz", None),
        (r"\x", None),
        ("a && b; &#; &copy;", None),
        ("", None),
    ],
)
def test_one_level_is_undone(text: str, plain: str | None) -> None:
    level = unescaped(text)
    assert (None if level is None else level.text) == plain


@given(st.text(st.characters(max_codepoint=0x7F), max_size=20), st.text("xyz", min_size=1, max_size=5))
def test_a_part_is_found_at_its_place_below_any_escapes(around: str, part: str) -> None:
    for spelt in (json.dumps(around)[1:-1], json.dumps(json.dumps(around)[1:-1])[1:-1], quote(around)):
        text = f"{spelt}<{part}>{spelt}"
        start = len(spelt) + 1
        for level, way in levels(text):
            place = level.find(f"<{part}>") + 1
            assert original((place, place + len(part)), way) == (start, start + len(part))


def test_a_part_that_is_escaped_itself_is_found_whole() -> None:
    text = r"key: \u0073k%2Dab."
    (_, _), (level, way) = levels(text)
    start = level.index("sk-ab")

    first, last = original((start, start + 5), way)

    assert text[first:last] == r"\u0073k%2Dab"


def test_the_number_of_levels_is_bounded() -> None:
    assert len(list(levels("\\" * 1024))) == 7
