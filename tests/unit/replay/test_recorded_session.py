"""A recorded session as it was on the wire, its sound read from the files beside it."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from openai_replay.errors import BadRecording
from openai_replay.format.recording import JSON, Recording, Request, Response
from openai_replay.replay.recorded_session import RecordedSession, SessionEnd
from openai_replay.request.identity import Identity
from openai_replay.store.store import Stored
from openai_replay.wire.socket_notes import Close
from openai_replay.wire.sound import SoundFormat, wav

URL = "https://api.openai.com/v1/realtime"
APPEND: JSON = {
    "from": "client",
    "data": {"type": "input_audio_buffer.append", "audio": {"__audio__": "2-5"}},
}


def stored(folder: Path, *messages: JSON, **wire: JSON) -> Stored:
    request = Request("GET", URL, {"__websocket__": {"subprotocols": []}}, "/v1/realtime", "")
    response = Response([*messages], True, 101, None, {}, wire)
    return Stored(folder / "a.json", (0, 0, 0), Recording(None, request, response), Identity("", ""))


def test_sound_is_read_from_its_range(tmp_path: Path) -> None:
    (tmp_path / "a.client.wav").write_bytes(b"".join(wav(SoundFormat(), 6, [b"abcdef"])))
    session = RecordedSession(stored(tmp_path, APPEND, audio={"client": "a.client.wav"}))

    assert session.sound(0) == b"cdef"
    assert session.data(0) == {
        "type": "input_audio_buffer.append",
        "audio": base64.b64encode(b"cdef").decode(),
    }


@pytest.mark.parametrize(
    ("size", "names"), [(6, {}), (3, {"client": "a.client.wav"}), (6, {"client": "gone.wav"})]
)
def test_sound_that_is_not_there_is_an_error_of_the_file(
    tmp_path: Path, size: int, names: dict[str, JSON]
) -> None:
    (tmp_path / "a.client.wav").write_bytes(b"".join(wav(SoundFormat(), size, [bytes(size)]))[: 44 + size])
    session = RecordedSession(stored(tmp_path, APPEND, audio=names))

    with pytest.raises(BadRecording):
        session.data(0)


def test_sound_in_a_pipe_is_an_error_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.client.wav")
    session = RecordedSession(stored(tmp_path, APPEND, audio={"client": "a.client.wav"}))

    with pytest.raises(BadRecording, match="it is no regular file"):
        session.data(0)


@pytest.mark.parametrize("message", [None, 7, {"from": "nobody", "data": 1}, {"from": "client"}])
def test_a_message_of_another_form_is_named_by_its_place(tmp_path: Path, message: JSON) -> None:
    with pytest.raises(BadRecording, match=r"@ \$\.response\.body\[1\]"):
        RecordedSession(stored(tmp_path, {"from": "client", "data": "x"}, message))


@pytest.mark.parametrize(
    ("note", "end"),
    [
        ({"by": "server", "code": 1011, "reason": "x"}, SessionEnd(False, Close(1011, "x"))),
        ({"by": "client", "code": 1000}, SessionEnd(True, Close(1000))),
        (None, SessionEnd(True, None)),
    ],
)
def test_the_end_is_that_of_the_recording(tmp_path: Path, note: JSON, end: SessionEnd) -> None:
    assert RecordedSession(stored(tmp_path, close=note)).end() == end
