"""`corrections`: with them, replay is exact for any server, and edits of the recording still count."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.format.json_text import compact, read, strictly_equal
from openai_replay.sdk.classes import dump
from openai_replay.wire.corrections import CorrectionNotes, CorrectionReader
from openai_replay.wire.rebuild import rebuild
from openai_replay.wire.sse import readable
from unit.wire_objects import (
    CHUNK,
    COMPLETION,
    EMBEDDINGS,
    LEGACY,
    MODERATION,
    RESPONSE,
    RUN,
    UNHURRIED,
    any_objects,
    envelopes,
    shared_recordings,
)

STREAM: Any = {"stream": True}
STREAM_WITH_USAGE: Any = {"stream": True, "stream_options": {"include_usage": True}}

CREATED = "openai.types.responses.response_created_event.ResponseCreatedEvent"
RUN_EVENT = "openai.types.beta.assistant_stream_event.ThreadRunCreated"


def chunk(delta: dict[str, Any], **members: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}
    return {
        "id": "rec-1",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": "m",
        "choices": [choice],
    } | members


def recorded(class_name: str | None, wires: list[Any], request_body: Any = STREAM) -> tuple[list[Any], Any]:
    """Return the recording of some chunks: the `__data__` of each, and the corrections."""
    corrections = CorrectionNotes(request_body)
    datas = []
    for wire in wires:
        data = wire if class_name is None else dump(class_name, wire)
        datas.append(data)
        corrections.add(class_name, data, wire)
    return datas, json.loads(json.dumps(corrections.result()))


def replayed(
    class_name: str | None, datas: list[Any], corrections: Any, request_body: Any = STREAM
) -> Iterator[Any]:
    """Yield the chunks that a client gets of a recording."""
    corrected = CorrectionReader(corrections)
    for number, data in enumerate(datas):
        text = corrected.text(number, class_name, data)
        rebuilt = rebuild(class_name, data, request_body)
        yield read(text).value if text is not None else corrected.value(number, rebuilt, data)


def assert_replayed_exactly(class_name: str | None, wires: list[Any], request_body: Any = STREAM) -> None:
    datas, corrections = recorded(class_name, wires, request_body)
    for wire, replay in zip(wires, replayed(class_name, datas, corrections, request_body), strict=True):
        assert compact(read(compact(replay)).value) == compact(wire)


# --- notes --------------------------------------------------------------------------------------------------------

SHAPES = {
    "nothing where the rules say all": (CHUNK, [chunk({"content": "a"}), chunk({})], None),
    "nothing for what has no class": (None, [{"b": 1, "a": [None, 1.0]}, "text"], None),
    "like chunks together": (
        CHUNK,
        [chunk({"role": "assistant", "content": "a"}) for _ in range(40)],
        [{"chunks": "0-39", "at": "$.choices[*].delta", "members": ["role", "content"]}],
    ),
    "chunks in between that need nothing": (
        CHUNK,
        [
            chunk({"content": None}),
            chunk({}),
            chunk({"content": "a"}),
            chunk({"content": None}),
            chunk({"content": None}),
        ],
        [{"chunks": "0,3-4", "at": "$.choices[*].delta", "members": ["content"]}],
    ),
    "nulls that the rules leave out, orders, and nulls that the rules would send": (
        CHUNK,
        [{"choices": [], "system_fingerprint": None, "id": "rec-1"}],
        [{"chunks": "0", "at": "$", "members": ["choices", "system_fingerprint", "id"]}],
    ),
    "like items together": (
        CHUNK,
        [chunk({}, choices=[{"index": number, "delta": {}} for number in range(3)])],
        [{"chunks": "0", "at": "$.choices[*]", "members": ["index", "delta"]}],
    ),
    "unlike items apart": (
        CHUNK,
        [
            chunk(
                {},
                choices=[
                    {"index": 0, "delta": {}},
                    {"index": 1, "delta": {}, "logprobs": None, "finish_reason": None},
                    {"index": 2, "delta": {}},
                    {"index": 3, "delta": {}},
                    {"delta": {}, "index": 4},
                ],
            )
        ],
        [
            {"chunks": "0", "at": "$.choices[0,2-3]", "members": ["index", "delta"]},
            {"chunks": "0", "at": "$.choices[4]", "members": ["delta", "index"]},
        ],
    ),
    "items without the part in question with the others": (
        CHUNK,
        [
            chunk({"tool_calls": [{"index": 0, "function": {"arguments": "", "name": None}}, {"index": 1}]}),
        ],
        [
            {
                "chunks": "0",
                "at": "$.choices[*].delta.tool_calls[*].function",
                "members": ["arguments", "name"],
            }
        ],
    ),
    "integers where the class has floats": (
        EMBEDDINGS,
        [
            {
                "object": "list",
                "data": [
                    {"object": "embedding", "index": 0, "embedding": [0.5, 0, 2]},
                    {"object": "embedding", "index": 1, "embedding": [1.0, 0, -1]},
                ],
                "model": "m",
                "usage": {"prompt_tokens": 1, "total_tokens": 1},
            }
        ],
        [
            {"chunks": "0", "at": "$.data[0].embedding[*]", "number": "integer"},
            {"chunks": "0", "at": "$.data[*].embedding[1-2]", "number": "integer"},
        ],
    ),
    "members that are no names of the usual kind": (
        LEGACY,
        [{"choices": [{"index": 0, "logprobs": {"top_logprobs": [{' a"b': -1, "": -0.5}]}, "text": ""}]}],
        [
            {"chunks": "0", "at": "$.choices[*]", "members": ["index", "logprobs", "text"]},
            {"chunks": "0", "at": '$.choices[*].logprobs.top_logprobs[*][" a\\"b"]', "number": "integer"},
        ],
    ),
    "the text where no shape helps": (
        CHUNK,
        [chunk({}), {"id": "rec-1", "choices": [{"index": True, "delta": {"content": "é"}}]}],
        [{"chunks": "1", "text": '{"id":"rec-1","choices":[{"index":true,"delta":{"content":"é"}}]}'}],
    ),
}


@pytest.mark.parametrize(("class_name", "wires", "expected"), SHAPES.values(), ids=SHAPES.keys())
def test_what_the_rules_do_not_say_is_noted(class_name: str | None, wires: list[Any], expected: Any) -> None:
    _, corrections = recorded(class_name, wires)
    assert json.dumps(corrections) == json.dumps(expected)
    assert_replayed_exactly(class_name, wires)


# As Azure sends it: every object's members by name, a first chunk about the prompt, a fingerprint that is null.
ALPHABETICAL = [
    '{"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0}]}',
    '{"choices":[{"content_filter_results":{},"delta":{"content":"","refusal":null,"role":"assistant"},"finish_reason":'
    'null,"index":0,"logprobs":null}],"created":1,"id":"chatcmpl-1","model":"gpt-5-nano","obfuscation":"x","object":'
    '"chat.completion.chunk","system_fingerprint":null,"usage":null}',
    *[
        '{"choices":[{"content_filter_results":{"hate":{"filtered":false,"severity":"safe"}},"delta":{"content":"Hi"},'
        '"finish_reason":null,"index":0,"logprobs":null}],"created":1,"id":"chatcmpl-1","model":"gpt-5-nano",'
        '"obfuscation":"x","object":"chat.completion.chunk","system_fingerprint":null,"usage":null}'
    ]
    * 30,
    '{"choices":[],"created":1,"id":"chatcmpl-1","model":"gpt-5-nano","obfuscation":"x","object":'
    '"chat.completion.chunk","system_fingerprint":null,"usage":{"completion_tokens":1,"prompt_tokens":2,"total_tokens":3}}',
]


def test_a_server_of_other_habits_takes_few_lines() -> None:
    wires = [json.loads(text) for text in ALPHABETICAL]
    _, corrections = recorded(CHUNK, wires, STREAM_WITH_USAGE)
    head = ["choices", "created", "id", "model"]
    assert corrections == [
        {"chunks": "0", "at": "$", "members": [*head, "object", "prompt_filter_results"]},
        {
            "chunks": "1-32",
            "at": "$",
            "members": [*head, "obfuscation", "object", "system_fingerprint", "usage"],
        },
        {
            "chunks": "1-31",
            "at": "$.choices[*]",
            "members": ["content_filter_results", "delta", "finish_reason", "index", "logprobs"],
        },
        {"chunks": "1", "at": "$.choices[*].delta", "members": ["content", "refusal", "role"]},
        {"chunks": "32", "at": "$.usage", "members": ["completion_tokens", "prompt_tokens", "total_tokens"]},
    ]
    assert_replayed_exactly(CHUNK, wires, STREAM_WITH_USAGE)


def test_no_correction_holds_a_value() -> None:
    secret = "nothing of this may be said twice"
    _, corrections = recorded(
        CHUNK, [chunk({"content": secret, "role": secret}, x=[secret], user=None, model=secret)]
    )
    assert corrections
    assert secret not in json.dumps(corrections)


def test_what_is_noted_does_not_grow_with_like_chunks() -> None:
    def noted(count: int) -> int:
        _, corrections = recorded(CHUNK, [chunk({"role": "assistant", "content": "a"})] * count)
        return len(json.dumps(corrections))

    assert noted(5000) - noted(50) == len("0-4999") - len("0-49")


# --- texts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        '{"id":"rec-1","id":"rec-2","choices":[]}',
        '{"id":"rec-1","choices":[],"x":NaN}',
        '{"id":"rec-1","choices":[{"index":0,"delta":{"content":"a","content":"b"}}]}',
        '{ "id" : "rec-1" , "usage" : {"total_tokens":1e400} }',
    ],
)
@pytest.mark.parametrize("class_name", [CHUNK, None])
def test_a_text_that_no_value_holds_is_kept_and_sent(text: str, class_name: str | None) -> None:
    reading = read(text)
    data = reading.value if class_name is None else dump(class_name, reading.value)
    corrections = CorrectionNotes(STREAM)
    corrections.add(class_name, data, reading.value, text)
    assert corrections.result() == [{"chunks": "0", "text": text}]
    assert CorrectionReader(corrections.result()).text(0, class_name, data) == text


def test_a_text_gets_the_id_and_time_of_the_recording() -> None:
    data = dump(CHUNK, {"id": "rec-1", "created": 0, "choices": []})
    corrections = CorrectionNotes(STREAM)
    corrections.add(CHUNK, data, {}, '{"id":"chatcmpl-1", "created":1.0, "choices":[], "choices":[]}')
    text = '{"id":"rec-1", "created":0, "choices":[], "choices":[]}'
    assert corrections.result() == [{"chunks": "0", "text": text}]
    assert CorrectionReader(corrections.result()).text(0, CHUNK, data) == text


def test_a_text_that_says_something_else_than_the_recording_is_an_error() -> None:
    with pytest.raises(ValueError, match="expected a JSON text that says what the recording holds of it"):
        CorrectionNotes(STREAM).add(CHUNK, dump(CHUNK, {"choices": []}), {}, '{"choices":[{}]}')


def test_a_text_with_bytes_that_are_no_utf_8_is_kept_with_them() -> None:
    text = '{"id":"rec-1","object":"\udce2"}'
    data = dump(CHUNK, read(readable(text)).value)
    corrections = CorrectionNotes({})
    corrections.add(CHUNK, data, {}, text)

    assert corrections.result() == [{"chunks": "0", "text": text}]
    assert CorrectionReader(corrections.result()).text(0, CHUNK, data) == text


@pytest.mark.parametrize(
    ("written", "style"),
    [
        ("0.000009507618", "decimal"),
        ("9.507618e-06", "python"),
        ("-0.0000000001", "decimal"),
        ("1e+16", "python"),
    ],
)
def test_a_number_is_written_as_it_was(written: str, style: str) -> None:
    text = f'{{"a":[1.5,{written},0.25]}}'
    reading = read(text)
    corrections = CorrectionNotes({})
    corrections.add(None, reading.value, reading.spelt)

    note = {"chunks": "0", "at": "$.a[*]", "number": style}
    assert corrections.result() == (None if compact(reading.value) == text else [note])
    assert compact(CorrectionReader(corrections.result()).value(0, reading.value, reading.value)) == text


@pytest.mark.parametrize("written", ["1E5", "1.50", "0.10e1", "1.0e+5"])
def test_a_number_written_in_no_usual_way_needs_the_text(written: str) -> None:
    text = f'{{"a":{written}}}'
    reading = read(text)
    corrections = CorrectionNotes({})
    corrections.add(None, reading.value, reading.spelt)

    assert corrections.result() == [{"chunks": "0", "text": text}]


def test_values_that_orjson_does_not_know_need_no_text() -> None:
    wires = [
        chunk({"content": "\ud800"}),
        chunk({}, created=2**70),
        chunk({"role": "assistant", "content": "\udfff"}),
    ]
    _, corrections = recorded(CHUNK, wires)
    assert corrections == [{"chunks": "2", "at": "$.choices[*].delta", "members": ["role", "content"]}]
    assert_replayed_exactly(CHUNK, wires)


def test_an_edited_chunk_is_sent_as_edited_and_not_as_its_text() -> None:
    [data], corrections = recorded(
        CHUNK, [{"id": "rec-1", "choices": [{"index": True, "delta": {"content": "a"}}]}]
    )
    data["choices"][0]["delta"]["content"] = "b"
    [replay] = replayed(CHUNK, [data], corrections)
    assert replay["choices"][0]["delta"] == {"content": "b"}


def test_the_text_of_an_assistants_event_is_that_of_its_data() -> None:
    data_of_event = {"id": "run_1", "created_at": True}
    wire = {"data": data_of_event, "event": "thread.run.created"}
    [data], corrections = recorded(RUN_EVENT, [wire])
    assert corrections == [{"chunks": "0", "text": '{"id":"run_1","created_at":true}'}]
    assert CorrectionReader(corrections).text(0, RUN_EVENT, data) == '{"id":"run_1","created_at":true}'


def test_what_is_nested_too_deeply_to_be_written_is_an_error_and_no_chunk() -> None:
    deep: Any = {}
    for _ in range(100_000):
        deep = {"x": deep}
    corrections = CorrectionNotes(STREAM)
    with pytest.raises(ValueError, match="nested too deeply"):
        corrections.add(None, {}, deep)
    corrections.add(CHUNK, dump(CHUNK, {"choices": []}), {"choices": [], "usage": None})
    assert corrections.result() == [{"chunks": "0", "at": "$", "members": ["choices", "usage"]}]


# --- edits --------------------------------------------------------------------------------------------------------


def edited_replay(wire: dict[str, Any], edit: dict[str, Any]) -> Any:
    [data], corrections = recorded(CHUNK, [wire])
    assert corrections
    data["choices"][0]["delta"].update(edit)
    [replay] = replayed(CHUNK, [data], corrections)
    return replay["choices"][0]["delta"]


@pytest.mark.parametrize(
    ("edit", "delta"),
    [
        ({"content": "edited"}, {"role": "assistant", "content": "edited"}),
        ({"content": None}, {"role": "assistant", "content": None}),
        ({"name": "added"}, {"role": "assistant", "content": "a", "name": "added"}),
        ({"refusal": "added"}, {"role": "assistant", "content": "a", "refusal": "added"}),
        ({"refusal": None}, {"role": "assistant", "content": "a"}),
    ],
)
def test_edits_of_a_corrected_object_are_replayed(edit: dict[str, Any], delta: dict[str, Any]) -> None:
    replay = edited_replay(chunk({"role": "assistant", "content": "a"}), edit)
    assert json.dumps(replay) == json.dumps(delta)


def test_a_member_that_a_person_took_out_is_not_sent() -> None:
    [data], corrections = recorded(CHUNK, [chunk({"content": "a"}, x_first=None, a=1)])
    assert corrections is None
    [data], corrections = recorded(CHUNK, [{"filters": {"a": 1}, **chunk({"content": "a"})}])
    assert corrections[0]["members"][0] == "filters"
    del data["filters"]
    [replay] = replayed(CHUNK, [data], corrections)
    assert "filters" not in replay


def test_a_corrected_number_may_become_a_fraction() -> None:
    wire = {"type": "response.created", "sequence_number": 0, "response": {"id": "resp_1", "temperature": 1}}
    [data], corrections = recorded(CREATED, [wire])
    assert {"chunks": "0", "at": "$.response.temperature", "number": "integer"} in corrections
    data["response"]["temperature"] = 0.5
    [replay] = replayed(CREATED, [data], corrections)
    assert replay["response"]["temperature"] == 0.5


def test_chunks_that_a_person_adds_are_rebuilt_by_the_rules() -> None:
    wires = [chunk({"role": "assistant", "content": "a"})]
    datas, corrections = recorded(CHUNK, wires)
    *_, added = replayed(CHUNK, [*datas, dump(CHUNK, chunk({"content": "b"}))], corrections)
    assert json.dumps(added) == json.dumps(chunk({"content": "b"}))


# --- corrections that a person wrote ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("corrections", "message"),
    [
        ({}, "expected a list, got {} @ $.response.wire.corrections"),
        ([7], "expected an object, got 7 @ $.response.wire.corrections[0]"),
        (
            [{"at": "$", "members": []}],
            'expected chunks such as "0-2,7", got None @ $.response.wire.corrections[0].chunks',
        ),
        (
            [{"chunks": "1", "at": "$", "members": []}, {"chunks": "all", "text": "{}"}],
            "expected chunks such as \"0-2,7\", got 'all' @ $.response.wire.corrections[1].chunks",
        ),
        (
            [{"chunks": "1", "at": "choices", "members": []}],
            "expected a path such as $.choices[*].delta, got 'choices' @ $.response.wire.corrections[0].at",
        ),
        (
            [{"chunks": "1", "at": "$.choices[x]", "members": []}],
            "expected a path such as $.choices[*].delta, got '$.choices[x]' @ $.response.wire.corrections[0].at",
        ),
        (
            [{"chunks": "1", "at": "$", "number": "float"}],
            'expected "text", a list of "members", or a "number" (integer, decimal, python, javascript), '
            "got {'chunks': '1', 'at': '$', 'number': 'float'} @ $.response.wire.corrections[0]",
        ),
    ],
)
def test_corrections_of_another_form_are_an_error_that_says_where(corrections: Any, message: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        CorrectionReader(corrections)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "at", ["$.choices[7].delta", "$.choices[*].nothing.at[0].all", "$.id[0]", "$.choices.delta"]
)
def test_a_path_that_leads_nowhere_changes_nothing(at: str) -> None:
    wire = chunk({"content": "a"})
    [replay] = replayed(CHUNK, [dump(CHUNK, wire)], [{"chunks": "0", "at": at, "members": ["x"]}])
    assert json.dumps(replay) == json.dumps(wire)


def test_what_is_given_stays_as_it_is() -> None:
    wires = [chunk({"role": "assistant", "content": "a", "x": {"b": None}}, choices_too=[{"a": 1}])]
    datas, corrections = recorded(CHUNK, wires)
    before: Any = [wires, datas, corrections]
    after = copy.deepcopy(before)
    list(replayed(CHUNK, datas, corrections))
    assert strictly_equal(after, before)


# --- all servers, all recordings ----------------------------------------------------------------------------------

MANY_KINDS = [
    CHUNK,
    COMPLETION,
    LEGACY,
    EMBEDDINGS,
    MODERATION,
    RESPONSE,
    RUN,
    CREATED,
    "openai.types.batch.Batch",
]


@pytest.mark.parametrize("class_name", MANY_KINDS)
def test_whatever_a_server_sends_is_replayed_exactly(class_name: str) -> None:
    @UNHURRIED
    @given(
        st.lists(any_objects(class_name), min_size=1, max_size=4),
        st.sampled_from([{}, STREAM, STREAM_WITH_USAGE]),
    )
    def check(wires: list[Any], request_body: Any) -> None:
        assert_replayed_exactly(class_name, wires, request_body)

    check()


@pytest.mark.parametrize("class_name", [CHUNK, COMPLETION, RESPONSE])
def test_whatever_text_a_person_edits_is_replayed(class_name: str) -> None:
    @UNHURRIED
    @given(any_objects(class_name), st.data())
    def check(wire: Any, choice: st.DataObject) -> None:
        [data], corrections = recorded(class_name, [wire])
        holder, place = choice.draw(st.sampled_from([*texts_in(data), (None, None)]))
        if holder is None:
            return
        holder[place] = "edited by hand"
        [replay] = replayed(class_name, [data], corrections)
        assert "edited by hand" in json.dumps(replay)

    check()


def texts_in(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each list and object with each of its places that holds a text."""
    if isinstance(value, dict | list):
        for place, part in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(part, str):
                yield value, place
            yield from texts_in(part)


def test_every_stream_recorded_elsewhere_needs_no_corrections() -> None:
    for recording in shared_recordings():
        request_body = recording["request"].get("body")
        corrections = CorrectionNotes(request_body)
        for class_name, data in envelopes(recording):
            corrections.add(class_name, data, rebuild(class_name, data, request_body))
        assert corrections.result() is None


def test_every_stream_recorded_elsewhere_is_replayed_exactly_had_it_been_null_filled_on_the_wire() -> None:
    for recording in shared_recordings():
        for class_name, data in envelopes(recording):
            wire = copy.deepcopy(data)
            assert_replayed_exactly(class_name, [wire], recording["request"].get("body"))
