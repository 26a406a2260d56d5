"""`json_value`: completions get a stable id and time, all else keeps its own."""

from __future__ import annotations

import json

from openai_replay.format.recording import JSON, opened
from openai_replay.record.record import record
from unit.exchanges import (
    answered,
    chat,
    completion,
    get,
)
from unit.recorded import body_of, dumped_by_package
from unit.wire_objects import COMPLETION


def test_a_completion_is_in_its_envelope_with_a_stable_id_and_time() -> None:
    request = chat(test_id="t")
    recorded = record(answered(request, completion()))
    short = request.name()[:12]

    assert recorded.name == request.name()
    assert recorded.recording.test_id == "t"
    assert recorded.recording.request.endpoint == "/v1/chat/completions"
    assert recorded.recording.request.model == "gpt-4o"
    expected = dumped_by_package(COMPLETION, completion()) | {"id": f"rec-{short}", "created": 0}
    assert json.dumps(body_of(recorded)) == json.dumps({"__type__": COMPLETION, "__data__": expected})
    assert recorded.recording.response.wire == {}
    assert recorded.recording.id_normalization_mapping == {}
    assert recorded.is_success()


def test_a_completion_that_can_be_referred_to_keeps_its_id_beside() -> None:
    request = chat(store=True)
    recorded = record(answered(request, completion()))

    assert recorded.recording.id_normalization_mapping == {f"rec-{request.name()[:12]}": "chatcmpl-1"}


def test_what_is_not_a_completion_keeps_its_id_and_time() -> None:
    wire: dict[str, JSON] = {
        "id": "file-1",
        "object": "file",
        "bytes": 1,
        "created_at": 7,
        "filename": "a",
        "purpose": "batch",
    }
    recorded = record(answered(get("/v1/files/file-1"), wire))

    assert opened(body_of(recorded))[0] == "openai.types.file_object.FileObject"
    assert opened(body_of(recorded))[1] == dumped_by_package("openai.types.file_object.FileObject", wire)
