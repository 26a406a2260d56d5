"""`classes` against the `openai` package: both dump the same JSON text, for any object on the wire."""

from __future__ import annotations

import copy
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai._models import BaseModel, construct_type
from openai.types.audio import TranscriptionStreamEvent
from openai.types.beta import AssistantStreamEvent
from openai.types.conversations import ConversationItem
from openai.types.image_edit_stream_event import ImageEditStreamEvent
from openai.types.image_gen_stream_event import ImageGenStreamEvent
from openai.types.responses import ResponseStreamEvent

from openai_replay.format.recording import JSON
from openai_replay.sdk.classes import class_for, dump, is_named_by_event, item_class_for
from support.requests import CHAT_PATH

PROJECT = Path(__file__).resolve().parents[3]
SHARED = Path(os.environ.get("OPENAI_REPLAY_SHARED", PROJECT.parent / "shared"))
TABLE = json.loads((PROJECT / "addon" / "openai_replay" / "sdk" / "classes.json").read_text())
CLASS_NAMES = ["openai." + name for name in TABLE["classes"]]

CHUNK = "openai.types.chat.chat_completion_chunk.ChatCompletionChunk"
COMPLETION = "openai.types.chat.chat_completion.ChatCompletion"
RESPONSE = "openai.types.responses.response.Response"
TOP_LOGPROB = "openai.types.chat.chat_completion_token_logprob.TopLogprob"
RUN_CREATED = "openai.types.beta.assistant_stream_event.ThreadRunCreated"

DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"
# Types that hold half the API make large examples, and pydantic builds its schemas when a class is first used.
EXAMPLES = settings(
    max_examples=250 if DEEP else 5,
    derandomize=not DEEP,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

# The package warns of every value that is not of its type, and half of those here are not.
pytestmark = pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning")


# --- the package's answer -----------------------------------------------------------------------------------------


@cache
def class_named(name: str) -> type[BaseModel]:
    module, _, class_name = name.rpartition(".")
    found: type[BaseModel] = getattr(importlib.import_module(module), class_name)
    return found


def dumped_by_package(name: str, wire: Any) -> str:
    model = construct_type(value=copy.deepcopy(wire), type_=class_named(name))
    assert isinstance(model, BaseModel)
    return json.dumps(model.model_dump(mode="json"))


def dumped(name: str, wire: Any) -> str:
    return json.dumps(dump(name, copy.deepcopy(wire)))


# --- wire values made from the package's types --------------------------------------------------------------------

TEXTS = st.sampled_from(
    ["", "a", "text", "message", "function", "auto", "0", "1", "24000", " 7.0 ", "1e3", "yes"]
)
INTEGERS = st.sampled_from([0, 1, -1, 2, 24000, 2**31, 2**53 + 1, 2**63, 2**64])
FLOATS = st.sampled_from([0.0, -0.0, 1.0, 0.5, -2.0, 24000.0, 1e16, 1e300])
BOOLEANS = st.booleans()
SCALARS = st.none() | TEXTS | INTEGERS | FLOATS | BOOLEANS
NAMES = st.sampled_from(["id", "type", "x"])
ANYTHING = (
    SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(NAMES, SCALARS | st.lists(SCALARS), max_size=2)
)

LEAVES: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXTS,
    int: INTEGERS,
    float: FLOATS | INTEGERS,
    bool: BOOLEANS,
    object: ANYTHING,
    NoneType: st.none(),
}

# Below this, members that may be missing are, and lists are empty.
MAX_DEPTH = 5


@cache
def wires(annotation: Any, depth: int = 0) -> st.SearchStrategy[Any]:
    """Values of a type of the package."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return wires(arguments[0], depth)
    if annotation in LEAVES:
        return LEAVES[annotation]
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is list:
        return st.lists(wires(arguments[0], depth + 1), max_size=2 if depth < MAX_DEPTH else 0)
    if origin is dict:
        return st.dictionaries(st.sampled_from(["a", "type"]), wires(arguments[1], depth + 1), max_size=2)
    if origin is Union:
        return st.deferred(lambda: st.one_of([wires(argument, depth) for argument in arguments]))
    return st.deferred(lambda: objects(annotation, depth))


def objects(model: type[BaseModel], depth: int) -> st.SearchStrategy[dict[str, Any]]:
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    types: dict[str, Any] = {name: field.annotation for name, field in fields.items()}
    members = {name: wires(type_, depth + 1) for name, type_ in types.items()}
    required = {name: members.pop(name) for name, field in fields.items() if field.is_required()}
    return st.fixed_dictionaries(required, optional=members if depth < MAX_DEPTH else {})


@st.composite
def damaged_wires(draw: st.DrawFn, model: type[BaseModel]) -> Any:
    """Values of a class with members missing, null, of another type, or unknown, at any depth."""
    wire = copy.deepcopy(draw(wires(model)))
    for _ in range(draw(st.integers(0, 4))):
        holder, place = draw(st.sampled_from([*places(wire)] or [({}, "")]))
        damage = draw(st.sampled_from(["null", "missing", "other", "other", "unknown"]))
        if damage == "unknown" and isinstance(holder, dict):
            name = draw(st.sampled_from(["obfuscation", "schema", "schema_", "self-harm", "x"]))
            holder[name] = draw(ANYTHING)
        elif damage == "missing" and isinstance(holder, dict):
            holder.pop(place, None)
        else:
            holder[place] = None if damage == "null" else draw(ANYTHING)
    return wire


def places(wire: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each list and object in a value, with each of its indices and names."""
    if isinstance(wire, dict | list):
        for place, item in list(wire.items() if isinstance(wire, dict) else enumerate(wire)):
            yield wire, place
            yield from places(item)


