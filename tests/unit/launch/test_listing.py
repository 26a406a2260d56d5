"""`listing`: `list` says of a recording the status that replay sends."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from openai_replay.collection.overview import overview
from openai_replay.format.recording import Failure, Recording, Request, Response, encode
from openai_replay.launch.listing import found, raw
from unit.exchanges import chat, completion, write_recording

# Each has a body, and these statuses allow none.
WITHOUT_BODY = (204, 304)
STATUSES = st.integers(200, 599).filter(lambda status: status not in WITHOUT_BODY)
STATUS_CODES = (
    st.none()
    | st.integers(-1, 700).filter(lambda status: status not in WITHOUT_BODY)
    | st.booleans()
    | st.just("429")
)
FAILURES = st.builds(
    Failure, st.fixed_dictionaries({}, optional={"status_code": STATUS_CODES}), st.just("No.")
)
RESPONSES = st.builds(Response, st.none(), status=STATUSES, failure=FAILURES) | st.builds(
    Response, st.just([]), st.just(True), STATUSES, st.none() | FAILURES
)


@given(RESPONSES)
def test_the_status_in_the_list_is_the_one_that_is_sent(response: Response) -> None:
    request = Request("POST", "https://api.openai.com/v1/chat/completions", {}, "/v1/chat/completions", "")
    with TemporaryDirectory() as folder:
        path = Path(folder, "a.json")
        path.write_bytes(encode(Recording(None, request, response)))
        read = overview(Path(folder))

        assert read.problems == []
        assert f"\n{read.entries[0].status}".encode() in b"".join(raw(path))


def test_a_recording_is_found_by_the_beginning_of_its_name(tmp_path: Path) -> None:
    path = write_recording(tmp_path, "hello-there.json", chat(), completion())

    assert found(tmp_path, "hello") == path
