"""`store`: files whole or not at all, found by their content."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from openai_replay.errors import BadRecording, NotReplayable
from openai_replay.format.recording import JSON, Response
from openai_replay.store.index import Row
from openai_replay.store.store import Store, companions_of
from unit.exchanges import chat, completion, names, write_recording, written

REQUEST = chat("Hi")
NAME = REQUEST.name()

# --- reading ------------------------------------------------------------------------------------------------------


def test_a_file_is_read_with_the_identity_of_its_request(store: Store, folder: Path) -> None:
    path = write_recording(folder, "a.json", REQUEST, completion())
    stored = store.read(path)

    assert stored is not None
    assert stored.identity == REQUEST.identity
    assert stored.signature == (path.stat().st_mtime_ns, path.stat().st_size, path.stat().st_ino)


def test_a_file_that_is_gone_is_none_or_an_error(store: Store, folder: Path) -> None:
    assert store.read(folder / "a.json") is None
    assert store.read(folder / "a.json" / "b.json") is None
    with pytest.raises(BadRecording) as caught:
        store.read_existing(folder / "a.json")
    assert str(caught.value) == f"{folder / 'a.json'}: expected a recording, the file is gone @ $"


def test_what_cannot_be_read_is_an_error(store: Store, folder: Path) -> None:
    (folder / "a.json").mkdir()
    with pytest.raises(BadRecording) as caught:
        store.read(folder / "a.json")
    assert str(caught.value) == f"{folder / 'a.json'}: expected a readable file, Is a directory @ $"


def test_a_request_nested_too_deeply_to_be_matched_is_an_error(store: Store, folder: Path) -> None:
    path = folder / "a.json"
    body = "[" * 1200 + "]" * 1200
    path.write_text(
        f'{{"request": {{"method": "POST", "url": "https://h/x", "body": {body}}}, "response": {{"body": 1}}}}'
    )

    with pytest.raises(BadRecording) as caught:
        store.read(path)

    assert str(caught.value) == f"{path}: expected JSON, it is nested too deeply @ $.request.body"


# --- by name ------------------------------------------------------------------------------------------------------


def test_a_recording_is_found_by_its_name(store: Store, folder: Path) -> None:
    path = write_recording(folder, f"{NAME}.json", REQUEST, completion())
    found = store.named(REQUEST)
    assert found is not None
    assert found.first.path == path


def test_a_recording_by_a_recorder_that_doubles_the_prefix_is_found_by_its_name(
    store: Store, folder: Path
) -> None:
    doubled = chat(url="https://api.openai.com/v1/v1/chat/completions")
    path = write_recording(folder, f"{doubled.name()}.json", doubled, completion())
    found = store.named(REQUEST)
    assert found is not None
    assert found.first.path == path


def test_what_a_file_answers_is_decided_by_what_is_in_it(store: Store, folder: Path) -> None:
    write_recording(folder, f"{NAME}.json", chat("Bye"), completion())
    assert store.named(REQUEST) is None
    assert store.answering(folder / f"{NAME}.json", REQUEST) is None
    assert store.answering(folder / f"{NAME}.json", chat("Bye")) is not None


def test_the_file_of_that_name_by_another_test_or_with_other_options_is_not_the_one(
    store: Store, folder: Path
) -> None:
    write_recording(folder, f"{NAME}.json", REQUEST, completion(), test_id="another")
    assert store.named(REQUEST) is None
    write_recording(folder, f"{NAME}.json", chat("Hi", stream_options={"x": 1}), completion())
    assert store.named(REQUEST) is None


def test_a_file_that_is_no_http_exchange_answers_nothing(store: Store, folder: Path) -> None:
    (folder / f"{NAME}.json").write_text(json.dumps({"request": {"tool_name": "x"}, "response": {"body": 1}}))
    with pytest.raises(NotReplayable):
        store.read(folder / f"{NAME}.json")
    assert store.named(REQUEST) is None


def test_a_broken_file_of_that_name_is_an_error(store: Store, folder: Path) -> None:
    (folder / f"{NAME}.json").write_text("{")
    with pytest.raises(BadRecording, match=r"expected JSON, Expecting property name"):
        store.named(REQUEST)


def test_the_name_is_another_where_another_host_has_it(store: Store, folder: Path) -> None:
    other = chat(url="http://localhost:11434/v1/chat/completions")
    assert store.name_beside_other_hosts(NAME, other) == NAME
    write_recording(folder, f"{NAME}.json", REQUEST, completion())

    assert store.name_beside_other_hosts(NAME, REQUEST) == NAME
    assert store.name_beside_other_hosts(NAME, other) == f"{NAME}-at-localhost_11434"


# --- choosing -----------------------------------------------------------------------------------------------------


def row(path: str, test_id: str | None = None, stream_options: str = "") -> Row:
    return Row(path, stream_options, test_id)


def chosen(
    store: Store, rows: list[Row], *, own: bool = False, but: str = "", test_id: str | None = "t"
) -> list[str]:
    paths = store.chosen(
        chat(test_id=test_id), rows, own_test_only=own, but=[store.directory / but] if but else []
    )
    return [path.relative_to(store.directory).as_posix() for path in paths]


def test_a_tests_id_may_be_spelt_as_the_name_of_its_cassette(store: Store) -> None:
    rows = [row("a.json", "a::b[x-y]"), row("b.json", "a::b[x/y]"), row("c.json"), row("d.json", "a::b[x.y]")]

    assert chosen(store, rows, test_id="a::b[x/y]", own=True) == ["b.json"]
    assert chosen(store, rows[:1], test_id="a::b[x/y]", own=True) == ["a.json"]
    assert chosen(store, [rows[0], rows[2]], test_id="a::b[x/y]") == ["a.json"]
    assert chosen(store, rows[1:], test_id="a::b[x-y]", own=True) == []


def test_the_tests_own_comes_first_then_one_without_a_test_then_any_others(store: Store) -> None:
    rows = [row("a.json", "x"), row("b.json", "y"), row("c.json"), row("d.json", "t"), row("e.json", "t")]

    assert chosen(store, rows) == ["d.json"]
    assert chosen(store, rows[:3]) == ["c.json"]
    assert chosen(store, rows[:2]) == ["a.json"]
    assert chosen(store, rows, but="d.json") == ["e.json"]
    assert chosen(store, rows, test_id=None) == ["c.json"]
    assert chosen(store, []) == []


def test_required_tests_get_nothing_of_others(store: Store) -> None:
    rows = [row("a.json", "x"), row("c.json")]
    assert chosen(store, rows, own=True) == []
    assert chosen(store, rows, own=True, test_id="x") == ["a.json"]
    assert chosen(store, rows, own=True, test_id=None) == ["c.json"]


def test_a_sequence_is_in_the_order_of_its_numbers(store: Store) -> None:
    rows = [row(f"a-{number}.json") for number in (10, 2, 3)]
    rows = [*rows, row("a.json"), row("b.json"), row("sub/a-4.json")]
    assert chosen(store, rows) == ["a.json", "a-2.json", "a-3.json", "a-10.json"]


def test_equal_stream_options_come_first_within_a_tier(store: Store) -> None:
    rows = [row("a.json", "t", '{"include_usage":true}'), row("b.json", "t"), row("c.json")]
    assert chosen(store, rows) == ["b.json"]
    assert chosen(store, rows[:1]) == ["a.json"]
    assert chosen(store, [rows[0], rows[2]]) == ["a.json"]


# --- writing ------------------------------------------------------------------------------------------------------


def test_nothing_is_left_beside_a_file(store: Store, folder: Path) -> None:
    store.write("a.json", [b"1"])
    store.write("a.json", [b"2"], companions=[("a.txt", [b"3"])])

    assert names(folder) == ["a.json", "a.txt"]
    assert (folder / "a.json").read_bytes() == b"2"


def test_a_recording_is_in_its_place_before_others_are_removed(store: Store, folder: Path) -> None:
    store.write("a.json", [b"old"], companions=[("a.txt", [b"old"])])
    states = []

    def look() -> None:
        states.append([(folder / name).read_bytes() for name in ("a.json", "a.txt")])

    store.write("a.json", [b"new"], companions=[("a.txt", [b"new"])], after_replacing=look)

    assert states == [[b"new", b"new"]]


def test_a_recording_that_cannot_be_written_leaves_all_as_it_was(store: Store, folder: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"new"
        raise OSError("the disk is full")

    store.write("a.json", [b"old"])
    with pytest.raises(OSError, match="the disk is full"):
        store.write("a.json", broken(), after_replacing=lambda: store.remove(folder / "a.json"))

    assert names(folder) == ["a.json"]
    assert (folder / "a.json").read_bytes() == b"old"


def test_files_that_a_killed_process_left_are_removed_by_the_next_run(store: Store, folder: Path) -> None:
    (folder / ".a.json.99999999.00000000.tmp").touch()
    (folder / f".b.json.{os.getpid()}.00000000.tmp").touch()
    store.write("a.json", [b"{}"])

    assert names(folder) == [f".b.json.{os.getpid()}.00000000.tmp", "a.json"]


@pytest.mark.parametrize("companion", ["b.mp3", "b.json", "notes.txt"])
def test_a_file_that_does_not_bear_the_recordings_name_stays(
    store: Store, folder: Path, companion: str
) -> None:
    path = with_body_in(folder, "a.json", companion)
    store.write("a.json", [b"{}"])
    store.remove(path)

    assert names(folder) == [companion]


def test_a_file_that_another_recording_names_stays(store: Store, folder: Path) -> None:
    path = with_body_in(folder, "a.json", "a.mp3")
    with_body_in(folder, "b.json", "a.mp3")
    store.remove(path)

    assert names(folder) == ["a.mp3", "b.json"]


def with_body_in(folder: Path, name: str, companion: str) -> Path:
    (folder / companion).write_bytes(b"\x00")
    return write_recording(folder, name, REQUEST, {"__file__": companion})


def test_a_recording_that_is_replaced_takes_the_file_of_its_body_with_it(store: Store, folder: Path) -> None:
    with_body_in(folder, "a.json", "a.mp3")
    store.write("a.json", [b"{}"])
    assert names(folder) == ["a.json"]


def test_a_recording_that_is_removed_takes_the_file_of_its_body_with_it(store: Store, folder: Path) -> None:
    path = with_body_in(folder, "a.json", "a.mp3")
    store.remove(path)
    store.remove(path)
    assert names(folder) == []


def test_a_recording_that_is_moved_takes_the_file_of_its_body_with_it(store: Store, folder: Path) -> None:
    path = with_body_in(folder, "a-2.json", "a-2.mp3")
    store.move(path, folder / "a.json")

    assert names(folder) == ["a.json", "a.mp3"]
    assert written(folder, "a.json")["response"]["body"] == {"__file__": "a.mp3"}


def test_a_recording_that_cannot_be_read_is_moved_and_removed_all_the_same(
    store: Store, folder: Path
) -> None:
    (folder / "a-2.json").write_text("{")
    store.move(folder / "a-2.json", folder / "a.json")
    assert names(folder) == ["a.json"]
    store.remove(folder / "a.json")
    assert names(folder) == []


@pytest.mark.parametrize(
    "name", ["../b.txt", "/etc/hostname", "x/y", "..", ".", "", None, 3, "a\0b", "x" * 5000]
)
def test_the_file_of_a_body_is_never_in_another_folder(store: Store, folder: Path, name: JSON) -> None:
    outside = folder.parent / "b.txt"
    outside.write_text("keep me")
    path = write_recording(folder, "a.json", REQUEST, {"__file__": name})

    with pytest.raises(BadRecording, match=r"expected the name of a file beside the recording"):
        companions_of(path, Response({"__file__": name}))
    store.remove(path)

    assert outside.read_text() == "keep me"


@pytest.mark.parametrize("body", [None, [], "x", {}, {"__file__": "x", "a": 1}, {"a": 1}])
def test_a_body_in_the_recording_is_in_no_other_file(folder: Path, body: JSON) -> None:
    assert companions_of(folder / "a.json", Response(body)) == {}


# --- names -------------------------------------------------------------------------------------------------------


def test_a_test_id_never_becomes_a_path(store: Store, folder: Path) -> None:
    for test_id in ("../../etc", "/abs", "a/b", "\x00", "..", "C:\\x", "x" * 5000):
        name = chat(test_id=test_id).name()
        assert os.path.basename(name) == name
        assert len(name) == 64