# --- the table ----------------------------------------------------------------------------------------------------


def test_the_table_is_what_the_package_gives() -> None:
    command = [sys.executable, str(PROJECT / "scripts" / "generate_envelopes"), "--check"]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert (checked.stderr, checked.returncode) == ("", 0)


def test_the_package_is_not_imported() -> None:
    program = (
        "import sys; from openai_replay.sdk import classes;"
        f"classes.dump({CHUNK!r}, {{}});"
        "print({'openai', 'pydantic'} & sys.modules.keys() or 'neither')"
    )
    environment = {**os.environ, "PYTHONPATH": str(PROJECT / "addon")}
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert (ran.stderr, ran.stdout) == ("", "neither\n")


# --- dump ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CLASS_NAMES)
def test_every_class_dumps_what_is_of_its_type_as_the_package_does(name: str) -> None:
    @EXAMPLES
    @given(wires(class_named(name)))
    def check(wire: Any) -> None:
        assert dumped(name, wire) == dumped_by_package(name, wire)

    check()


@pytest.mark.parametrize("name", CLASS_NAMES)
def test_every_class_dumps_what_is_not_of_its_type_as_the_package_does(name: str) -> None:
    @EXAMPLES
    @given(damaged_wires(class_named(name)))
    def check(wire: Any) -> None:
        assert dumped(name, wire) == dumped_by_package(name, wire)

    check()


def test_what_the_wire_left_out_is_null_and_what_the_class_does_not_know_comes_last() -> None:
    wire = {
        "obfuscation": "xy",
        "object": "chat.completion.chunk",
        "choices": [],
        "model": "m",
        "id": "c",
        "created": 1,
    }
    assert dumped(CHUNK, wire) == (
        '{"id": "c", "choices": [], "created": 1, "model": "m", "object": "chat.completion.chunk", '
        '"service_tier": null, "system_fingerprint": null, "usage": null, "obfuscation": "xy"}'
    )


@pytest.mark.parametrize("wire", [None, True, 1, "text", [{"id": "c"}]], ids=repr)
def test_what_is_no_object_is_dumped_as_it_is(wire: Any) -> None:
    assert dump(CHUNK, wire) == wire


def test_an_event_of_an_assistant_is_dumped_with_its_name() -> None:
    run: JSON = {"id": "run_1", "object": "thread.run"}
    with_name = json.dumps(dump(RUN_CREATED, run, event="thread.run.created"))
    assert with_name == dumped_by_package(RUN_CREATED, {"data": run, "event": "thread.run.created"})
    assert with_name == dumped(RUN_CREATED, {"data": run, "event": "thread.run.created"})


def test_the_name_of_any_other_event_is_not_dumped() -> None:
    assert dump(CHUNK, {"id": "c"}, event="message") == dump(CHUNK, {"id": "c"})


@pytest.mark.parametrize(
    ("name", "wire"),
    [
        pytest.param(TOP_LOGPROB, {"logprob": 10**400}, id="an integer too large for a float"),
        pytest.param(RESPONSE, {"temperature": "nan", "top_p": "-Infinity"}, id="texts that spell no number"),
        pytest.param(CHUNK, {"x": float("inf"), "y": [float("-inf")]}, id="infinities"),
        pytest.param(CHUNK, {"id": "c", "_fields_set": 1}, id="a member with the name of a parameter"),
        pytest.param(CHUNK, {"id": "\ud800", "\udfff": "\ud800"}, id="lone surrogates"),
    ],
)
def test_what_the_package_would_stumble_over_or_lose_is_kept(name: str, wire: dict[str, Any]) -> None:
    dumped = dump(name, wire)
    assert isinstance(dumped, dict)
    assert dumped.items() >= wire.items()


def test_what_is_nested_too_deep_is_dumped_as_it_is() -> None:
    filters: dict[str, Any] = {"type": "and", "filters": []}
    for _ in range(5000):
        filters = {"type": "and", "filters": [filters]}
    wire: JSON = {"type": "file_search", "vector_store_ids": [], "filters": filters}
    assert dump("openai.types.responses.file_search_tool.FileSearchTool", wire) is wire


