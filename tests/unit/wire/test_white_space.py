"""`white_space`: a JSON text that is laid out regularly is written again to the byte."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.format import json_text
from openai_replay.format.recording import JSON
from openai_replay.wire.white_space import COMPACT, WhiteSpace, found, from_note, usual
from unit.exchanges import JSON_VALUES

ESCAPES = st.sampled_from(["", "ascii", "html"])
LAYOUTS = st.builds(
    WhiteSpace, st.none() | st.integers(0, 8), st.just(False), st.booleans(), ESCAPES, st.booleans()
) | st.builds(WhiteSpace, st.none(), st.booleans(), st.booleans(), ESCAPES, st.booleans())


@given(JSON_VALUES, LAYOUTS)
def test_a_text_is_written_again_to_the_byte(value: JSON, layout: WhiteSpace) -> None:
    text = layout.written(value)
    layout_found = found(text, json_text.read(text).spelt)

    assert layout_found is not None
    assert layout_found.written(value) == text


@given(JSON_VALUES, st.none() | st.integers(0, 8))
def test_it_is_laid_out_as_the_standard_library_does(value: JSON, indent: int | None) -> None:
    spaced = WhiteSpace(indent, is_spaced=indent is None, escapes="ascii")

    assert json.loads(spaced.written(value)) == value
    assert found(json.dumps(value, indent=indent), value) is not None


@given(LAYOUTS)
def test_a_note_is_read_as_it_was_written(layout: WhiteSpace) -> None:
    assert from_note(layout.note()) == layout


@pytest.mark.parametrize(
    ("layout", "note"),
    [
        (COMPACT, "compact"),
        (WhiteSpace(2, has_newline=True), "indent 2, newline"),
        (WhiteSpace(is_spaced=True, escapes="ascii"), "spaced, ascii"),
        (WhiteSpace(has_newline=True, has_byte_order_mark=True), "compact, newline, bom"),
    ],
)
def test_a_note_is_in_words(layout: WhiteSpace, note: str) -> None:
    assert layout.note() == note


@pytest.mark.parametrize("note", ["", "wide", "indent", "indent 100", 2, ["compact"], None])
def test_another_note_is_an_error_that_says_where(note: JSON) -> None:
    with pytest.raises(
        ValueError, match=r'^expected words such as "indent 2, newline", got .* @ \$\.response\.wire\.layout$'
    ):
        from_note(note)
    with pytest.raises(ValueError, match=r" @ \$\.here$"):
        from_note(note, "$.here")


@pytest.mark.parametrize(
    "text", ['{"a": 1,"b":2}', '{"a":1}\n\n', ' {"a":1}', '{\n "a":1}', '{"a":"\\u0061"}', "[\n]"]
)
def test_a_text_that_is_not_regular_has_no_layout(text: str) -> None:
    assert found(text, json.loads(text)) is None


def test_numbers_keep_their_spelling() -> None:
    text = '{\n    "a": 0.0000095,\n    "b": [],\n    "c": {}\n}'

    assert found(text, json_text.read(text).spelt) == WhiteSpace(4)


@pytest.mark.parametrize(
    ("url", "layout"),
    [
        ("https://api.openai.com/v1/chat/completions", "indent 2, newline"),
        ("https://api.openai.com/v1/v1/chat/completions", "indent 2, newline"),
        ("https://api.openai.com/v1/embeddings", "indent 2, newline"),
        ("https://api.openai.com/v1/files/file-1", "indent 2, newline"),
        ("https://api.openai.com/v1/responses", "indent 2"),
        ("https://api.openai.com/v1/vector_stores/vs_1/files", "indent 2"),
        ("https://api.openai.com/v1/audio/transcriptions", "compact"),
        ("https://example.openai.azure.com/openai/deployments/x/chat/completions", "compact"),
        ("http://127.0.0.1:8080/v1/chat/completions", "compact"),
    ],
)
def test_what_is_not_said_follows_from_the_operation(url: str, layout: str) -> None:
    assert usual(url).note() == layout
