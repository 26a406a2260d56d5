"""The notes of a WebSocket in a recording, written and read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.format.recording import JSON
from openai_replay.wire.socket_notes import Close, SocketNotes, read_close, read_socket_notes

notes = st.builds(
    SocketNotes,
    st.lists(st.tuples(st.integers(0, 9), st.dictionaries(st.text(), st.integers()))).map(tuple),
    st.none() | st.builds(Close, st.integers(1000, 4999), st.text()),
)


@given(notes)
def test_what_is_written_is_read(written: SocketNotes) -> None:
    assert read_socket_notes(written.to_wire()) == written


def test_nothing_to_note_leaves_no_trace() -> None:
    assert SocketNotes().to_wire() == {}


@pytest.mark.parametrize("value", [None, 1000, {}, {"code": 7}, {"code": "1000"}, {"code": 5000}])
def test_a_close_frame_that_no_server_sends_is_none(value: JSON) -> None:
    assert read_close(value) is None