def test_a_class_that_the_table_has_not_is_an_error() -> None:
    with pytest.raises(KeyError, match="ollama"):
        dump("ollama._types.ProcessResponse", {})


# --- class_for ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "endpoint",
    [
        "/v1/chat/completions",
        "/v1/v1/chat/completions",
        "/openai/v1/chat/completions",
        "/openai/v1/v1/chat/completions",
        "/openai/deployments/embeddings/chat/completions?api-version=2024-10-21",
        "/ml/v1/chat/completions",
        "/v1beta/openai/chat/completions",
        "/api/v1/chat/completions",
        "/models/chat/completions",
        "/chat/completions",
    ],
)
def test_the_path_is_known_behind_whatever_a_host_puts_before_it(endpoint: str) -> None:
    assert class_for("POST", endpoint, {}, streamed=False) == COMPLETION
    assert class_for("POST", endpoint, {}, streamed=True) == CHUNK


@pytest.mark.parametrize(
    ("method", "endpoint", "name"),
    [
        ("POST", "/v1/completions", "completion.Completion"),
        ("POST", "/openai/deployments/ada/embeddings", "create_embedding_response.CreateEmbeddingResponse"),
        ("POST", "/v1/threads/runs", "beta.threads.run.Run"),
        ("POST", "/v1/threads/thread_1", "beta.thread.Thread"),
        ("POST", "/v1/threads/thread_1/runs/run_1/cancel", "beta.threads.run.Run"),
        ("GET", "/v1/models/gpt-4o", "model.Model"),
        ("GET", "/v1/responses/resp_1?include=x", "responses.response.Response"),
        ("DELETE", "/v1/files/file-1", "file_deleted.FileDeleted"),
        ("POST", "/v1/uploads/upload_1/parts", "uploads.upload_part.UploadPart"),
        ("POST", "/v1/fine_tuning/jobs", "fine_tuning.fine_tuning_job.FineTuningJob"),
        (
            "POST",
            "/v1/vector_stores/vs_1/file_batches",
            "vector_stores.vector_store_file_batch.VectorStoreFileBatch",
        ),
    ],
)
def test_an_operation_is_told_by_method_and_path(method: str, endpoint: str, name: str) -> None:
    assert class_for(method, endpoint, {}, streamed=False) == f"openai.types.{name}"


@pytest.mark.parametrize(
    ("method", "endpoint"),
    [
        ("POST", "/v1/messages"),
        ("POST", "/api/embeddings"),
        ("POST", "/v1/assistants/asst_1/files"),
        ("GET", "/v1/chat/completions"),
        ("GET", "/v1/files"),
        ("GET", "/v1/files/file-1/content"),
        ("POST", "/v1/audio/speech"),
        ("PATCH", "/v1/chat/completions"),
        ("POST", "/"),
    ],
)
def test_there_is_no_class_for_what_the_package_makes_no_object_of(method: str, endpoint: str) -> None:
    assert class_for(method, endpoint, {"object": "list", "data": []}, streamed=False) is None


@pytest.mark.parametrize("wire", [None, "text", 1, [], [{"id": "c"}]], ids=repr)
def test_there_is_no_class_for_what_is_no_object(wire: Any) -> None:
    assert class_for("POST", CHAT_PATH, wire, streamed=False) is None
    assert class_for("POST", CHAT_PATH, wire, streamed=True) is None


def test_there_is_no_class_for_an_operation_without_a_stream() -> None:
    assert class_for("POST", "/v1/embeddings", {"object": "list"}, streamed=True) is None


def test_there_is_no_class_for_an_event_that_the_package_raises_or_does_not_know() -> None:
    assert class_for("POST", CHAT_PATH, {"error": {"message": "overloaded"}}, streamed=True) is None
    assert class_for("POST", CHAT_PATH, {"error": None}, streamed=True) == CHUNK
    assert class_for("POST", "/v1/responses", {"type": "response.from_the_future"}, streamed=True) is None
    assert class_for("POST", "/v1/responses", {"type": ["error"]}, streamed=True) is None
    assert class_for("POST", "/v1/responses", {}, streamed=True) is None


@pytest.mark.parametrize(
    ("wire", "name"),
    [
        ({"text": "hi", "usage": {"type": "duration", "seconds": 1}}, "transcription.Transcription"),
        ({"text": "hi", "duration": 1.5, "language": "en"}, "transcription_verbose.TranscriptionVerbose"),
        (
            {"text": "hi", "duration": 1.5, "task": "transcribe", "segments": []},
            "transcription_diarized.TranscriptionDiarized",
        ),
        ({}, "transcription.Transcription"),
    ],
)
def test_where_several_classes_model_an_answer_the_best_fitting_is_chosen(
    wire: dict[str, Any], name: str
) -> None:
    assert class_for("POST", "/v1/audio/transcriptions", wire, streamed=False) == f"openai.types.audio.{name}"


