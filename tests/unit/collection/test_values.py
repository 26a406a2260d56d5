"""`values`: reads of loosely typed values, and the errors for values of another type."""

from __future__ import annotations

import pytest

from openai_replay.collection import values
from openai_replay.collection.values import Unexpected


def test_bytes_that_are_no_text_survive_as_surrogates() -> None:
    assert values.encoded("a\udcff") == b"a\xff"
    assert values.encoded("\ud800") == b"\xed\xa0\x80"
    assert values.encoded("é", "no such encoding") == "é".encode()


@pytest.mark.parametrize("value", [404, "404", "404 Not Found"])
def test_a_status_is_three_digits_maybe_with_its_phrase(value: object) -> None:
    assert values.status(value, "s") == 404


@pytest.mark.parametrize("value", [True, 99, 600, "2000", "200OK", "OK", "", None, 200.0])
def test_another_value_is_no_status(value: object) -> None:
    with pytest.raises(Unexpected, match=r"^expected an HTTP status s from 200 to 599, got "):
        values.status(value, "s")


def test_headers_come_as_mapping_or_as_pairs() -> None:
    pairs = (("a", "1"), ("a", "2"), ("b", "\xff"))
    assert values.header_list({"a": [1, "2"], "b": b"\xff"}, "h") == pairs
    assert values.header_list([{"name": n, "value": v} for n, v in pairs], "h") == pairs
    assert values.header_list([["a", ["1", "2"]], [b"b", "\xff"]], "h") == pairs
    assert values.header_list({b"a": ["1", "2"], "b": "\xff"}, "h") == pairs
    assert values.header_list("**REDACTED**", "h") == ()
    with pytest.raises(Unexpected, match=r"^expected a mapping h, got a number$"):
        values.header_list(3, "h")
