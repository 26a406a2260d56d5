"""`reference_hash`: file names are those that other recorders of the format give."""

from __future__ import annotations

import json

import pytest

from openai_replay.request.reference_hash import model_digest, request_hash
from unit.exchanges import API
from unit.wire_objects import SHARED


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