STREAMS = {
    "/v1/responses": ResponseStreamEvent,
    "/v1/images/generations": ImageGenStreamEvent,
    "/v1/images/edits": ImageEditStreamEvent,
    "/v1/audio/transcriptions": TranscriptionStreamEvent,
}


@pytest.mark.parametrize("endpoint", STREAMS)
def test_the_class_of_an_event_is_the_one_that_the_package_makes(endpoint: str) -> None:
    @EXAMPLES
    @given(wires(STREAMS[endpoint]))
    def check(wire: Any) -> None:
        made = type(construct_type(value=copy.deepcopy(wire), type_=STREAMS[endpoint]))
        assert class_for("POST", endpoint, wire, streamed=True) == f"{made.__module__}.{made.__qualname__}"

    check()


@EXAMPLES
@given(wires(ConversationItem))
def test_the_class_of_an_item_is_the_one_that_the_package_makes(wire: Any) -> None:
    made = type(construct_type(value=copy.deepcopy(wire), type_=ConversationItem))
    chosen = class_for("GET", "/v1/conversations/conv_1/items/item_1", wire, streamed=False)
    assert chosen == f"{made.__module__}.{made.__qualname__}"


@EXAMPLES
@given(wires(AssistantStreamEvent))
def test_the_class_of_an_event_of_an_assistant_is_told_by_its_name(event: Any) -> None:
    # `enabled` is a member of the package's object, not of the event.
    event.pop("enabled", None)
    made = construct_type(value=copy.deepcopy(event), type_=AssistantStreamEvent)
    assert isinstance(made, BaseModel)
    data, name = event["data"], event["event"]
    chosen = class_for("POST", "/v1/threads/thread_1/runs", data, streamed=True, event=name)
    assert chosen == f"{type(made).__module__}.{type(made).__qualname__}"
    assert is_named_by_event(chosen)
    assert json.dumps(dump(chosen, data, event=name)) == dumped_by_package(chosen, event)


def test_there_is_no_class_for_an_event_of_an_assistant_without_a_known_name() -> None:
    for event in (None, "done", "thread.from_the_future"):
        assert class_for("POST", "/v1/threads/runs", {"id": "run_1"}, streamed=True, event=event) is None


def test_only_the_events_of_assistants_are_named_by_their_event() -> None:
    assert is_named_by_event(RUN_CREATED)
    assert not is_named_by_event(CHUNK)


def test_the_items_of_a_list_have_a_class_if_they_all_have_the_same() -> None:
    assert item_class_for("/v1/models") == item_class_for("/v1/v1/models") == "openai.types.model.Model"
    assert item_class_for("/v1beta/openai/v1/models") == "openai.types.model.Model"
    assert item_class_for("/v1/conversations/conv_1/items") is None
    assert item_class_for("/v1/chat/completions/1/nothing") is None


# --- recordings of others -----------------------------------------------------------------------------------------


@cache
def recorded_envelopes() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return the envelopes of the package's classes in the shared recordings, each with the recording it is in."""
    found = []
    for file in sorted([*SHARED.glob("corpus/*.json"), *SHARED.glob("seeds/*.json")]):
        recording = json.loads(file.read_text())
        body = recording["response"].get("body")
        for envelope in body if isinstance(body, list) else [body]:
            if isinstance(envelope, dict) and str(envelope.get("__type__")).startswith("openai."):
                found.append((recording, envelope))
    return found


needs_recordings = pytest.mark.skipif(
    not (SHARED / "corpus").is_dir(),
    reason=f"no shared recordings at {SHARED}; OPENAI_REPLAY_SHARED says where",
)


@needs_recordings
def test_every_recorded_object_dumps_as_itself() -> None:
    assert recorded_envelopes()
    for _, envelope in recorded_envelopes():
        name, data = envelope["__type__"], envelope["__data__"]
        assert dumped(name, data) == json.dumps(data) == dumped_by_package(name, data)


@needs_recordings
def test_every_recorded_object_has_the_class_that_its_recording_names() -> None:
    for recording, envelope in recorded_envelopes():
        endpoint, streamed = recording["request"]["endpoint"], recording["response"]["is_streaming"]
        # The recorder that wrote these noted every request as a POST, and some streams of completions as chat.
        if endpoint.endswith("/models"):
            assert item_class_for(endpoint) == envelope["__type__"]
        elif (endpoint, envelope["__type__"]) != ("/v1/completions", CHUNK):
            assert (
                class_for("POST", endpoint, envelope["__data__"], streamed=streamed) == envelope["__type__"]
            )
