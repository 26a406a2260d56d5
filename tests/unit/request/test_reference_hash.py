"""`reference_hash`: file names are the same as by other recorders of the format."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openai_replay.request.reference_hash import model_digest, reference_text, request_hash
from support.requests import API
from unit.wire_objects import DEEP, SHARED


def test_the_hash_reproduces_the_names_of_the_seeds() -> None:
    seeds = sorted(SHARED.glob("seeds/*.json"))
    if not seeds:
        pytest.skip(f"no recordings in {SHARED}: name their folder in OPENAI_REPLAY_SHARED")
    for path in seeds:
        seed = json.loads(path.read_bytes())
        request = seed["request"]
        assert request_hash(request["method"], request["url"], request["body"], seed["test_id"]) == path.stem


def test_the_hash_is_that_of_the_standard_librarys_json() -> None:
    """Its hash here was calculated by `sha256sum` from the JSON text."""
    assert request_hash("post", f"{API}/v1/x?b=2&a=1", {"ü": 1.0, "t": 0.1234567}, None) == (
        "43e00e0367c7505892093c8b70dec79a7ea48aef6199593cfb7c9ad5569800c6"
    )


def test_model_lists_are_told_apart_by_their_ids_in_any_order() -> None:
    assert model_digest(["b", "a"]) == model_digest(["a", "b", "a"])
    assert model_digest(["a"]) != model_digest(["a", "b"])
    assert len(model_digest([])) == 8


# --- in linear time -----------------------------------------------------------------------------------------------

UUID = r"[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}"


def as_the_format_has_it(text: str) -> str:
    """Return a text as the format's expressions change it."""
    text = re.sub(r"score:\s*[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?", "score: __NORMALIZED__", text)
    text = re.sub(r",?\s*attributes:\s*\{[^}]*\}", "", text)
    text = re.sub(rf"document_id:\s*{UUID}", "document_id: __NORMALIZED__", text)
    text = re.sub(rf"<\|{UUID}\|>", "<|__NORMALIZED__|>", text)
    return re.sub(r"-?\d+\.\d{4,}", lambda match: f"{float(match[0]):.5f}", text)


WORDS = (
    "attributes:",
    "score:",
    "document_id:",
    "attributes: {a}",
    "0.1234567",
    "4567",
    "23",
    "x",
    "e",
    "<|",
    "|>",
)
PIECES = st.sampled_from([*WORDS, "01234567-89ab-cdef-0123-456789abcdef", *"{} \t\n\u3000,.-+1\u0663"])


@given(st.lists(PIECES, max_size=30).map("".join))
@settings(max_examples=2000 if DEEP else 200)
def test_a_text_is_normalised_as_the_format_has_it(text: str) -> None:
    assert reference_text(text) == as_the_format_has_it(text)


def texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from texts_in(item)


def test_the_texts_of_real_recordings_are_normalised_as_the_format_has_it() -> None:
    paths = sorted(SHARED.glob("corpus/*.json"))
    if not paths:
        pytest.skip(f"no recordings in {SHARED}: name their folder in OPENAI_REPLAY_SHARED")
    texts = [text for path in paths for text in texts_in(json.loads(path.read_bytes()))]
    assert [text for text in texts if reference_text(text) != as_the_format_has_it(text)] == []


SLOW_FOR_THE_FORMAT = {
    "spaces behind attributes": lambda n: "attributes:" + " " * n,
    "spaces before no attributes": lambda n: " " * n + "x attributes: {}",
    "spaces between braces": lambda n: "attributes:{" + " " * n + "attributes: }",
    "attributes that are not closed": lambda n: "attributes:{" * (n // 12),
    "attributes without braces": lambda n: "attributes: " * (n // 12),
    "a comma before each space": lambda n: ", " * (n // 2) + "attributes: {}",
    "digits": lambda n: "1" * n + "x.",
    "a fraction": lambda n: "1." + "1" * n,
    "decimals that are too short": lambda n: "1.123" * (n // 5),
    "minus signs": lambda n: "-" * n + ".",
    "digits behind score": lambda n: "score:" + "1" * n,
    "spaces behind score": lambda n: "score:" + " " * n,
    "spaces behind a document id": lambda n: "document_id:" + " " * n,
}


def work_of(text: str) -> float:
    """Return the least processor time that a text takes, of several tries."""
    times = []
    for _ in range(3):
        begun = time.process_time()
        reference_text(text)
        times.append(time.process_time() - begun)
    return min(times)


@pytest.mark.parametrize("text_of", SLOW_FOR_THE_FORMAT.values(), ids=SLOW_FOR_THE_FORMAT)
def test_twice_as_long_a_text_takes_twice_the_work(text_of: Callable[[int], str]) -> None:
    """A quadratic expression takes four times the work."""
    assert work_of(text_of(500_000)) < 3 * work_of(text_of(250_000)) + 0.001
