"""Objects as they come over the wire, made from the table of classes, for the properties that hold for all of them."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

PROJECT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("OPENAI_REPLAY_SHARED", PROJECT.parent / "shared"))
CLASSES: dict[str, Any] = json.loads(
    (PROJECT / "addon" / "openai_replay" / "sdk" / "classes.json").read_text()
)["classes"]

CHUNK = "openai.types.chat.chat_completion_chunk.ChatCompletionChunk"
COMPLETION = "openai.types.chat.chat_completion.ChatCompletion"
LEGACY = "openai.types.completion.Completion"
EMBEDDINGS = "openai.types.create_embedding_response.CreateEmbeddingResponse"
RESPONSE = "openai.types.responses.response.Response"
RUN = "openai.types.beta.threads.run.Run"
MODERATION = "openai.types.moderation_create_response.ModerationCreateResponse"

# There are hundreds of classes, and some hold half the API.
DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"
UNHURRIED = settings(
    max_examples=300 if DEEP else 5,
    derandomize=not DEEP,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

TEXTS = st.text(max_size=3)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([2**53 + 1, 2**70, -0.0, 0.5, 1.0, 1e16])
    | TEXTS
)
ANYTHING = st.recursive(
    SCALARS, lambda part: st.lists(part, max_size=2) | st.dictionaries(TEXTS, part, max_size=2), max_leaves=4
)

LEAVES: dict[str, st.SearchStrategy[Any]] = {
    "str": TEXTS,
    "int": st.integers(-3, 3),
    "float": st.sampled_from([0.0, -0.0, 1.0, 0.5, -2.0, 3, 1e16]),
    "bool": st.booleans(),
    "object": ANYTHING,
}

# Below this, members that may be missing are, and lists are empty.
MAX_DEPTH = 5


@cache
def _values(type_text: str, depth: int) -> st.SearchStrategy[Any]:
    type_ = json.loads(type_text)
    if isinstance(type_, str):
        return LEAVES[type_] if type_ in LEAVES else st.deferred(lambda: _objects(type_, depth))
    if "literal" in type_:
        return st.sampled_from(type_["literal"])
    if "nullable" in type_:
        return st.none() | _values(json.dumps(type_["nullable"]), depth)
    if "union" in type_:
        return st.deferred(
            lambda: st.one_of([_values(json.dumps(variant), depth) for variant in type_["union"]])
        )
    [(kind, part)] = type_.items()
    parts = _values(json.dumps(part), depth + 1)
    max_size = 2 if depth < MAX_DEPTH else 0
    return (
        st.lists(parts, max_size=max_size)
        if kind == "list"
        else st.dictionaries(TEXTS, parts, max_size=max_size)
    )


def _objects(name: str, depth: int) -> st.SearchStrategy[dict[str, Any]]:
    entry = CLASSES[name]
    aliases = entry.get("aliases", {})
    members = {
        aliases.get(field, field): (_values(json.dumps(type_), depth + 1), field in entry.get("optional", ()))
        for field, type_ in entry["fields"].items()
    }
    optional = {member: values for member, (values, is_optional) in members.items() if is_optional}
    return st.fixed_dictionaries(
        {member: values for member, (values, is_optional) in members.items() if not is_optional},
        optional=optional if depth < MAX_DEPTH else {},
    )


def objects(class_name: str) -> st.SearchStrategy[dict[str, Any]]:
    """Objects of their class; members that may be missing or null being so at times."""
    return _objects(class_name.removeprefix("openai."), 0)


@st.composite
def objects_with_unknown_members(draw: st.DrawFn, class_name: str) -> dict[str, Any]:
    """Objects of a class with members that it does not know, null or not, at any depth."""
    wire = copy.deepcopy(draw(objects(class_name)))
    # Not in dicts of one type, such as metadata: there anything else is no longer of the class.
    holders = [wire, *(part for part in _dicts(wire) if part.keys() & {"type", "object", "role", "index"})]
    for holder in draw(st.lists(st.sampled_from(holders), max_size=3)):
        holder[draw(st.sampled_from(["obfuscation", "billing", "reasoning_content", "x"]))] = draw(ANYTHING)
    return wire


@st.composite
def any_objects(draw: st.DrawFn, class_name: str) -> dict[str, Any]:
    """Objects of a class as other servers write them: members missing, null, unknown, of another type, in any order."""
    wire = copy.deepcopy(draw(objects_with_unknown_members(class_name)))
    for holder in draw(st.lists(st.sampled_from(list(_dicts(wire))), max_size=4)):
        _damage(draw, holder)
    return wire


def _damage(draw: st.DrawFn, holder: dict[str, Any]) -> None:
    names = list(holder)
    if not names:
        return
    name = draw(st.sampled_from(names))
    damage = draw(st.sampled_from(["missing", "null", "other", "order"]))
    if damage == "missing":
        del holder[name]
    elif damage == "order":
        members = [(name, holder.pop(name)) for name in draw(st.permutations(names))]
        holder.update(members)
    else:
        holder[name] = None if damage == "null" else draw(ANYTHING)


def _dicts(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _dicts(part)


def shared_recordings() -> list[dict[str, Any]]:
    """Return the recordings of the folder of seeds and corpus; skip the test where that is not there."""
    paths = sorted([*SHARED.glob("seeds/*.json"), *SHARED.glob("corpus/*.json")])
    if not paths:
        pytest.skip(f"no recordings in {SHARED}: name their folder in OPENAI_REPLAY_SHARED")
    return [json.loads(path.read_bytes()) for path in paths]


def envelopes(recording: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield (class, data) for each of the package's objects in a recording."""
    body = recording["response"]["body"]
    for chunk in body if isinstance(body, list) else [body]:
        if isinstance(chunk, dict) and str(chunk.get("__type__")).startswith("openai.types."):
            yield chunk["__type__"], chunk["__data__"]
